"""A contract changes the type of a column: table, parking, parents and children follow without losing a value."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ledgerlake import keys
from ledgerlake.errors import ContractError
from ledgerlake_glue import conversion, job, preparation

sys.path.insert(0, str(Path(__file__).parents[1]))
from shop import item, items, order, orders, product, products

pytestmark = pytest.mark.slow

WEB = "WEB-{0:05d},{0},500,2025-04-01T08:00:00,10.0,2025-04-01"


def retype(lake, dataset: str, **types: str) -> None:
    """Give columns of a contract another type, and name the one they had."""
    old = lake.contracts[dataset]
    lake.contracts[dataset] = replace(
        old,
        columns=tuple(
            replace(column, type=types[column.name], was=(column.type,)) if column.name in types else column
            for column in old.columns
        ),
    )


def old_number(number: int, order_num: str) -> str:
    return order(number).replace("7,", f"{order_num},", 1)


@pytest.fixture
def known(monkeypatch):
    """`known(lake)` lets jobs of children find their parents in the lake's contracts."""
    return lambda lake: monkeypatch.setattr(job, "DATASETS", lake.contracts)


def test_the_shipped_contract_rejects_text_and_its_error_names_the_change(lake):
    lake.deliver("orders", "old.csv", orders(order(1)))
    lake.deliver("orders", "web.csv", orders(WEB.format(22000)))
    lake.run()
    assert lake.rejected("orders") == [("web.csv", 1, WEB.format(22000), ["not_bigint: order_num=WEB-22000"])]
    old = lake.contracts["orders"]
    lake.contracts["orders"] = replace(old, columns=(replace(old.columns[0], type="string"), *old.columns[1:]))
    with pytest.raises(ContractError) as error:
        lake.job("orders", lake.plan_again().batch_id)
    assert str(error.value) == (
        "the table orders has order_num bigint; expected the columns of its contract; one that is added later must be "
        'optional; next step: to change the type of order_num, write Column("order_num", "string", was=("bigint",), …) '
        "(docs/trouble/change-a-columns-type.md); else keep the column in the contract as it was, and add a new, "
        "optional one beside it"
    )


def test_a_changed_type_keeps_rows_and_a_backfill_brings_their_texts(lake):
    lake.deliver("orders", "old.csv", orders(old_number(1, "007"), old_number(2, "+5"), old_number(3, "8")))
    lake.deliver("orders", "web.csv", orders(WEB.format(22000)))
    lake.run()
    before = lake.table("orders").read().drop("order_num").collect()
    retype(lake, "orders", order_num="string")
    lake.deliver("orders", "new.csv", orders(WEB.format(22001)))
    counts = lake.run()["orders"]
    assert (counts["rows_read"], counts["inserted"]) == (1, 1)
    assert lake.rows("orders", "order_id", "order_num") == [(1, "7"), (2, "5"), (3, "8"), (22001, "WEB-22001")]
    there = lake.table("orders").read().where("order_id < 100").drop("order_num").collect()
    assert sorted(there) == sorted(before), "lineage and values stay"

    counts = lake.run(lake.plan_again())["orders"]
    assert [counts[name] for name in ("rows_read", "updated", "unchanged", "inserted", "rejected")] == [5, 2, 2, 1, 0]
    assert lake.rows("orders", "order_id", "order_num") == [
        (1, "007"), (2, "+5"), (3, "8"), (22000, "WEB-22000"), (22001, "WEB-22001"),
    ]  # fmt: skip
    assert lake.rejected("orders") == []


def test_the_conversion_is_one_commit_and_changes_nothing_else_of_the_table(lake):
    lake.deliver("orders", "old.csv", orders(order(1), order(2, day="2025-04-02")))
    lake.run()
    table = lake.table("orders")
    detail = table._detail("description", "partitionColumns", "properties")
    comments = {field.name: field.metadata.get("comment") for field in table.read().schema.fields}
    version = table.version()
    retype(lake, "orders", order_num="string")
    lake.table("orders").prepare()
    assert lake.table("orders").version() == version + 1
    lake.table("orders").prepare()
    assert lake.table("orders").version() == version + 1, "a retry finds it done"
    assert lake.table("orders")._detail("description", "partitionColumns", "properties") == detail
    schema = lake.table("orders").read().schema
    assert {field.name: field.metadata.get("comment") for field in schema.fields} == comments
    assert schema["order_num"].dataType.simpleString() == "string"


@pytest.mark.parametrize(
    ("when", "step"),
    [
        pytest.param("before", "convert_table", marks=pytest.mark.long),
        pytest.param("after", "convert_table", marks=pytest.mark.long),
        ("after", "write_parked"),
    ],
)
def test_a_job_that_dies_while_it_converts_is_completed_by_the_next(lake, monkeypatch, step, when):
    waiting_items(lake)
    retype(lake, "order_items", user_id="string")
    lake.deliver("orders", "o.csv", orders(order(1), order(2)))
    planned = lake.plan()
    lake.job("orders", planned.batch_id)
    with monkeypatch.context() as patch:
        for module in (conversion, job, sys.modules["ledgerlake_glue.tables"]):
            if hasattr(module, step):
                patch.setattr(module, step, dying(getattr(conversion, step), when))
        with pytest.raises(InterruptedError):
            lake.job("order_items", planned.batch_id)
    lake.run(planned)
    assert lake.rows("order_items", "id", "user_id") == [(100, "500"), (101, "500"), (102, "500")]
    assert [(row["id"], row["user_id"]) for row in lake.parked("order_items")] == [(103, "500")]


def dying(step, when: str):
    def run(*arguments):
        if when == "after":
            step(*arguments)
        raise InterruptedError

    return run


def waiting_items(lake) -> None:
    """Three items wait for orders 1 and 2 in two parts of the parking; one waits for order 9; one is in the table."""
    lake.deliver("products", "p.csv", products(product(1)))
    lake.deliver("orders", "first.csv", orders(order(5)))
    lake.deliver("order_items", "i.csv", items(item(100, 5), item(101, 1)))
    lake.deliver("order_items", "j.csv", items(item(102, 2), item(103, 9)))
    lake.run()
    assert sorted(row["id"] for row in lake.parked("order_items")) == [101, 102, 103]


@pytest.mark.long
def test_parked_rows_are_converted_before_a_reader_meets_two_types(lake):
    waiting_items(lake)
    retype(lake, "order_items", user_id="string", add_to_cart_order="string")
    lake.deliver("order_items", "k.csv", items(item(104, 8).replace(",500,", ",u-500,")))
    counts = lake.run()["order_items"]
    assert counts["rows_read"] + counts["released"] == counts["parked"]
    parked = {row["id"]: (row["user_id"], row["_source_row"], row["missing"]) for row in lake.parked("order_items")}
    assert parked == {
        101: ("500", 2, ["orders"]),
        102: ("500", 1, ["orders"]),
        103: ("500", 2, ["orders"]),
        104: ("u-500", 1, ["orders"]),
    }
    paths = f"s3://{lake.bucket}/{keys.parked_prefix('order_items')}"
    assert dict(lake.spark.read.parquet(paths).dtypes)["user_id"] == "string"


def test_a_publication_that_an_earlier_contract_began_is_finished_and_converted(lake, monkeypatch):
    """The MERGE was committed with the old type; then the job died, and the new contract was deployed."""
    waiting_items(lake)
    lake.deliver("order_items", "k.csv", items(item(104, 5), item(105, 8)))
    planned = lake.plan()
    with monkeypatch.context() as patch:
        patch.setattr(preparation, "park", dying(preparation.park, "before"))
        with pytest.raises(InterruptedError):
            lake.job("order_items", planned.batch_id)
    retype(lake, "order_items", user_id="string")
    lake.run(planned)
    assert lake.rows("order_items", "id", "user_id") == [(100, "500"), (104, "500")]
    assert sorted((row["id"], row["user_id"]) for row in lake.parked("order_items")) == [
        (101, "500"), (102, "500"), (103, "500"), (105, "500"),
    ]  # fmt: skip


@pytest.mark.parametrize("first", ["orders", pytest.param("order_items", marks=pytest.mark.long)])
def test_a_key_and_what_refers_to_it_change_in_any_order(lake, known, first):
    waiting_items(lake)
    known(lake)
    retype(lake, "orders", order_id="string")
    retype(lake, "order_items", order_id="string")
    if first == "orders":  # the parent is converted, and its child has nothing to do yet
        lake.deliver("orders", "o.csv", orders(order(1), order(6).replace(",6,", ",W-6,")))
        lake.job("orders", lake.plan().batch_id)
        lake.deliver("order_items", "n.csv", items(item(110, 5).replace(",5,", ",W-6,", 1)))
        lake.run()
    else:
        lake.deliver("order_items", "n.csv", items(item(110, 5), item(111, 5).replace(",5,", ",05,", 1)))
        lake.run()
        assert lake.rows("order_items", "id", "order_id") == [(100, "5"), (110, "5")], "05 is no order any more"
        lake.deliver("orders", "o.csv", orders(order(1), order(6).replace(",6,", ",05,")))
        lake.run()
    lake.deliver("orders", "p.csv", orders(order(2)))
    lake.run()
    found = dict(lake.rows("order_items", "id", "order_id"))
    more = {110: "W-6"} if first == "orders" else {110: "5", 111: "05"}
    assert found == {100: "5", 101: "1", 102: "2"} | more
    assert [row["id"] for row in lake.parked("order_items")] == [103]


@pytest.mark.parametrize(
    ("was", "now", "sql", "text"),
    [
        ("int", "bigint", "-7", "-7"),
        ("int", "double", "2147483647", "2.147483647E9"),
        ("int", "decimal(12,2)", "-2147483648", "-2147483648.00"),
        ("bigint", "decimal(19,0)", "-9223372036854775808", "-9223372036854775808"),
        ("bigint", "string", "-9223372036854775807L", "-9223372036854775807"),
        ("boolean", "string", "false", "false"),
        ("date", "string", "date'0001-01-01'", "0001-01-01"),
        ("date", "timestamp", "date'9999-12-31'", "9999-12-31 00:00:00"),
        ("decimal(12,10)", "string", "0.0000000001", "0.0000000001"),
        ("decimal(38,2)", "string", "-" + 12 * "123" + ".78", "-" + 12 * "123" + ".78"),
        ("decimal(10,2)", "decimal(12,3)", "1.25", "1.250"),
        ("double", "decimal(18,2)", "double(0.1)", "0.10"),
        ("double", "decimal(20,2)", "double(123456789012.34)", "123456789012.34"),
        ("double", "decimal(20,2)", "double(1e10)", "10000000000.00"),
    ],
)
def test_a_value_is_the_same_after_the_change(spark, was, now, sql, text):
    expression = conversion._sql("value", was, now)
    given = f"select cast({sql} as {was}) as value"
    changed = f"select value, {expression} as new from ({given})"
    row = spark.sql(f"select cast(new as string), cast(new as {was}) <=> value from ({changed})").first()
    assert tuple(row) == (text, True)


def test_a_double_that_no_decimal_of_the_contract_holds_stops_the_change(lake, monkeypatch):
    """Nothing is written then, and the message says of which values it speaks."""
    monkeypatch.setattr("ledgerlake.contracts.columns.TYPES", ("decimal(10,2)", *DATASET_TYPES))
    lake.deliver("orders", "o.csv", orders(order(1, 1.5), order(2, 1.005), order(3, 0.1)))
    lake.run()
    version = lake.table("orders").version()
    retype(lake, "orders", total_amount="decimal(10,2)")
    with pytest.raises(ContractError, match=r"orders: 1 values of total_amount, double, have no equal of the new type"):
        lake.table("orders").prepare()
    assert lake.table("orders").version() == version


DATASET_TYPES = ("bigint", "int", "double", "boolean", "string", "date", "timestamp")
