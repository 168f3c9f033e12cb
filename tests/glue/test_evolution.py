"""A contract gains a column: table, parking and rows follow without a rewrite."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ledgerlake.contracts import Column
from ledgerlake.errors import ContractError

sys.path.insert(0, str(Path(__file__).parents[1]))
from shop import ITEMS, item, items, order, orders, product, products

pytestmark = pytest.mark.slow

CURRENCY = Column("currency", "string", doc="The shop's word for it, isn't it.")


def test_a_new_optional_column_is_null_in_old_rows_and_rewrites_no_file(lake):
    lake.deliver("orders", "old.csv", orders(order(1)))
    lake.run()
    before = lake.table("orders").read().inputFiles()
    old = lake.contracts["orders"]
    lake.contracts["orders"] = replace(old, columns=(*old.columns, CURRENCY))
    assert lake.run(lake.plan_again())["orders"]["unchanged"] == 1
    assert lake.table("orders").read().inputFiles() == before
    lake.deliver("orders", "new.csv", "currency,order_num,order_id,user_id,order_timestamp,total_amount,date\n"
                 "EUR,7,2,500,2025-04-01T08:00:00,1,2025-04-01\n")  # fmt: skip
    lake.run()
    assert lake.rows("orders", "order_id", "currency") == [(1, None), (2, "EUR")]
    fields = {field.name: field for field in lake.table("orders").read().schema.fields}
    assert fields["currency"].metadata["comment"] == CURRENCY.doc


@pytest.mark.long
def test_rows_that_were_parked_before_the_column_came_are_released_with_null(lake):
    lake.deliver("products", "p.csv", products(product(1)))
    lake.deliver("order_items", "i.csv", items(item(100, 1)))
    lake.run()
    old = lake.contracts["order_items"]
    lake.contracts["order_items"] = replace(old, columns=(*old.columns, Column("note", "string", doc="Free text.")))
    lake.deliver("orders", "o.csv", orders(order(1)))
    lake.deliver("order_items", "j.csv", ITEMS.replace("\n", ",note\n") + item(101, 1) + ",gift\n")
    lake.run()
    assert lake.rows("order_items", "id", "note") == [(100, None), (101, "gift")]


@pytest.mark.parametrize(
    "changed",
    [
        lambda old: replace(old, columns=(*old.columns, replace(CURRENCY, required=True))),
        lambda old: replace(old, columns=(replace(old.columns[0], type="string"), *old.columns[1:])),
        lambda old: replace(old, columns=old.columns[1:]),
    ],
    ids=["required", "other type", "removed"],
)  # fmt: skip
def test_a_change_that_old_rows_do_not_fit_is_refused_with_what_to_do(lake, changed):
    lake.deliver("orders", "old.csv", orders(order(1)))
    lake.run()
    lake.contracts["orders"] = changed(lake.contracts["orders"])
    with pytest.raises(ContractError, match=r"the table orders has .*; expected .*; next step: "):
        lake.job("orders", lake.plan_again().batch_id)
