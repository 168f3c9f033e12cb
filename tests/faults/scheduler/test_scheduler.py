"""Parts of a running lake are killed while a batch is on its way; it ends in the right tables without other help.

The tests tell one story, in order: each delivers, kills a part in the middle, and looks at everything since. In every
run of the suite the same parts die in `tests/e2e`, and a job in `tests/equality`.
"""

from __future__ import annotations

import pytest
from story import check, deliver
from whole_lake import at_work, kill_aws, kill_job, kill_scheduler

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(1800)]


def test_a_glue_job_that_is_killed_is_run_again(lake, rounds):
    before = deliver(lake, round_ := next(rounds))
    at_work(lake, "orders", before)
    kill_job(lake, "orders")
    check(lake, round_)


def test_the_scheduler_and_its_workers_are_killed_and_started_again(lake, rounds):
    before = deliver(lake, round_ := next(rounds))
    at_work(lake, "products", before)
    kill_scheduler(lake)
    lake.do("up")
    check(lake, round_)


def test_the_local_aws_is_killed_and_started_again(lake, rounds):
    before = deliver(lake, round_ := next(rounds))
    at_work(lake, "orders", before)
    kill_aws(lake)
    lake.do("up")
    check(lake, round_)
