"""From delivered files to table, rejects, parking and ledger, with Spark and Delta."""

from __future__ import annotations

import dataclasses
import gzip
import sys
from pathlib import Path

import pytest
from pyspark.sql import functions as F

sys.path.insert(0, str(Path(__file__).parents[1]))
from shop import ITEMS, item, items, order, orders, product, products
from spark_lake import set_all

from ledgerlake import keys
from ledgerlake.contracts.model import Rule
from ledgerlake.errors import NotPublished
from ledgerlake_glue import job, preparation, publishing

FATES = ("rows_read", "released", "inserted", "updated", "unchanged", "superseded", "rejected", "parked")


def counts(summary: dict) -> dict[str, int]:
    return {name: summary[name] for name in FATES if summary[name]}


def load_shop(lake) -> None:
    lake.deliver("products", "products.csv", products(product(1), product(2)))
    lake.deliver("orders", "2025-04-01.csv", orders(order(10), order(11, 20.5)))
    lake.deliver("order_items", "2025-04-01.csv", items(item(100, 10), item(101, 11, 2)))


@pytest.mark.slow
def test_a_first_day_is_inserted_with_its_lineage(lake):
    load_shop(lake)
    done = lake.run()
    assert {name: counts(summary) for name, summary in done.items()} == {
        name: {"rows_read": 2, "inserted": 2} for name in ("products", "orders", "order_items")
    }
    assert lake.rows("orders", "order_id", "total_amount", "_source_file", "_source_row") == [
        (10, 10.0, "raw/orders/2025-04-01.csv", 1),
        (11, 20.5, "raw/orders/2025-04-01.csv", 2),
    ]
    assert [row["inserted"] for row in lake.ledger()] == [2, 2, 2]


@pytest.mark.slow
def test_items_whose_orders_are_in_the_batch_and_not_published_are_not_judged(lake):
    """As when somebody marks the task of the orders successful: the items would be parked, and stay so."""
    load_shop(lake)
    planned = lake.plan()
    lake.job("products", planned.batch_id)
    with pytest.raises(NotPublished, match="orders_etl first"):
        lake.job("order_items", planned.batch_id)
    assert [summary["inserted"] for summary in lake.run(planned).values()] == [2, 2, 2]
    assert lake.parked("order_items") == []


@pytest.mark.slow
def test_a_rejected_row_carries_all_its_reasons_and_its_original_text(lake):
    lake.deliver(
        "orders",
        "2025-04-01.csv",
        orders(
            order(1),
            "7,,500,2025-02-30T25:61:00,-5,2025-04-01",
            'x,"3",500,2025-04-01T08:00:00,ten,2025-04-31',
            "7,4,500,2025-04-01T08:00:00,1.5",
            "7,5,500,2025-04-01T08:00:00,1.5,2025-04-01,extra",
            "7,6,500,2025-04-01T08:00:00,NaN,2025-04-01",
        ),
    )
    summary = lake.run()["orders"]
    assert counts(summary) == {"rows_read": 6, "inserted": 1, "rejected": 5}
    assert lake.rejected("orders") == [
        (
            "2025-04-01.csv",
            2,
            "7,,500,2025-02-30T25:61:00,-5,2025-04-01",
            [
                "required: order_id is empty",
                "not_timestamp: order_timestamp=2025-02-30T25:61:00",
                "total_not_negative: total_amount=-5",
            ],
        ),
        (
            "2025-04-01.csv",
            3,
            'x,"3",500,2025-04-01T08:00:00,ten,2025-04-31',
            ["not_bigint: order_num=x", "not_double: total_amount=ten", "not_date: date=2025-04-31"],
        ),
        ("2025-04-01.csv", 4, "7,4,500,2025-04-01T08:00:00,1.5", ["wrong_width: 5 fields, expected 6"]),
        (
            "2025-04-01.csv",
            5,
            "7,5,500,2025-04-01T08:00:00,1.5,2025-04-01,extra",
            ["wrong_width: 7 fields, expected 6"],
        ),
        (
            "2025-04-01.csv",
            6,
            "7,6,500,2025-04-01T08:00:00,NaN,2025-04-01",
            ["not_double: total_amount=NaN"],
        ),
    ]


@pytest.mark.long
@pytest.mark.slow
def test_of_duplicates_within_and_across_files_the_last_to_arrive_stays(lake):
    lake.deliver("orders", "a.csv", orders(order(1, 1), order(1, 2), order(2, 5)))
    lake.deliver("orders", "b.csv", orders(order(1, 3), order(1, 3)))
    summary = lake.run()["orders"]
    assert counts(summary) == {"rows_read": 5, "inserted": 2, "superseded": 3}
    assert lake.rows("orders", "order_id", "total_amount", "_source_file", "_source_row") == [
        (1, 3.0, "raw/orders/b.csv", 2),
        (2, 5.0, "raw/orders/a.csv", 3),
    ]


@pytest.mark.slow
def test_the_rows_of_a_day_become_one_file_however_many_tasks_have_judged_them(lake):
    several = {
        "spark.sql.shuffle.partitions": "4",
        "spark.sql.adaptive.coalescePartitions.enabled": "false",
        "spark.sql.files.openCostInBytes": str(128 << 20),  # each file of the stage is read by its own task
    }
    before = {name: lake.spark.conf.get(name) for name in several}
    days = [f"2025-04-0{1 + number % 3}" for number in range(60)]
    set_all(lake.spark, several)
    try:
        for first in (1, 101):  # into an empty table, and into one that has these days already
            every = [order(number, day=day) for number, day in enumerate(days, first)]
            lake.deliver("orders", f"{first}-a.csv", orders(*every[::2]))
            lake.deliver("orders", f"{first}-b.csv", orders(*every[1::2]))
            assert counts(lake.run()["orders"]) == {"rows_read": 60, "inserted": 60}
    finally:
        set_all(lake.spark, before)
    files = lake.table("orders").read().select(F.col("date").cast("string"), F.input_file_name()).distinct()
    assert sorted(row.date for row in files.collect()) == sorted([*set(days), *set(days)])


@pytest.mark.long
@pytest.mark.slow
def test_a_correction_that_changes_the_date_moves_the_row_to_the_other_partition(lake):
    load_shop(lake)
    lake.run()
    lake.deliver("orders", "2025-04-02.csv", orders(order(10, 99.0, day="2025-04-02"), order(12, 1, day="2025-04-02")))
    assert counts(lake.run()["orders"]) == {"rows_read": 2, "inserted": 1, "updated": 1}
    assert [(n, total, str(day)) for n, total, day in lake.rows("orders", "order_id", "total_amount", "date")] == [
        (10, 99.0, "2025-04-02"),
        (11, 20.5, "2025-04-01"),
        (12, 1.0, "2025-04-02"),
    ]


@pytest.mark.long
@pytest.mark.slow
def test_an_orphan_is_parked_and_released_by_itself_when_its_parent_arrives(lake):
    load_shop(lake)
    lake.deliver("order_items", "2025-04-02.csv", items(item(200, 77), item(201, 10), item(202, 78, 9)))
    assert counts(lake.run()["order_items"]) == {"rows_read": 5, "inserted": 3, "parked": 2}
    assert sorted((row["id"], tuple(row["missing"])) for row in lake.parked("order_items")) == [
        (200, ("orders",)),
        (202, ("orders", "products")),
    ]
    lake.deliver("orders", "2025-04-03.csv", orders(order(77), order(78)))
    done = lake.run()
    assert counts(done["order_items"]) == {"released": 1, "inserted": 1}
    assert [key for (key,) in lake.rows("order_items", "id")] == [100, 101, 200, 201]
    assert [(row["id"], row["missing"]) for row in lake.parked("order_items")] == [(202, ["products"])]
    lake.deliver("products", "more.csv", products(product(9)))
    assert counts(lake.run()["order_items"]) == {"released": 1, "inserted": 1}
    assert lake.parked("order_items") == []
    released = [row for row in lake.ledger() if row["released"]]
    assert {row["source_file"] for row in released} == {"raw/order_items/2025-04-02.csv"}


@pytest.mark.long
@pytest.mark.slow
def test_an_older_delivery_that_is_processed_later_never_overwrites_newer_rows(lake):
    """The late file landed first; only its batch came last."""
    lake.deliver("orders", "old.csv", orders(order(1, 1), order(2, 1)))
    late = lake.plan()
    lake.s3.delete_object(Bucket=lake.bucket, Key=f"batches/open/{late.batch_id}.json")
    first = late.deliveries[0]
    body = lake.s3.get_object(Bucket=lake.bucket, Key=first.key, VersionId=first.version_id)["Body"].read()
    lake.s3.put_object(Bucket=lake.bucket, Key=first.archive_key, Body=body)
    lake.s3.delete_object(Bucket=lake.bucket, Key=first.key, VersionId=first.version_id)
    lake.deliver("orders", "new.csv", orders(order(1, 2)))
    assert counts(lake.run()["orders"]) == {"rows_read": 1, "inserted": 1}
    assert counts(lake.job("orders", late.batch_id)) == {"rows_read": 2, "inserted": 1, "superseded": 1}
    assert lake.rows("orders", "order_id", "total_amount") == [(1, 2.0), (2, 1.0)]


@pytest.mark.slow
def test_running_the_job_of_a_batch_again_changes_nothing(lake):
    load_shop(lake)
    lake.deliver("order_items", "more.csv", items(item(300, 99), "x,,,,,,,,"))
    planned = lake.plan()
    first = {name: lake.job(name, planned.batch_id) for name in planned.datasets}
    before = (lake.rows("order_items", "id", "_batch_id"), lake.rejected("order_items"), lake.parked("order_items"))
    version = lake.table("order_items").version()
    assert {name: lake.job(name, planned.batch_id) for name in planned.datasets} == first
    after = (lake.rows("order_items", "id", "_batch_id"), lake.rejected("order_items"), lake.parked("order_items"))
    assert after == before
    assert lake.table("order_items").version() == version


@pytest.mark.slow
@pytest.mark.parametrize(
    "lost",
    [
        pytest.param("nothing", id="nothing is lost", marks=pytest.mark.long),
        pytest.param("staging/", id="the stage has expired"),
        pytest.param("control/publishing/order_items.json", id="the mark is lost", marks=pytest.mark.long),
        pytest.param("control/publishing/order_items/", id="what was prepared is lost", marks=pytest.mark.long),
    ],
)
def test_a_retry_after_the_merge_publishes_what_the_first_try_could_not(lake, monkeypatch, lost):
    load_shop(lake)
    lake.deliver("order_items", "more.csv", items(item(300, 99)))
    planned = lake.plan()
    for name in ("products", "orders"):
        lake.job(name, planned.batch_id)
    stop_at(preparation, "park", lake, planned, monkeypatch)
    version = lake.table("order_items").version()
    assert lake.parked("order_items") == []
    lake.remove(lost)
    assert counts(lake.job("order_items", planned.batch_id)) == {"rows_read": 3, "inserted": 2, "parked": 1}
    assert lake.table("order_items").version() == version
    assert [row["id"] for row in lake.parked("order_items")] == [300]
    assert lake.keys("control/publishing/") == []
    entries = lake.parquet(f"{keys.LEDGER}dataset=order_items/")
    assert sum(entry["inserted"] for entry in entries) == len(lake.rows("order_items", "id"))


@pytest.mark.long
@pytest.mark.slow
def test_a_batch_that_only_parks_ends_balanced_although_its_stage_has_expired(lake, monkeypatch):
    load_shop(lake)
    lake.run(lake.plan())
    lake.deliver("order_items", "more.csv", items(item(300, 99)))
    planned = lake.plan()
    stop_at(publishing, "_ledger", lake, planned, monkeypatch)
    lake.remove("staging/")
    assert counts(lake.job("order_items", planned.batch_id)) == {"rows_read": 1, "parked": 1}
    assert [row["id"] for row in lake.parked("order_items")] == [300]


@pytest.mark.slow
def test_a_stage_of_which_a_part_has_expired_is_made_anew(lake, monkeypatch):
    load_shop(lake)
    lake.run(lake.plan())
    lake.deliver("order_items", "more.csv", items(item(300, 99), item(301, 10)))
    planned = lake.plan()
    stop_at(job, "publish", lake, planned, monkeypatch)
    lake.remove(next(key for key in lake.keys("staging/") if "/order_items/" in key and "_fate=parked" in key))
    assert counts(lake.job("order_items", planned.batch_id)) == {"rows_read": 2, "inserted": 1, "parked": 1}


@pytest.mark.long
@pytest.mark.slow
def test_a_merge_that_was_undone_is_done_again(lake, monkeypatch):
    """As the error says that finds a table with other rows than the verdict's."""
    load_shop(lake)
    planned = lake.plan()
    for name in ("products", "orders"):
        lake.job(name, planned.batch_id)
    stop_at(preparation, "park", lake, planned, monkeypatch)
    table = lake.table("order_items")
    table.spark.sql(f"restore delta.`{table.path}` to version as of {table.version() - 1}")
    assert counts(lake.job("order_items", planned.batch_id)) == {"rows_read": 2, "inserted": 2}
    assert len(lake.rows("order_items", "id")) == 2


def stop_at(module, step, lake, planned, monkeypatch):
    """The job of `order_items` ends just before that step."""
    with monkeypatch.context() as broken:
        broken.setattr(module, step, lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            lake.job("order_items", planned.batch_id)


@pytest.mark.slow
def test_an_unreadable_file_is_rejected_as_one_row_and_the_rest_of_the_batch_goes_on(lake):
    good = orders(*(order(n) for n in range(1, 4)))
    lake.deliver("orders", "good.csv", good)
    lake.deliver("orders", "latin.csv", orders(order(50)).encode() + "7,51,é,x,1,2025-04-01\n".encode("latin-1"))
    lake.deliver("orders", "cut.csv.gz", gzip.compress(orders(*(order(n) for n in range(100, 9000))).encode())[:-200])
    lake.deliver("orders", "header.csv", "order_num,order_id\n1,2\n")
    lake.deliver("orders", "quote.csv", orders('7,60,500,2025-04-01T08:00:00,1,"2025-04-01', order(61)))
    lake.deliver("orders", "what.xlsx", b"PK")
    lake.deliver("orders", "empty.csv", b"")
    for name in ("only-header.csv", "quiet-1.csv", "quiet-2.csv"):
        lake.deliver("orders", name, orders())
    summary = lake.run()["orders"]
    assert counts(summary) == {"rows_read": 8, "inserted": 3, "rejected": 5}
    # the lines of `header.csv` and `quote.csv`; the others are no text, or have none
    assert (summary["files_rejected"], summary["lines_rejected"]) == (5, 3)
    rules = {name: reasons[0].split(":")[0] for name, row, original, reasons in lake.rejected("orders") if row is None}
    assert rules == {
        "cut.csv.gz": "unreadable_file",
        "header.csv": "missing_column",
        "latin.csv": "wrong_encoding",
        "quote.csv": "unclosed_quote",
        "what.xlsx": "unknown_format",
    }
    assert sorted(
        (row["source_file"].rpartition("/")[2], row["rows_read"], row["rejected"]) for row in lake.ledger()
    ) == [
        ("cut.csv.gz", 1, 1),
        ("empty.csv", 0, 0),
        ("good.csv", 3, 0),
        ("header.csv", 1, 1),
        ("latin.csv", 1, 1),
        ("only-header.csv", 0, 0),
        ("quiet-1.csv", 0, 0),
        ("quiet-2.csv", 0, 0),
        ("quote.csv", 1, 1),
        ("what.xlsx", 1, 1),
    ]


@pytest.mark.slow
def test_rows_without_a_value_are_in_no_count_but_in_the_summary(lake):
    lake.deliver("orders", "sheet.csv", "sep=;\n" + orders(order(1), ",,,,,", " ,", order(2)).replace(",", ";"))
    summary = lake.run()["orders"]
    assert counts(summary) == {"rows_read": 2, "inserted": 2}
    assert summary["blank_rows"] == {"raw/orders/sheet.csv": 2}
    assert lake.rows("orders", "order_id", "_source_row") == [(1, 1), (2, 4)]


@pytest.mark.slow
def test_columns_are_found_by_header_name_in_every_file_for_itself(lake):
    lake.deliver("products", "a.csv", "\ufeffproduct_name, Department ,department_id,PRODUCT_ID\r\nLamp,Home,1,1\r\n")
    lake.deliver(
        "products", "b.csv", 'colour,product_id,"department_id",department,product_name\nred,2.0,1,Home,"A ""b"""\n'
    )
    summary = lake.run()["products"]
    assert counts(summary) == {"rows_read": 2, "inserted": 2}
    assert summary["unknown_columns"] == {"raw/products/b.csv": ["colour"]}
    assert lake.rows("products", "product_id", "product_name", "department") == [
        (1, "Lamp", "Home"),
        (2, 'A "b"', "Home"),
    ]


@pytest.mark.long
@pytest.mark.slow
def test_two_versions_of_one_object_are_two_deliveries(lake):
    lake.deliver("orders", "day.csv", orders(order(1, 1), order(2, 2)))
    lake.deliver("orders", "day.csv", orders(order(1, 9)))
    assert counts(lake.run()["orders"]) == {"rows_read": 3, "inserted": 2, "superseded": 1}
    assert lake.rows("orders", "order_id", "total_amount") == [(1, 9.0), (2, 2.0)]


@pytest.mark.long
@pytest.mark.slow
def test_a_null_in_an_optional_column_is_kept_and_a_negative_number_of_days_is_rejected(lake):
    load_shop(lake)
    lake.deliver(
        "order_items",
        "more.csv",
        ITEMS + "200,10,500,,1,1,true,2025-04-01 08:00:00Z,2025-04-01\n201,10,500,-1,1,0,maybe,2025-04-01,2025-04-01\n",
    )
    lake.run()
    assert (200, None, True) in lake.rows("order_items", "id", "days_since_prior_order", "reordered")
    assert lake.rejected("order_items")[0][3] == [
        "not_boolean: reordered=maybe",
        "days_not_negative: days_since_prior_order=-1",
        "cart_position_from_one: add_to_cart_order=0",
    ]


@pytest.mark.slow
def test_a_rule_that_is_null_is_a_broken_rule(lake):
    known = Rule("days_known", "days_since_prior_order >= 0", shows=("days_since_prior_order",))
    lake.contracts["order_items"] = dataclasses.replace(lake.contracts["order_items"], rules=(known,))
    load_shop(lake)
    lake.deliver(
        "order_items",
        "more.csv",
        ITEMS + "200,10,500,,1,1,true,2025-04-01,2025-04-01\n201,10,500,3,1,1,true,2025-04-01,2025-04-01\n",
    )
    lake.run()
    assert [each[3] for each in lake.rejected("order_items")] == [["days_known: days_since_prior_order="]]
    assert 201 in [row[0] for row in lake.rows("order_items", "id")]
