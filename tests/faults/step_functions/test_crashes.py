"""Whatever process of an execution dies, and when, the machine and the sweep bring the batch to its end.

The jobs' exact boundaries, request by request, are those of `tests/faults/batch`; here they die under the state
machine as soon as somebody can see what they wrote, and so do its Lambdas.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import psutil
import pytest
from story import PATIENCE, check, deliver
from whole_lake import Lake, job_processes

from infra.local.processes import left_behind
from ledgerlake import places
from ledgerlake.contracts import DATASETS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

ITEMS = DATASETS["order_items"]
JOB = {
    "while the rows are staged": ("staging/", "/order_items/"),
    "after the stage": ("staging/", "/order_items.json"),
    "after the mark that publishing has begun": (places.publishing("order_items"), ""),
    "while rejects are published": (places.rejected_prefix("order_items"), ""),
    "after the commit of the MERGE": (places.table_prefix("order_items"), "_delta_log/"),
    "while rows are parked": (places.parked_prefix("order_items"), ""),
    "after the ledger": (places.LEDGER, "dataset=order_items/"),
}
FUNCTIONS = {
    "after the plan": (places.CHECK_FUNCTION, places.OPEN_BATCHES),
    "half-way through the archive": (places.ARCHIVE_FUNCTION, places.ARCHIVED),
}
SHORT = {"half-way through the archive"}
"""A job dies under both orchestrators in `tests/equality`."""


def _moments(named: dict[str, tuple[str, str]]) -> list:
    return [
        pytest.param(*what, id=name, marks=[] if name in SHORT else pytest.mark.long) for name, what in named.items()
    ]


@pytest.mark.parametrize(("prefix", "part"), _moments(JOB))
def test_a_job_that_is_killed_is_run_again(lake, rounds, prefix, part):
    round_, before = _begin(lake, rounds, prefix)
    _wait_for_a_new_key(lake, before, prefix, part)
    jobs = job_processes(lake, ITEMS.job)
    assert jobs, f"{ITEMS.job} was not at work any more"
    for job in jobs:
        os.killpg(job.pid, signal.SIGKILL)
    check(lake, round_)


@pytest.mark.parametrize(("function", "prefix"), _moments(FUNCTIONS))
def test_a_lambda_that_is_killed_is_called_again(lake, rounds, function, prefix):
    round_, before = _begin(lake, rounds, prefix)
    _wait_for_a_new_key(lake, before, prefix, "")
    workers = [each for each in left_behind(lake.home) if _runs(each, function)]
    assert workers, f"no process runs {function}"
    for worker in workers:
        worker.kill()
    check(lake, round_)


def _begin(lake: Lake, rounds, prefix: str) -> tuple[int, set[str]]:
    round_, before = next(rounds), set(lake.keys(prefix))
    deliver(lake, round_)
    return round_, before


def _wait_for_a_new_key(lake: Lake, before: set[str], prefix: str, part: str) -> None:
    """Looks as often as it can: the process is to die before it writes much more."""
    deadline = time.monotonic() + PATIENCE
    while not any(part in key for key in lake.keys(prefix) if key not in before):
        assert time.monotonic() < deadline, f"nothing new came below {prefix}"


def _runs(process: psutil.Process, function: str) -> bool:
    """A Lambda's worker works in the folder of its unpacked zip."""
    try:
        return (Path(process.cwd()) / "handler.py").read_text().startswith(f'"""{function}:')
    except (psutil.Error, OSError):
        return False
