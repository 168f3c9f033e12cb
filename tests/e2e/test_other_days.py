"""Days are processed again, through Airflow, beside a live run."""

from __future__ import annotations

import pytest

PRODUCT = "product_id,department_id,department,product_name\n"
ORDERS = "order_num,order_id,user_id,order_timestamp,total_amount,date\n"
ITEMS = "id,order_id,user_id,days_since_prior_order,product_id,add_to_cart_order,reordered,order_timestamp,date\n"
DAYS = ("2025-05-01", "2025-05-02")
HELD = (
    "SELECT {key} AS id, _batch_id, _source_file, _source_row FROM {table} WHERE date >= DATE '2025-05-01' ORDER BY 1"
)


def order(number: int, day: str, total: str = "10") -> str:
    return f"1,{number},5,{day}T08:00:00,{total},{day}\n"


def item(number: int, order: int, day: str) -> str:
    return f"{number},{order},5,3,700001,1,0,{day}T08:00:00,{day}\n"


@pytest.fixture(scope="module")
def may(lake):
    """Two days of May, with an order corrected on the second day, a reject and an orphan."""
    first, second = DAYS
    lake.deliver("products", f"{first}.csv", PRODUCT + "700001,1,Books,Atlas\n")
    lake.deliver("orders", f"{first}.csv", ORDERS + order(700001, first) + order(700002, first, "-1"))
    lake.deliver("order_items", f"{first}.csv", ITEMS + item(700001, 700001, first) + item(700002, 700009, first))
    lake.deliver("orders", f"{second}.csv", ORDERS + order(700001, second, "12") + order(700003, second))
    lake.deliver("order_items", f"{second}.csv", ITEMS + item(700003, 700003, second))
    lake.do("wait", "--timeout", "400")
    return lake


def held(lake) -> list[list[dict]]:
    return [
        lake.query(HELD.format(key=key, table=table)) for key, table in (("order_id", "orders"), ("id", "order_items"))
    ]


def batches(lake) -> set[str]:
    return {row["batch_id"] for row in lake.query("SELECT DISTINCT batch_id FROM ledger")}


def test_days_processed_again_beside_a_live_run_change_nothing_that_is_not_new(may):
    before, known = held(may), batches(may)
    assert [row["id"] for row in before[0]] == [700001, 700003]
    may.deliver("orders", "live.csv", ORDERS + order(700004, "2025-04-30"))
    may.do("backfill", "--from", DAYS[0], "--to", DAYS[1], "--timeout", "500")
    may.do("wait", "--timeout", "300")
    assert held(may) == before
    counts = ("rows_read", "inserted", "updated", "unchanged", "superseded", "rejected", "parked", "withdrawn")
    sums = ", ".join(f"sum({name}) AS {name}" for name in counts)
    entries = may.query(f"SELECT batch_id, source_file, {sums} FROM ledger GROUP BY batch_id, source_file")
    new = {
        row["source_file"]: {name: int(row[name]) for name in counts if int(row[name])}
        for row in entries
        if row["batch_id"] not in known
    }
    first, second = DAYS
    assert new == {
        "raw/orders/live.csv": {"rows_read": 1, "inserted": 1},
        f"raw/products/{first}.csv": {"rows_read": 1, "unchanged": 1},
        f"raw/orders/{first}.csv": {"rows_read": 2, "superseded": 1, "rejected": 1},
        f"raw/order_items/{first}.csv": {"rows_read": 2, "unchanged": 1, "parked": 1},
        f"raw/orders/{second}.csv": {"rows_read": 2, "unchanged": 2},
        f"raw/order_items/{second}.csv": {"rows_read": 1, "unchanged": 1},
    }
    assert len(batches(may) - known) == 3


def test_a_day_that_makes_no_sense_is_refused_before_airflow_is_asked(may):
    done = may.say("backfill", "--from", "2025-05-02", "--to", "2025-05-01")
    assert done.returncode == 2
    assert "2025-05-02" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.long
def test_a_smoke_test_goes_the_whole_way_and_leaves_tables_and_archive_as_they_were(may):
    tables = ("products", "orders", "order_items")
    counts = f"SELECT {', '.join(f'(SELECT count(*) FROM {name}) AS {name}' for name in tables)}"
    before, archived, told = may.query(counts), set(may.keys("archived/")), len(may.notifications())
    said = may.do("smoke", "--timeout", "500")
    assert "The lake works: batch " in said
    assert may.query(counts) == before
    assert set(may.keys("archived/")) == archived
    assert may.keys("raw/") == []
    assert len(may.notifications()) == told + 1
    entries = may.query("SELECT source_file, rows_read FROM ledger WHERE source_file LIKE '%ledgerlake-smoke%'")
    assert {int(row["rows_read"]) for row in entries} == {0}
    assert len(entries) == 3
    queues = may.client("sqs").list_queues(QueueNamePrefix="ledgerlake-smoke").get("QueueUrls", [])
    assert queues == []
