"""Plain rows that are staged apart come to the same as rows that are staged together, also after a crash."""

from __future__ import annotations

import pytest
from pictures import picture
from shop import item, items, order, orders, product, products
from spark_lake import Lake
from victims import Boundary, kill_at

from ledgerlake import places
from ledgerlake.batch import Batch
from ledgerlake.settings import Settings
from ledgerlake_spark import pruning, stage

pytestmark = pytest.mark.timeout(3600)


def begun(spark, monkeypatch, apart: bool) -> Lake:
    """A lake with a first batch, of which rows wait for their parents."""
    monkeypatch.setattr(stage, "APART", 0 if apart else 1 << 40)
    lake = Lake(spark, Settings(gate="any"))
    quoted = '3,1,Home," Quoted, ""all"" of it "'
    lake.deliver("products", "2025-04-01.csv", products(product(1), product(2), quoted, "4,1,Home,"))
    lake.deliver("orders", "2025-04-01.csv", orders(order(10), order(11), order(12), order(13, "x")))
    lake.deliver("order_items", "2025-04-01.csv", items(item(100, 10), item(101, 11), item(102, 77), item(103, 10, 9)))
    lake.run()
    return lake


def second(lake: Lake) -> Batch:
    """Every fate that a new row can meet, of rows whose values are plain and of others."""
    lake.deliver("orders", "2025-04-02-b.csv", orders(order(77), order(14)))
    odd = item(206, 10).replace(",3,", ",3.0,"), item(207, 88).replace(",3,", ", 3 ,")
    plain = (item(200, 10), item(201, 11), item(202, 99), item(203, 10).replace(",3,", ",-3,"))
    none = item(204, 10).replace(",3,", ",,"), item(205, 10).replace(",3,", ",null,")
    newer = item(100, 12), item(101, 10, day="2025-04-02"), item(103, 98), item(200, 12)
    lake.deliver("order_items", "2025-04-02-b.csv", items(*plain, *odd, *none, *newer, "208,,,,,,,,", "209"))
    lake.deliver("order_items", "2025-04-02-c.csv", items(item(201, 10), item(202, 10), item(203, 10), item(206, 97)))
    lake.deliver("order_items", "2025-04-02-d.csv", "no,such,header\n1,2,3\n")
    return lake.plan()


@pytest.mark.slow
@pytest.mark.parametrize("large", [False, pytest.param(True, marks=pytest.mark.long)], ids=["small", "large tables"])
def test_a_lake_is_the_same_whether_plain_rows_are_apart_or_not(spark, monkeypatch, large):
    monkeypatch.setattr(pruning, "LARGE", 0 if large else pruning.LARGE)
    pictures = {}
    for apart in (True, False):
        lake = begun(spark, monkeypatch, apart)
        counts = lake.run(second(lake))["order_items"]
        assert bool(plain_objects(lake)) == apart
        pictures[apart] = picture(lake), counts
    assert pictures[True] == pictures[False]
    fates = ("inserted", "updated", "superseded", "rejected", "parked", "released")
    assert all(pictures[True][1][fate] for fate in fates), pictures[True][1]


@pytest.mark.long
def test_rows_that_are_read_again_are_not_apart_as_each_must_be_compared(spark, monkeypatch):
    lake = begun(spark, monkeypatch, apart=True)
    lake.run(second(lake))
    before = picture(lake)
    again = lake.plan_again("2025-04-01", dataset="order_items")
    counts = lake.run(again)["order_items"]
    assert (counts["inserted"], counts["updated"], counts["withdrawn"]) == (0, 0, 0)
    assert counts["unchanged"] > 0
    assert {name: rows for name, rows in before.items() if name.startswith("table")} == {
        name: rows for name, rows in picture(lake).items() if name.startswith("table")
    }
    assert not plain_objects(lake, again)


def plain_objects(lake: Lake, planned: Batch | None = None) -> list[str]:
    prefix = places.staging(planned.batch_id, "order_items") if planned else "staging/"
    keys = [each["Key"] for each in lake.s3.list_objects_v2(Bucket=lake.bucket, Prefix=prefix).get("Contents", [])]
    return [key for key in keys if "-plain/" in key and not key.endswith("none.parquet")]


KILLS = {
    "while plain rows are being written": Boundary("order_items", "after", "PUT staging/", ends="-00000.parquet"),
    "before the summary": Boundary("order_items", "before", "PUT staging/", ends="/order_items.json"),
    "half-way through the rejects": Boundary("order_items", "before", "PUT rejected/", nth=2),
    "after the commit of the MERGE": Boundary(
        "order_items", "after", "PUT lakehouse-dwh/order_items/_delta_log/00000000000000000002.json"
    ),
    "half-way through the parking": Boundary("order_items", "before", "PUT parked/", nth=2),
}
SHORT = "half-way through the parking"


@pytest.mark.parametrize(
    "name", [pytest.param(each, marks=() if each == SHORT else pytest.mark.long) for each in KILLS]
)
def test_a_job_that_is_killed_is_completed_by_the_next_try(spark, monkeypatch, s3_endpoint, tmp_path, name):
    pictures = []
    for boundary in (None, KILLS[name]):
        lake = begun(spark, monkeypatch, apart=True)
        planned = second(lake)
        for parent in ("products", "orders"):
            lake.job(parent, planned.batch_id)
        if boundary:
            monkeypatch.setenv("STAGED_APART", "0")
            kill_at(boundary, s3_endpoint, lake.bucket, planned.batch_id, tmp_path)
            assert plain_objects(lake, planned)
            monkeypatch.setattr(stage, "APART", 1 << 40)  # what was staged apart is gone on with
        lake.run(Batch(planned.batch_id, planned.planned_at, ("order_items",), planned.deliveries))
        pictures.append(picture(lake))
    assert pictures[0] == pictures[1]
