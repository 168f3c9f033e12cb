"""What a job sets in its session, by what is before it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from spark_lake import COMPILED, set_all

from ledgerlake.intake.deliveries import Delivery
from ledgerlake_glue import pruning
from ledgerlake_glue.session import FEW, INTERPRETED, SHARE, expect

DELIVERY = Delivery("2025-04-01T00:00:00.000000Z", "raw/orders/a.csv", "1", "orders", FEW - 1, "")
ZIPPED = replace(DELIVERY, key="raw/orders/a.CSV.gz", size=FEW // 4)


@pytest.fixture
def compiled(spark):
    """A new session that compiles its plans, as Spark does unless it is configured otherwise."""
    session = spark.newSession()
    set_all(session, COMPILED)
    return session


@pytest.mark.parametrize(
    ("deliveries", "large_tables", "settings"),
    [
        ([DELIVERY], False, INTERPRETED),
        ([], False, INTERPRETED),
        ([DELIVERY, replace(DELIVERY, size=1)], False, COMPILED),
        ([ZIPPED], False, COMPILED),
        ([DELIVERY], True, COMPILED),
    ],
    ids=["few rows", "none", "many", "many in a zipped file", "few into a large table"],
)
def test_plans_for_few_rows_are_not_compiled(compiled, deliveries, large_tables, settings):
    expect(compiled, deliveries, large_tables=large_tables)
    assert {name: compiled.conf.get(name) for name in settings} == settings


@pytest.mark.parametrize(
    ("shares", "large_tables", "partitions"),
    [(0.5, False, None), (2.0, False, 2), (2.1, False, 4), (9.0, False, 10), (9.0, True, None)],
)
def test_the_rows_of_a_large_batch_are_dealt_out_evenly_to_two_cores(compiled, shares, large_tables, partitions):
    before = compiled.conf.get("spark.sql.shuffle.partitions")
    delivery = replace(DELIVERY, size=int(shares * SHARE))
    expect(compiled, [delivery], large_tables=large_tables)
    assert compiled.conf.get("spark.sql.shuffle.partitions") == str(partitions or before)
    coalesces = compiled.conf.get("spark.sql.adaptive.coalescePartitions.enabled")
    assert coalesces == ("false" if partitions else "true")


@pytest.mark.slow
def test_a_job_looks_at_its_batch_and_its_tables(lake, monkeypatch):
    seen = []
    monkeypatch.setattr("ledgerlake_glue.job.expect", lambda _, found, **tables: seen.append((found, tables)))
    for large in (False, True):
        monkeypatch.setattr(pruning, "LARGE", 1 if large else 1 << 30)
        lake.deliver("products", f"{large}.csv", "product_id,department_id,department,product_name\n1,1,Home,Cup\n")
        lake.run()
    assert [([each.key for each in found], tables) for found, tables in seen if found] == [
        (["raw/products/False.csv"], {"large_tables": False}),
        (["raw/products/True.csv"], {"large_tables": True}),
    ]
