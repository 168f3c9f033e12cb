"""Random walks: whatever is done to a lake, the remedies that it prints bring it to rest, and nothing is lost.

Every ten steps the lake has to come to rest, and then to hold what the delivered files make of it. A walk is drawn from
its seed alone; how far the lake is with its work at each step is not. To walk again:
`WALK=step_functions:SEED:STEPS make test-walk`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from random import Random

import airflow_acts
import producers
import pytest
import serverless_acts
from acts import Act, Walk
from judge import differences
from remedies import come_to_rest
from whole_lake import Lake, lake_of

REST_EVERY = 10
OPTIONS: dict[str, tuple[tuple[str, ...], Mapping[Act, int]]] = {
    "step_functions": (("--orchestrator", "step_functions"), serverless_acts.ACTS),
    "airflow": ((), airflow_acts.ACTS),
}
pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


def walk(orchestrator: str, seed: int, steps: int, *, say: Callable[[str], None] = print) -> None:
    """Take so many steps on a lake of its own."""
    options, acts = OPTIONS[orchestrator]
    with lake_of(*options) as lake:
        walking = Walk(lake)
        for file in producers.first_files():
            walking.put(file)
        for step in range(1, steps + 1):
            chance = Random(f"{seed}/{step}")
            act = chance.choices(list(acts), weights=list(acts.values()))[0]
            say(f"{orchestrator} seed {seed}, step {step}: {act(walking, chance)}")
            time.sleep(chance.choice((0, 0, 1, 2, 4)))
            if step % REST_EVERY == 0 or step == steps:
                _rest(lake, walking, f"{orchestrator}:{seed}:{step}", say)


def _rest(lake: Lake, walking: Walk, where: str, say: Callable[[str], None]) -> None:
    began = time.monotonic()
    followed = come_to_rest(lake)
    found = differences(lake, walking.puts)
    say(f"at rest after {time.monotonic() - began:.0f} s, by {followed or 'itself'}")
    assert found == [], "\n".join([f"to walk here again: WALK={where} make test-walk", *found[:40]])


def test_a_short_walk_ends_with_every_delivered_row_accounted_for():
    walk("step_functions", seed=1, steps=15)


@pytest.mark.long
@pytest.mark.parametrize("seed", [2, 3, 4])
def test_a_long_walk_on_step_functions_loses_nothing(seed):
    walk("step_functions", seed, steps=200)


@pytest.mark.long
@pytest.mark.parametrize("seed", [5, 6, 7])
def test_a_walk_on_a_live_airflow_loses_nothing(seed):
    walk("airflow", seed, steps=40)


@pytest.mark.long
@pytest.mark.skipif("WALK" not in os.environ, reason="WALK=orchestrator:seed:steps names no walk")
def test_the_walk_that_is_asked_for_loses_nothing():
    orchestrator, seed, steps = os.environ["WALK"].split(":")
    walk(orchestrator, int(seed), int(steps))
