"""Active runs of the Glue jobs, as Glue lists them; a job may outlive the task or state that watches it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ledgerlake.contracts import DATASETS

AT_WORK = {"STARTING", "RUNNING", "STOPPING", "WAITING"}
_NEWEST = 25
"""A job has one active run at a time, so that run is among its newest."""


@dataclass(frozen=True)
class JobRun:
    """A run of a Glue job that has not ended."""

    job: str
    run_id: str
    state: str
    batch_id: str

    def __str__(self) -> str:
        """Return the job, its state, its batch and its run id."""
        return f"{self.job} is {self.state} for batch {self.batch_id} (Glue run {self.run_id})"


def at_work(glue: Any, batch_id: str | None = None, jobs: Iterable[str] | None = None) -> tuple[JobRun, ...]:
    """Return the runs of the Glue jobs that have not ended, parents first.

    Args:
        batch_id: include only runs for this batch; None for any.
        jobs: the names of the jobs; every job of the contracts by default.

    Raises:
        ClientError, BotoCoreError: Glue did not respond, so the state is unknown.
    """
    names = [dataset.job for dataset in DATASETS.values()] if jobs is None else jobs
    return tuple(run for name in names for run in _of_job(glue, name) if batch_id in (None, run.batch_id))


def still_at_work(glue: Any, batch_id: str) -> list[str]:
    """Return why the lease must not be released yet: a job of the batch runs, or Glue does not respond."""
    try:
        return [str(run) for run in at_work(glue, batch_id)]
    except (ClientError, BotoCoreError) as error:
        return [f"Glue could not be asked whether a job of batch {batch_id} still runs: {error}"]


def _of_job(glue: Any, job: str) -> Iterator[JobRun]:
    try:
        runs = glue.get_job_runs(JobName=job, MaxResults=_NEWEST)["JobRuns"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "EntityNotFoundException":  # no such job: it has no runs
            return
        raise
    for run in runs:
        if run["JobRunState"] in AT_WORK:
            yield JobRun(job, run["Id"], run["JobRunState"], run.get("Arguments", {}).get("--batch_id", ""))
