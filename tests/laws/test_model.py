"""The judge is judged first: what it says batch after batch is what it says of the set of deliveries."""

from __future__ import annotations

import os
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from laws.model import DATASETS, FATES, ModelLake, truth
from laws.schedules import ROUNDS, Schedule, rules_of, schedules

pytestmark = pytest.mark.timeout(3600)
LONG = os.environ.get("LAWS") == "long"
EXAMPLES = settings(
    max_examples=20000 if LONG else 1500,
    derandomize=not LONG,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def played(schedule: Schedule):
    """The model's lake after each round."""
    lake, deliveries = ModelLake(), schedule.deliveries()
    for number in range(ROUNDS):
        lake.process(f"batch {number}", [deliveries[index] for index in schedule.rounds[number]], rules_of(number))
        yield lake


@EXAMPLES
@given(schedules())
def test_tables_rejects_and_parking_are_a_function_of_the_set_of_deliveries(schedule):
    """As long as all of them were last judged by the same rules."""
    for lake in played(schedule):
        if len({id(rules) for _, rules in lake.processed.values()}) <= 1:
            assert (lake.tables, lake.parked, lake.rejects) == truth(lake.processed.values())


@EXAMPLES
@given(schedules())
def test_the_ledger_adds_up_to_what_is_there(schedule):
    """Every row has its fate; and the fates of all batches tell what lies in the table, the parking and the rejects."""
    names = [delivered.name for delivered in schedule.deliveries()]
    for number, lake in enumerate(played(schedule)):
        for entry in lake.ledger.values():
            assert entry["rows_read"] + entry["released"] == sum(entry[fate] for fate in FATES)
            assert entry["restored"] <= entry["rows_read"]
        held = sum(len(lake.tables[name]) for name in DATASETS)
        waits = Counter(version[:2] for name in DATASETS for _, version in lake.parked[name])
        for index, delivery in enumerate(names):
            whole = max((n for n in range(number + 1) if index in schedule.rounds[n]), default=ROUNDS)
            entries = {n: lake.ledger.get((f"batch {n}", delivery), Counter()) for n in range(number + 1)}
            since = [entry for n, entry in entries.items() if n >= whole]
            assert len(lake.rejects.get(delivery, ())) == (entries[whole]["rejected"] if since else 0)
            assert waits[delivery] == sum(entry["parked"] - entry["released"] for entry in since)
        total = sum(entry["inserted"] - entry["withdrawn"] for entry in lake.ledger.values())
        assert held == total
