"""Whoever runs the pipeline, the lake is the same: one history, two orchestrators, no difference."""

from __future__ import annotations

from collections import Counter

import pytest
from portrait import differences, portrait

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]
BOTH = ("airflow", "step_functions")
RESTED = [5, 0, 0]
"""What `ledgerlake wait` says after each act: the gate is closed, then all is done."""


@pytest.fixture(scope="session")
def portraits(played):
    return {name: portrait(played[name].lake) for name in BOTH}


def test_the_two_lakes_are_the_same(portraits, played):
    found = [f"the acts of {name} ended with {played[name].codes}" for name in BOTH if played[name].codes != RESTED]
    found += differences(*(portraits[name] for name in BOTH), BOTH)
    assert not found, "\n".join(["the orchestrators differ:", *found])


def test_the_history_gives_both_something_to_do(portraits, played):
    """Else their equality would prove nothing."""
    one = portraits["airflow"]
    assert played["airflow"].codes == played["step_functions"].codes == RESTED
    assert len({fact[0] for fact in one["ledger"]}) == 2, "two batches"
    assert one["archive"].total() == 14
    assert one["raw"] == Counter({("raw/readme.txt",): 1})
    assert one["notifications"].total() == 2
    assert one["checks"].total() == 10
    assert one["runs"].total() == 2
    assert all("unknown=" in fact for fact in one["runs"]), "every figure was learnt"
    assert sum("crawls=1" in fact for fact in one["runs"]) >= 1
    for part in ("table products", "table orders", "table order_items", "rejected_orders", "rejected_products"):
        assert one[part], part
    assert sum(one["partitions of orders"].values()) >= 6
    assert one["parked_order_items"].total() == 1
    ledger = "\n".join(" ".join(map(str, fact)) for fact in one["ledger"])
    for fate in ("released", "inserted", "updated", "superseded", "rejected", "parked"):
        assert any(f"{fate}={number}" in ledger for number in range(1, 9)), fate


def test_a_difference_is_one_line():
    one = {"ledger": Counter({("batch 1", "rows_read=3"): 1})}
    other = {"ledger": Counter({("batch 1", "rows_read=2"): 1}), "archive": Counter({("raw/a.csv",): 2})}
    assert differences(one, other, BOTH) == [
        "archive: only by step_functions: raw/a.csv",
        "ledger: only by airflow: batch 1 | rows_read=3",
        "ledger: only by step_functions: batch 1 | rows_read=2",
    ]
