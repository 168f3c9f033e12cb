"""One part of Airflow, or its database, is away in the middle of a batch: that costs time and nothing else."""

from __future__ import annotations

import time

from story import check, deliver
from whole_lake import Lake, at_work, kill_part

PARTS = ("api-server", "scheduler", "dag-processor", "triggerer", "postgres")
_JOBS = ("product_etl", "orders_etl", "order_items_etl")


def live_through(lake: Lake, round_: int, part: str, seconds: float) -> None:
    """Deliver, take the part away while a job is at work, give it back, and look at everything."""
    known, notified = {run["dag_run_id"] for run in lake.runs()}, len(lake.notifications())
    before = deliver(lake, round_)
    at_work(lake, "orders", before)
    kill_part(lake, part)
    said = lake.do("status") if part != "postgres" else ""
    assert f"{part} " in said or part == "postgres"
    time.sleep(seconds)
    lake.do("up")
    check(lake, round_)
    new = [run for run in lake.runs() if run["dag_run_id"] not in known]
    assert [run["state"] for run in new if run["state"] == "failed"] == []
    assert not [each["Subject"] for each in lake.notifications()[notified:] if "FAILED" in each["Subject"]]
    tries = {job: task["try_number"] for run in new for job, task in lake.tasks(run).items() if job in _JOBS}
    assert set(tries.values()) <= {0, 1}, tries
