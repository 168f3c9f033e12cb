"""The product does what the model says, for hundreds of schedules of deliveries.

Two hundred schedules, the same ones each time, go through one lake in lockstep; with `LAWS=long`
a thousand others. `LAWS_SCHEDULES` sets their number, and `LAWS_SEED`, which is printed, draws
the same ones again.
"""

from __future__ import annotations

import os
import random
from collections import Counter

import pytest
from laws.schedules import drawn
from laws.world import World

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

LONG = os.environ.get("LAWS") == "long"
NUMBER = int(os.environ.get("LAWS_SCHEDULES", "1000" if LONG else "200"))
SEED = int(os.environ.get("LAWS_SEED") or (random.randrange(2**32) if LONG else 2025))
SHOWN = 2


def test_tables_rejects_parking_and_ledger_are_as_the_model_says(lake):
    print(f"LAWS_SEED={SEED} LAWS_SCHEDULES={NUMBER}")
    world = World(lake, drawn(NUMBER, SEED))
    for number, differences in world.rounds():
        assert not differences, report(world, number, differences)
    seen = Counter()
    for model in world.models:
        seen.update(name for entry in model.ledger.values() for name, count in entry.items() if count)
    print(dict(seen))


def report(world: World, number: int, differences) -> str:
    """The smallest of the schedules that went wrong, and how."""
    smallest = sorted(differences, key=lambda index: world.schedules[index].size)[:SHOWN]
    parts = [f"{len(differences)} of {len(world.schedules)} schedules differ from the model after round {number}"]
    for index in smallest:
        parts += [f"schedule {index} (keys from {index * 10}):", str(world.schedules[index])]
        parts += map(str, differences[index])
    return "\n".join(parts)
