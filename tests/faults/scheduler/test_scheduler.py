"""Parts of a running lake are killed while a batch is on its way; it ends in the right tables without other help.

The tests tell one story, in order: each delivers, kills a part in the middle, and looks at everything since.
"""

from __future__ import annotations

import os
import signal

import psutil
import pytest
from story import at_work, check, deliver
from whole_lake import job_processes

from infra.local import processes
from ledgerlake.contracts import DATASETS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.mark.long
def test_a_glue_job_that_is_killed_is_run_again(lake, rounds):
    """Also in `tests/equality`, with all that it does to tables, ledger and letters."""
    before = deliver(lake, round_ := next(rounds))
    at_work(lake, "orders", before)
    (job,) = job_processes(lake, DATASETS["orders"].job)
    os.killpg(job.pid, signal.SIGKILL)
    check(lake, round_)


def test_the_scheduler_and_its_workers_are_killed_and_started_again(lake, rounds):
    before = deliver(lake, round_ := next(rounds))
    at_work(lake, "products", before)
    session = processes.started(lake.home, "scheduler").pid
    mine = [each for each in processes.left_behind(lake.home) if os.getsid(each.pid) == session]
    for each in mine:
        each.kill()
    psutil.wait_procs(mine, timeout=10)
    assert not processes.running(lake.home, "scheduler")
    lake.do("up")
    check(lake, round_)


def test_the_local_aws_is_killed_and_started_again(lake, rounds):
    before = deliver(lake, round_ := next(rounds))
    at_work(lake, "orders", before)
    killed = processes.started(lake.home, "aws").process()
    killed.kill()
    killed.wait()
    lake.do("up")
    check(lake, round_)
