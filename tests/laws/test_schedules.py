"""The product does what the model says, for many schedules of deliveries.

Sixty schedules, the same ones each time, go through one lake in lockstep; with `LAWS=long`
a thousand others. `LAWS_SCHEDULES` sets their number, and `LAWS_SEED`, which is printed, draws
the same ones again.
"""

from __future__ import annotations

import os
import random
from collections import Counter

import pytest
from laws.minimal import describe, failing
from laws.schedules import drawn
from laws.world import COUNTS, World
from spark_lake import Lake

from ledgerlake.settings import Settings
from ledgerlake_glue import pruning

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

LONG = os.environ.get("LAWS") == "long"
NUMBER = int(os.environ.get("LAWS_SCHEDULES", "1000" if LONG else "60"))
SEED = int(os.environ.get("LAWS_SEED") or (random.randrange(2**32) if LONG else 2024))


def test_tables_rejects_parking_and_ledger_are_as_the_model_says(spark, monkeypatch):
    if SEED % 2:  # every second time the tables are searched as large ones are
        monkeypatch.setattr(pruning, "LARGE", 0)

    def new_lake() -> Lake:
        return Lake(spark, Settings(gate="any"))

    print(f"LAWS_SEED={SEED} LAWS_SCHEDULES={NUMBER}")
    world = World(new_lake(), drawn(NUMBER, SEED))
    wrong = differing(world)
    least = min((world.schedules[index] for index in wrong), key=lambda schedule: schedule.size, default=None)
    assert least is None, f"{len(wrong)} of {NUMBER} schedules; the least of them {describe(new_lake, least)}"
    seen = happened(world)
    print(", ".join(f"{count} {name}" for name, count in seen.items()))
    assert all(seen[name] >= NUMBER / 20 for name in COUNTS), f"the schedules are too tame: {seen}"


def differing(world: World) -> set[int]:
    """The schedules that differ from the model after the first round after which any does."""
    try:
        for _, differences in world.rounds():
            if differences:
                return set(differences)
    except Exception:
        wrong = failing(lambda: Lake(world.lake.spark, world.lake.settings), world.schedules)
        if not wrong:
            raise
        return wrong
    return set()


def happened(world: World) -> Counter[str]:
    """Rows by what became of them."""
    return sum((counts for model in world.models for counts in model.ledger.values()), Counter())
