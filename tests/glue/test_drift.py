"""Files that drift from their contract: renamed and dropped columns, columns in the path, files rejected whole."""

from __future__ import annotations

import io
import sys
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from ledgerlake import keys
from ledgerlake.contracts import QualityLimit
from ledgerlake.errors import QualityError
from ledgerlake.planning import quarantine, stages

sys.path.insert(0, str(Path(__file__).parents[1]))
from shop import item, items, order, orders, product, products

pytestmark = pytest.mark.slow

RENAMED = "order_num,order_id,user_id,order_timestamp,total,date\n"
WITHOUT_DATE = "order_num,order_id,user_id,order_timestamp,total_amount\n"


def entries(lake, *counts):
    """The counts of each ledger entry by the file's name."""
    return {row["source_file"].rpartition("/")[2]: tuple(row[name] for name in counts) for row in lake.ledger()}


def renamed(*rows):
    return RENAMED + "".join(f"{row}\n" for row in rows)


def with_parents(lake):
    lake.deliver("products", "p.csv", products(product(1)))
    lake.deliver("orders", "o.csv", orders(order(1), order(2)))


def summary(lake, batch_id, dataset):
    return stages.summaries(lake.s3, lake.bucket, batch_id)[dataset]


def test_a_renamed_optional_column_rejects_its_file_alone_and_a_dropped_one_is_loaded_and_told(lake):
    with_parents(lake)
    lake.deliver("order_items", "v1.csv", items(item(1, 1), item(2, 2)))
    lake.run()
    days = lambda: lake.rows("order_items", "id", "days_since_prior_order")  # noqa: E731
    assert days() == [(1, 3), (2, 3)]

    lake.deliver("order_items", "v2.csv", items(item(1, 1)).replace("days_since_prior_order", "days_since_prior"))
    lake.deliver("order_items", "good.csv", items(item(3, 1)))
    assert lake.run()["order_items"]["inserted"] == 1
    assert days() == [(1, 3), (2, 3), (3, 3)]
    ((_, row, _, (reason,)),) = lake.rejected("order_items")
    assert row is None
    assert reason.startswith(
        "renamed_column: no days_since_prior_order in the header, but the unknown days_since_prior;"
    )

    without = items(*(each.replace(",500,3,", ",500,") for each in (item(1, 1), item(2, 2), item(4, 2))))
    lake.deliver("order_items", "v3.csv", without.replace("days_since_prior_order,", ""))
    planned = lake.plan()
    assert lake.run(planned)["order_items"]["updated"] == 2
    assert days() == [(1, None), (2, None), (3, 3), (4, None)]
    absent = summary(lake, planned.batch_id, "order_items")["absent"]
    assert absent == {"raw/order_items/v3.csv": {"days_since_prior_order": 2}}


def test_an_alias_in_the_contract_makes_the_renamed_column_load(lake):
    contract = lake.contracts["orders"]
    columns = tuple(
        replace(column, header=("Total",)) if column.name == "total_amount" else column for column in contract.columns
    )
    lake.deliver("orders", "x.csv", renamed(order(1), order(2)))
    lake.run()
    assert lake.rows("orders", "order_id") == []
    lake.contracts["orders"] = replace(contract, columns=columns)
    lake.run(lake.plan_again())
    assert lake.rows("orders", "order_id", "total_amount") == [(1, 10.0), (2, 10.0)]


def test_a_file_rejected_whole_is_one_row_of_the_law_and_its_lines_are_counted_apart(lake):
    lake.deliver("orders", "wrong.csv", renamed(*(order(number) for number in range(5))))
    lake.deliver("orders", "good.csv", orders(order(9)))
    lake.deliver("orders", "bytes.csv", b"\x89\xff\x00\x01")
    lake.contracts["orders"] = replace(lake.contracts["orders"], quality=QualityLimit(from_files=3))
    planned = lake.plan()
    counts = lake.run(planned)["orders"]
    assert (counts["files_rejected"], counts["lines_rejected"], counts["rejected"]) == (2, 5, 2)
    assert entries(lake, "rows_read", "rejected", "files_rejected", "lines_rejected") == {
        "wrong.csv": (1, 1, 1, 5),
        "good.csv": (1, 0, 0, 0),
        "bytes.csv": (1, 1, 1, None),
    }
    found = stages.rejected_files(stages.summaries(lake.s3, lake.bucket, planned.batch_id))
    assert found["raw/orders/wrong.csv"].startswith("missing_column: no total_amount in the header order_num,")


def test_more_than_half_of_the_files_rejected_whole_set_the_batch_aside(lake):
    lake.deliver("orders", "a.csv", renamed(order(1), order(2)))
    lake.deliver("orders", "b.csv", renamed(order(3)))
    lake.deliver("orders", "c.csv", orders(order(4)))
    planned = lake.plan()
    with pytest.raises(QualityError) as stopped:
        lake.job("orders", planned.batch_id)
    said = str(stopped.value)
    assert f"orders: 2 of 3 files of batch {planned.batch_id} were rejected whole (3 lines), first: " in said
    assert "raw/orders/a.csv: missing_column: no total_amount" in said
    assert (lake.rows("orders", "order_id"), lake.ledger()) == ([], [])
    assert list(quarantine.quarantined(lake.s3, lake.bucket)) == [planned.batch_id]
    quarantine.accept(lake.s3, lake.bucket, planned.batch_id)
    assert lake.job("orders", planned.batch_id)["files_rejected"] == 2
    assert lake.rows("orders", "order_id") == [(4,)]


def test_a_single_wrong_file_never_stops_the_others(lake):
    lake.deliver("orders", "wrong.csv", renamed(order(1)))
    assert lake.run()["orders"]["files_rejected"] == 1
    lake.deliver("orders", "again.csv", renamed(order(1)))
    lake.deliver("orders", "good.csv", orders(order(2)))
    lake.run()
    assert lake.rows("orders", "order_id") == [(2,)]


def test_a_column_is_taken_from_the_path_and_a_row_that_contradicts_it_is_rejected(lake):
    day = "date=2025-04-03"
    rows = [order(number, day="2025-04-03").rpartition(",")[0] for number in (1, 2)]
    lake.deliver("orders", f"{day}/part-0.csv", WITHOUT_DATE + "\n".join(rows) + "\n")
    lake.deliver("orders", f"{day}/part-1.csv", orders(order(3, day="2025-04-03"), order(4, day="2025-04-04")))
    lake.deliver("products", "department_id=7/p.csv", "product_id,department,product_name\n15001,Toys,Kite\n")
    lake.deliver("orders", "date=oops/part-2.csv", WITHOUT_DATE + rows[0] + "\n")
    lake.run()
    assert [(number, str(date)) for number, date in lake.rows("orders", "order_id", "date")] == [
        (1, "2025-04-03"),
        (2, "2025-04-03"),
        (3, "2025-04-03"),
    ]
    assert lake.rows("products", "product_id", "department_id") == [(15001, 7)]
    contradicts, not_a_date = lake.rejected("orders")
    assert contradicts == (
        "part-1.csv",
        2,
        order(4, day="2025-04-04"),
        ["path_contradicts: date=2025-04-04, where the path says 2025-04-03"],
    )
    assert not_a_date == ("part-2.csv", 1, rows[0], ["not_date: date=oops"])


def test_a_part_of_the_ledger_from_before_these_columns_stays_readable(lake):
    lake.deliver("orders", "o.csv", orders(order(1)))
    lake.run()
    (key,) = (
        entry["Key"]
        for entry in lake.s3.list_objects_v2(Bucket=lake.bucket, Prefix=f"{keys.LEDGER}dataset=orders/")["Contents"]
    )
    body = lake.s3.get_object(Bucket=lake.bucket, Key=key)["Body"].read()
    old = io.BytesIO()
    pq.write_table(pq.read_table(io.BytesIO(body)).drop_columns(["files_rejected", "lines_rejected"]), old)
    lake.s3.put_object(Bucket=lake.bucket, Key=key, Body=old.getvalue())
    lake.deliver("orders", "n.csv", orders(order(2)))
    lake.run()
    parts = lake.spark.read.option("mergeSchema", "true").parquet(f"s3://{lake.bucket}/{keys.LEDGER}")
    found = {(row.source_file, row.files_rejected) for row in parts.where("dataset = 'orders'").collect()}
    assert found == {("raw/orders/o.csv", None), ("raw/orders/n.csv", 0)}
