"""Whatever process of an execution dies, and when, the machine and the sweep bring the batch to its end.

The jobs' exact boundaries, request by request, are those of `tests/faults/batch`; here they die under the state
machine as soon as somebody can see what they wrote, and so do its Lambdas. (In every run of the suite a job dies in
`tests/equality`, and the Lambda that archives in `test_step_functions.py`.)
"""

from __future__ import annotations

import pytest
from killing import kill_function, new_key
from story import check, deliver
from whole_lake import Lake, kill_job

from ledgerlake import keys, names

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(1800)]

JOB = {
    "while the rows are staged": ("staging/", "/order_items/"),
    "after the stage": ("staging/", "/order_items.json"),
    "after the mark that publishing has begun": (keys.publishing("order_items"), ""),
    "while rejects are published": (keys.rejected_prefix("order_items"), ""),
    "after the commit of the MERGE": (keys.table_prefix("order_items"), "_delta_log/"),
    "while rows are parked": (keys.parked_prefix("order_items"), ""),
    "after the ledger": (keys.LEDGER, "dataset=order_items/"),
}
FUNCTIONS = {
    "after the plan": (names.CHECK_FUNCTION, keys.OPEN_BATCHES),
    "half-way through the archive": (names.ARCHIVE_FUNCTION, keys.ARCHIVED),
}


@pytest.mark.parametrize(("prefix", "part"), JOB.values(), ids=JOB)
def test_a_job_that_is_killed_is_run_again(lake, rounds, prefix, part):
    round_, before = _begin(lake, rounds, prefix)
    new_key(lake, prefix, before, part)
    kill_job(lake, "order_items")
    check(lake, round_)


@pytest.mark.parametrize(("function", "prefix"), FUNCTIONS.values(), ids=FUNCTIONS)
def test_a_lambda_that_is_killed_is_called_again(lake, rounds, function, prefix):
    round_, before = _begin(lake, rounds, prefix)
    new_key(lake, prefix, before)
    kill_function(lake, function)
    check(lake, round_)


def _begin(lake: Lake, rounds, prefix: str) -> tuple[int, set[str]]:
    round_, before = next(rounds), set(lake.keys(prefix))
    deliver(lake, round_)
    return round_, before
