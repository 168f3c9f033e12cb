"""Deliveries processed again: what comes out differently is replaced, and nothing else."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ledgerlake.contracts import Rule

sys.path.insert(0, str(Path(__file__).parents[1]))
from shop import item, items, order, orders, product, products

pytestmark = pytest.mark.slow

FATES = ("rows_read", "restored", "released", "inserted", "updated", "unchanged", "superseded", "rejected", "parked")


def counts(summary: dict) -> dict[str, int]:
    return {name: summary[name] for name in (*FATES, "withdrawn") if summary[name]}


def totals(lake) -> list[tuple]:
    return lake.rows("orders", "order_id", "total_amount", "_source_file", "_source_row")


def change(lake, dataset: str, *rules: Rule, **more) -> None:
    lake.contracts[dataset] = replace(lake.contracts[dataset], rules=rules, **more)


CHEAP = Rule("total_is_small", "total_amount >= 0 and total_amount < 100", shows=("total_amount",))
ANY = Rule("total_is_there", "total_amount is not null", shows=("total_amount",))


def the_last_entry(lake, name: str) -> dict[str, int]:
    """The newest ledger entry of a file, without zeros."""
    entries = [row for row in lake.ledger() if row["source_file"].endswith(name)]
    return counts(max(entries, key=lambda row: row["finished_at"]))


@pytest.mark.long
def test_processing_everything_again_by_the_same_rules_changes_nothing(lake):
    lake.deliver("products", "2025-04-01.csv", products(product(1)))
    lake.deliver("orders", "2025-04-01.csv", orders(order(1), order(1, 5), order(2, "x")))
    lake.deliver("order_items", "2025-04-01.csv", items(item(100, 1), item(101, 9)))
    lake.run()
    before = (lake.rows("orders", "*"), lake.rows("order_items", "*"), lake.rejected("orders"), len(lake.ledger()))
    version = lake.table("orders").version()
    done = lake.run(lake.plan_again())
    assert {name: counts(summary) for name, summary in done.items()} == {
        "products": {"rows_read": 1, "unchanged": 1},
        "orders": {"rows_read": 3, "unchanged": 1, "superseded": 1, "rejected": 1},
        "order_items": {"rows_read": 2, "unchanged": 1, "parked": 1},
    }
    after = (lake.rows("orders", "*"), lake.rows("order_items", "*"), lake.rejected("orders"), len(lake.ledger()) - 3)
    assert after == before
    assert lake.table("orders").version() == version
    assert [row["id"] for row in lake.parked("order_items")] == [101]


@pytest.mark.long
def test_a_stricter_rule_withdraws_what_fails_now_and_the_next_newest_valid_version_takes_its_place(lake):
    lake.deliver("orders", "2025-04-01.csv", orders(order(1, 10), order(2, 20), order(3, 30)))
    lake.run()
    lake.deliver("orders", "2025-04-02.csv", orders(order(1, 500), order(2, 600), order(4, 700), order(5, 50)))
    lake.run()
    lake.deliver("orders", "2025-04-03.csv", orders(order(2, 25)))
    lake.run()
    change(lake, "orders", CHEAP)
    done = lake.run(lake.plan_again("2025-04-02"))["orders"]
    assert counts(done) == {
        "rows_read": 5, "restored": 1, "inserted": 1, "unchanged": 1, "rejected": 3, "withdrawn": 2,
    }  # fmt: skip
    assert [row[:3] for row in totals(lake)] == [
        (1, 10.0, "raw/orders/2025-04-01.csv"),
        (2, 25.0, "raw/orders/2025-04-03.csv"),
        (3, 30.0, "raw/orders/2025-04-01.csv"),
        (5, 50.0, "raw/orders/2025-04-02.csv"),
    ]
    assert the_last_entry(lake, "04-02.csv") == {"rows_read": 4, "unchanged": 1, "rejected": 3, "withdrawn": 2}
    assert the_last_entry(lake, "04-01.csv") == {"rows_read": 1, "restored": 1, "inserted": 1}
    assert [(name, row) for name, row, _, _ in lake.rejected("orders")] == [(f"2025-04-0{2}.csv", n) for n in (1, 2, 3)]
    again = lake.run(lake.plan_again("2025-04-02"))["orders"]
    assert counts(again) == {"rows_read": 4, "unchanged": 1, "rejected": 3}


@pytest.mark.long
def test_a_laxer_rule_brings_in_what_was_rejected_and_never_touches_a_newer_version(lake):
    lake.deliver("orders", "2025-04-01.csv", orders(order(1, -1), order(2, -2), order(3, 3)))
    lake.run()
    lake.deliver("orders", "2025-04-02.csv", orders(order(2, 22)))
    lake.run()
    change(lake, "orders", ANY)
    done = lake.run(lake.plan_again("2025-04-01"))["orders"]
    assert counts(done) == {"rows_read": 3, "inserted": 1, "unchanged": 1, "superseded": 1}
    assert [row[:2] for row in totals(lake)] == [(1, -1.0), (2, 22.0), (3, 3.0)]
    assert lake.rejected("orders") == []


@pytest.mark.long
def test_another_reading_of_a_value_updates_the_row_in_place_and_its_key_moves_it(lake):
    lake.deliver("orders", "2025-04-01.csv", orders('7,1,500,2025-04-01T08:00:00,"1,5",2025-04-01', order(2, 2)))
    lake.run()
    assert [row[:2] for row in totals(lake)] == [(2, 2.0)]
    columns = tuple(
        replace(column, decimal=",") if column.name == "total_amount" else column
        for column in lake.contracts["orders"].columns
    )
    change(lake, "orders", *lake.contracts["orders"].rules, columns=columns)
    done = lake.run(lake.plan_again("2025-04-01"))["orders"]
    assert done["rejected"] + done["withdrawn"] + done["unchanged"] + done["inserted"] >= 2
    assert (1, 1.5) in [row[:2] for row in totals(lake)]
    key = replace(lake.contracts["orders"], key=("order_num",))
    assert key.key != lake.contracts["orders"].key


@pytest.mark.long
def test_children_of_a_withdrawn_parent_go_back_to_the_parking_and_return_with_it(lake):
    lake.deliver("products", "2025-04-01.csv", products(product(1)))
    lake.deliver("orders", "2025-04-01.csv", orders(order(1, 10), order(2, 500)))
    lake.deliver("order_items", "2025-04-01.csv", items(item(100, 1), item(101, 2)))
    lake.run()
    lake.deliver("order_items", "2025-04-02.csv", items(item(100, 2), item(102, 2)))
    lake.run()
    change(lake, "orders", CHEAP)
    done = lake.run(lake.plan_again("2025-04-01", dataset="orders"))
    assert counts(done["orders"]) == {"rows_read": 2, "unchanged": 1, "rejected": 1, "withdrawn": 1}
    # 101 and 102 wait for order 2 again; so does the newer version of 100, whose older one shows instead.
    assert counts(done["order_items"]) == {
        "rows_read": 4, "restored": 4, "inserted": 1, "parked": 3, "withdrawn": 3,
    }  # fmt: skip
    assert lake.rows("order_items", "id", "order_id") == [(100, 1)]
    assert sorted((row["id"], row["missing"][0]) for row in lake.parked("order_items")) == [
        (100, "orders"), (101, "orders"), (102, "orders"),
    ]  # fmt: skip
    lake.deliver("orders", "2025-04-03.csv", orders(order(2, 20)))
    released = lake.run()["order_items"]
    assert counts(released) == {"released": 3, "inserted": 2, "updated": 1}
    assert lake.rows("order_items", "id", "order_id") == [(100, 2), (101, 2), (102, 2)]
    assert lake.parked("order_items") == []


@pytest.mark.long
def test_a_file_that_cannot_be_read_by_todays_contract_withdraws_all_its_rows(lake):
    lake.deliver("orders", "2025-04-01.csv", orders(order(1), order(2)))
    lake.run()
    lake.contracts["orders"] = replace(lake.contracts["orders"], delimiter=";")
    done = lake.run(lake.plan_again("2025-04-01"))["orders"]
    assert counts(done) == {"rows_read": 1, "rejected": 1, "withdrawn": 2}
    assert totals(lake) == []


@pytest.mark.long
def test_a_file_that_is_gone_withdraws_nothing(lake):
    lake.deliver("orders", "2025-04-01.csv", orders(order(1), order(2)))
    lake.run()
    planned = lake.plan_again("2025-04-01")
    lake.s3.delete_object(Bucket=lake.bucket, Key=planned.deliveries[0].archive_key)
    assert counts(lake.job("orders", planned.batch_id)) == {"rows_read": 1, "rejected": 1}
    assert [row[0] for row in totals(lake)] == [1, 2]


def test_a_job_started_again_after_its_code_has_changed_processes_the_batch_again(lake):
    lake.deliver("orders", "2025-04-01.csv", orders(order(1, 10), order(2, 500)))
    planned = lake.plan()
    assert lake.job("orders", planned.batch_id)["inserted"] == 2
    change(lake, "orders", CHEAP)
    assert counts(lake.job("orders", planned.batch_id)) == {
        "rows_read": 2, "unchanged": 1, "rejected": 1, "withdrawn": 1,
    }  # fmt: skip
    assert [row[0] for row in totals(lake)] == [1]
    assert sum(row["inserted"] - row["withdrawn"] for row in lake.ledger()) == 1


def test_a_finished_job_started_again_does_not_bring_back_what_was_released_since(lake):
    lake.deliver("products", "p.csv", products(product(1)))
    lake.deliver("order_items", "i.csv", items(item(100, 1)))
    first = lake.plan()
    lake.run(first)
    assert len(lake.parked("order_items")) == 1
    lake.deliver("orders", "o.csv", orders(order(1)))
    lake.run()
    version, entries = lake.table("order_items").version(), lake.ledger()
    lake.job("order_items", first.batch_id)
    assert lake.parked("order_items") == []
    assert lake.table("order_items").version() == version
    assert lake.ledger() == entries
