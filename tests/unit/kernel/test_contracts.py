"""A contract that contradicts itself is refused where it is declared."""

import dataclasses

import pytest

from ledgerlake import contracts
from ledgerlake.contracts import DATASETS, Column, Dataset, Reference, Rule
from ledgerlake.contracts.model import in_order
from ledgerlake.contracts.type_changes import is_lossless
from ledgerlake.errors import ContractError

ID = Column("id", "bigint", required=True, doc="Never reused.")
DAY = Column("day", "date", required=True, doc="Business day.")
NOTE = Column("note", "string", doc="Free text.")
WORD = Column("word", "string", required=True, doc="One word.")


def declare(**changes):
    given = {"name": "things", "job": "things_etl", "doc": "Things.", "columns": (ID, DAY, NOTE, WORD), "key": ("id",)}
    return Dataset(**(given | changes))


def test_a_valid_contract_is_taken():
    things = declare(partition_by=("day",), rules=(Rule("id_positive", "id > 0", shows=("id",)),))

    assert things.column_names == ("id", "day", "note", "word")
    assert things.required == ("id", "day", "word")
    assert things.column("day") is DAY


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"columns": (ID, ID)}, "id more than once"),
        ({"rules": (Rule("a", "id > 0", ("id",)), Rule("a", "id > 1", ("id",)))}, "rule a more than once"),
        ({"key": ()}, "no key"),
        ({"key": ("nothing",)}, "no column 'nothing'"),
        ({"key": ("note",)}, "note is part of the key but optional"),
        ({"partition_by": ("nothing",)}, "no column 'nothing'"),
        ({"partition_by": ("note",)}, "note is part of the partition but optional"),
        ({"partition_by": ("word",)}, "partitioned by word, a string"),
        ({"references": (Reference("nothing", "things"),)}, "no column 'nothing'"),
        ({"rules": (Rule("a", "id > 0", ("nothing",)),)}, "no column 'nothing'"),
        ({"formats": (".csv", ".xlsx")}, "accepts ['.xlsx']"),
        ({"delimiter": ""}, "delimited by ''"),
        ({"delimiter": "||"}, "delimited by '||'"),
        ({"delimiter": '"'}, "delimited by"),
        ({"delimiter": "\n"}, "delimited by"),
        ({"null_words": ("",)}, "null words ['']"),
        ({"null_words": ("null", " n/a")}, "null words [' n/a']"),
    ],
)
def test_a_dataset_that_contradicts_itself_is_refused_and_the_error_names_the_fault(changes, names):
    with pytest.raises(ContractError) as error:
        declare(**changes)

    assert names in str(error.value)
    assert "things" in str(error.value)


@pytest.mark.parametrize("name", ["", "Id", "_id", "1st", "order id", "order-id", "größe", "id\n"])
def test_a_name_that_athena_would_not_show_as_it_is_written_is_refused(name):
    with pytest.raises(ContractError, match="column name"):
        Column(name, "bigint", doc="A number.")
    with pytest.raises(ContractError, match="rule name"):
        Rule(name, "id > 0", shows=("id",))


def test_a_column_of_unknown_type_is_refused_with_the_types_there_are():
    with pytest.raises(ContractError, match=r"total of type 'decimal'.*one of bigint, int, double.*decimal\(12,2\)"):
        Column("total", "decimal", doc="A sum.")


@pytest.mark.parametrize(
    ("kind", "digits"), [("decimal(12,2)", (12, 2)), ("decimal(38,38)", (38, 38)), ("decimal(1,0)", (1, 0))]
)
def test_a_decimal_has_precision_and_scale(kind, digits):
    column = Column("total", kind, doc="A sum.", thousands=".", decimal=",")
    assert (column.digits, column.kind) == (digits, "decimal")


@pytest.mark.parametrize(
    "kind",
    [
        "decimal(0,0)",
        "decimal(39,2)",
        "decimal(5,6)",
        "decimal(12, 2)",
        "decimal(12)",
        "decimal(012,2)",
        "DECIMAL(12,2)",
    ],
)
def test_a_decimal_that_no_engine_holds_is_refused(kind):
    with pytest.raises(ContractError, match="column total of type"):
        Column("total", kind, doc="A sum.")


def _wide(columns: int, rules: int) -> dict[str, object]:
    more = tuple(Column(f"c{n}", "int", required=True, doc="C.") for n in range(columns))
    return {
        "columns": (Column("id", "bigint", required=True, doc="I."), *more),
        "rules": tuple(Rule(f"r{n}", "id > 0", shows=("id",)) for n in range(rules)),
    }


def test_a_contract_of_more_tests_than_a_row_has_flags_is_refused():
    assert len(declare(**_wide(columns=29, rules=1)).tests) == 62
    with pytest.raises(ContractError) as error:
        declare(**_wide(columns=29, rules=2))
    assert "things tests each row 63 times: 30 required columns, 30 columns that are no strings, 2 rules" in str(
        error.value
    )
    assert "at most 62 tests" in str(error.value)


def test_a_column_without_a_doc_is_refused():
    with pytest.raises(ContractError, match="total has no doc"):
        Column("total", "double")


@pytest.mark.parametrize("thousands", ["", ",", " ", "'", "\u00a0", "\u202f"])
def test_a_number_may_have_a_separator_between_thousands(thousands):
    assert Column("total", "double", doc="A sum.", thousands=thousands).thousands == thousands


@pytest.mark.parametrize(
    ("kind", "separators", "names"),
    [
        ("date", {"thousands": ","}, "total of type date has separators"),
        ("string", {"decimal": ","}, "total of type string has separators"),
        ("double", {"thousands": "."}, "both between thousands and before the fraction"),
        ("bigint", {"thousands": ",", "decimal": ","}, "both between thousands and before the fraction"),
        ("double", {"decimal": ""}, "decimal=''"),
        ("double", {"decimal": ";"}, "decimal=';'"),
        ("double", {"thousands": "0"}, "thousands='0'"),
        ("double", {"thousands": "-"}, "thousands='-'"),
        ("int", {"thousands": ",,"}, "thousands=',,'"),
    ],
)
def test_separators_that_would_make_a_number_ambiguous_are_refused(kind, separators, names):
    with pytest.raises(ContractError, match="column total") as error:
        Column("total", kind, doc="A sum.", **separators)

    assert names in str(error.value)


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ("int", "bigint"),
        ("int", "double"),
        ("int", "string"),
        ("bigint", "string"),
        ("date", "string"),
        ("date", "timestamp"),
        ("boolean", "string"),
    ],
)
def test_a_column_may_have_had_a_type_whose_values_all_fit_the_new_one(was, now):
    assert Column("a", now, doc="A.", was=(was,)).was == (was,)


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ("double", "string"),  # the text of a double is not what was delivered
        ("bigint", "double"),  # above 2^53 digits are lost
        ("bigint", "int"),
        ("string", "bigint"),
        ("timestamp", "date"),
        ("timestamp", "string"),
        ("bigint", "bigint"),
        ("money", "string"),
    ],
)
def test_a_change_of_type_that_may_lose_values_is_refused_with_a_remedy(was, now):
    with pytest.raises(ContractError, match=f"column a of type {now} was {was}; expected .*; next step: keep"):
        Column("a", now, doc="A.", was=(was,))


@pytest.mark.parametrize(
    ("was", "now", "lossless"),
    [
        ("int", "decimal(12,2)", True),
        ("int", "decimal(11,2)", False),
        ("bigint", "decimal(19,0)", True),
        ("bigint", "decimal(20,2)", False),
        ("decimal(10,2)", "decimal(12,3)", True),
        ("decimal(10,2)", "decimal(10,3)", False),
        ("decimal(10,2)", "decimal(12,1)", False),
        ("decimal(10,2)", "decimal(10,2)", False),
        ("decimal(10,2)", "string", True),
        ("double", "decimal(18,2)", True),  # the job compares each value
        ("boolean", "decimal(18,2)", False),
    ],
)
def test_a_decimal_must_be_wide_enough_for_what_the_column_was(was, now, lossless):
    assert is_lossless(was, now) is lossless


def test_a_rule_that_shows_no_column_is_refused():
    with pytest.raises(ContractError, match="total_not_negative shows no column"):
        Rule("total_not_negative", "total >= 0", shows=())


@pytest.mark.parametrize("what", [ID, Rule("a", "id > 0", ("id",)), declare()])
def test_a_contract_cannot_be_changed_after_it_was_checked(what):
    with pytest.raises(dataclasses.FrozenInstanceError):
        what.name = "other"


def test_datasets_keep_the_order_in_which_they_are_declared():
    parent, child = declare(name="parents"), declare(name="children", references=(Reference("id", "parents"),))

    assert list(in_order((parent, child))) == ["parents", "children"]


def test_a_child_before_its_parent_is_refused():
    parent, child = declare(name="parents"), declare(name="children", references=(Reference("id", "parents"),))

    with pytest.raises(ContractError, match=r"children.id references 'parents'.*declared before it: none is"):
        in_order((child, parent))


def test_a_dataset_cannot_be_its_own_parent():
    with pytest.raises(ContractError, match="declared before it"):
        in_order((declare(references=(Reference("id", "things"),)),))


def test_two_datasets_of_one_name_are_refused():
    with pytest.raises(ContractError, match="two datasets are called things"):
        in_order((declare(), declare()))


@pytest.mark.parametrize(
    "parent", [declare(name="parents", key=("id", "day")), declare(name="parents", key=("word",))], ids=["two", "type"]
)
def test_a_reference_to_a_key_of_two_columns_or_of_another_type_is_refused(parent):
    child = declare(name="children", references=(Reference("id", "parents"),))

    with pytest.raises(ContractError, match="a key of one column and of the same type"):
        in_order((parent, child))


def test_the_shop_is_declared_as_its_documents_say():
    assert {name: (each.key, each.partition_by, each.job) for name, each in DATASETS.items()} == {
        "products": (("product_id",), ("department_id",), "product_etl"),
        "orders": (("order_id",), ("date",), "orders_etl"),
        "order_items": (("id",), ("date",), "order_items_etl"),
    }
    assert list(DATASETS) == ["products", "orders", "order_items"]
    assert [each.dataset for each in DATASETS["order_items"].references] == ["orders", "products"]


def test_every_dataset_and_column_of_the_shop_says_what_it_means():
    for dataset in DATASETS.values():
        assert dataset.doc.strip().endswith("."), dataset.name
        for column in dataset.columns:
            assert column.doc.endswith("."), f"{dataset.name}.{column.name}"


def test_no_two_datasets_are_written_by_one_job():
    jobs = [dataset.job for dataset in DATASETS.values()]

    assert len(jobs) == len(set(jobs))


def test_the_customer_of_an_order_is_marked_as_personal_data():
    assert [name for name, dataset in DATASETS.items() if any(column.sensitive for column in dataset.columns)] == [
        "orders",
        "order_items",
    ]


def test_a_dataset_is_found_by_its_name_and_a_wrong_name_is_answered_with_the_right_ones():
    assert contracts.dataset("orders") is DATASETS["orders"]
    with pytest.raises(ContractError, match="no dataset 'order'; expected one of products, orders, order_items"):
        contracts.dataset("order")
