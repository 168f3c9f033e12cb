from __future__ import annotations

import dataclasses

import pytest

from ledgerlake.contracts import DATASETS, Column, Dataset, Reference, Rule, dataset
from ledgerlake.contracts.model import in_order
from ledgerlake.errors import ContractError

KEY = Column("id", "bigint", required=True, doc="Key.")
DAY = Column("day", "date", required=True, doc="Day.")
NOTE = Column("note", "string", doc="Note.")


def make(**changes) -> Dataset:
    given = {"name": "things", "job": "things_etl", "doc": "Things.", "columns": (KEY, DAY, NOTE), "key": ("id",)}
    return Dataset(**given | changes)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"key": ()}, "has no key"),
        ({"key": ("nothing",)}, "no column 'nothing'"),
        ({"key": ("note",)}, "optional"),
        ({"partition_by": ("note",)}, "optional"),
        ({"partition_by": ("name",), "columns": (KEY, Column("name", "string", required=True, doc="N."))}, "string"),
        ({"columns": (KEY, KEY)}, "more than once"),
        ({"rules": (Rule("a", "id > 0", ("id",)), Rule("a", "id > 1", ("id",)))}, "more than once"),
        ({"rules": (Rule("a", "other > 0", ("other",)),)}, "no column 'other'"),
        ({"references": (Reference("other", "parents"),)}, "no column 'other'"),
        ({"formats": (".xlsx",)}, ".xlsx"),
        ({"delimiter": "||"}, "delimited"),
    ],
)
def test_a_contract_that_contradicts_itself_is_refused_where_it_is_declared(changes, says):
    with pytest.raises(ContractError, match=says):
        make(**changes)


@pytest.mark.parametrize(
    "column",
    [{"name": "Upper"}, {"name": "_mine"}, {"type": "varchar"}, {"doc": ""}],
)
def test_a_column_without_a_plain_name_a_known_type_or_a_doc_is_refused(column):
    with pytest.raises(ContractError):
        Column(**{"name": "a", "type": "int", "doc": "A."} | column)


def test_parents_come_before_their_children_and_have_one_key_of_the_same_type():
    parent = make(name="parents")
    child = make(name="children", references=(Reference("id", "parents"),))
    assert list(in_order((parent, child))) == ["parents", "children"]
    with pytest.raises(ContractError, match="references 'parents'"):
        in_order((child, parent))
    with pytest.raises(ContractError, match="same type"):
        in_order((make(name="parents", key=("id", "day")), child))
    with pytest.raises(ContractError, match="two datasets"):
        in_order((parent, parent))


def test_contracts_cannot_be_changed_at_run_time():
    with pytest.raises(dataclasses.FrozenInstanceError):
        DATASETS["orders"].name = "other"


def test_the_shop_is_declared_as_its_documents_say():
    assert {name: (each.key, each.partition_by, each.job) for name, each in DATASETS.items()} == {
        "products": (("product_id",), ("department_id",), "product_etl"),
        "orders": (("order_id",), ("date",), "orders_etl"),
        "order_items": (("id",), ("date",), "order_items_etl"),
    }
    assert [each.dataset for each in dataset("order_items").references] == ["orders", "products"]
    with pytest.raises(ContractError, match="products, orders, order_items"):
        dataset("order")
