"""A day is processed again, through Airflow, beside a live run; and a smoke test."""

from __future__ import annotations

import pytest
from shop import ORDERS
from whole_lake import at_rest, at_work, kill_scheduler

DAY = "2025-04-16"
HELD = "SELECT {key} AS id, _batch_id, _source_file, _source_row FROM {table} WHERE date = DATE '2025-04-16' ORDER BY 1"


def held(lake) -> list[list[dict]]:
    return [
        lake.query(HELD.format(key=key, table=table)) for key, table in (("order_id", "orders"), ("id", "order_items"))
    ]


def batches(lake) -> set[str]:
    return {row["batch_id"] for row in lake.query("SELECT DISTINCT batch_id FROM ledger")}


def test_a_day_processed_again_beside_a_live_run_changes_nothing_that_is_not_new(defective_day):
    """The day has corrections, rejects, and orphans of which some still wait; and the scheduler is killed."""
    lake = defective_day
    before, known, staged = held(lake), batches(lake), set(lake.keys("staging/"))
    parked = len(lake.query("SELECT id FROM parked_order_items"))
    assert parked in (1, 2)
    lake.deliver("orders", "2025-04-30.csv", ORDERS + "1,700004,5,2025-04-30T08:00:00,10,2025-04-30\n")
    lake.do("backfill", "--from", DAY, "--to", DAY, "--no-wait")
    at_work(lake, "orders", staged)
    kill_scheduler(lake)
    lake.do("up")
    at_rest(lake)
    lake.do("wait", "--timeout", "500")
    assert held(lake) == before
    counts = ("rows_read", "inserted", "updated", "unchanged", "superseded", "rejected", "parked", "withdrawn")
    sums = ", ".join(f"sum({name}) AS {name}" for name in counts)
    entries = lake.query(f"SELECT batch_id, source_file, {sums} FROM ledger GROUP BY batch_id, source_file")
    new = {
        row["source_file"]: {name: int(row[name]) for name in counts if int(row[name])}
        for row in entries
        if row["batch_id"] not in known
    }
    assert new == {
        "raw/orders/2025-04-30.csv": {"rows_read": 1, "inserted": 1},
        f"raw/orders/{DAY}.csv": {"rows_read": 11, "unchanged": 2, "superseded": 3, "rejected": 6},
        f"raw/orders/{DAY}b.csv": {"rows_read": 1, "unchanged": 1},
        f"raw/order_items/{DAY}.csv": {"rows_read": 4, "unchanged": 3 - parked, "parked": parked, "rejected": 1},
    }
    assert len(batches(lake) - known) == 2


def test_a_day_that_makes_no_sense_is_refused_before_airflow_is_asked(lake):
    done = lake.say("backfill", "--from", "2025-05-02", "--to", "2025-05-01")
    assert done.returncode == 2
    assert "2025-05-02" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.long
def test_a_smoke_test_goes_the_whole_way_and_leaves_tables_and_archive_as_they_were(april):
    tables = ("products", "orders", "order_items")
    counts = f"SELECT {', '.join(f'(SELECT count(*) FROM {name}) AS {name}' for name in tables)}"
    before, archived, notified = april.query(counts), set(april.keys("archived/")), len(april.notifications())
    said = april.do("smoke", "--timeout", "500")
    assert "The lake works: batch " in said
    assert april.query(counts) == before
    assert set(april.keys("archived/")) == archived
    assert april.keys("raw/") == []
    assert len(april.notifications()) == notified + 1
    entries = april.query("SELECT source_file, rows_read FROM ledger WHERE source_file LIKE '%ledgerlake-smoke%'")
    assert {int(row["rows_read"]) for row in entries} == {0}
    assert len(entries) == 3
    queues = april.client("sqs").list_queues(QueueNamePrefix="ledgerlake-smoke").get("QueueUrls", [])
    assert queues == []
