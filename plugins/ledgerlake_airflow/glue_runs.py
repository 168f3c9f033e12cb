"""Runs of a Glue job, as Glue describes them: what became of a batch is asked there, not in Airflow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ledgerlake.planning import batch, evidence
from ledgerlake.runs.job_runs import AT_WORK
from ledgerlake_airflow.aws import client, lake

SUCCEEDED = "SUCCEEDED"
_MOST = 200
"""Runs that Glue lists in one answer, newest first; one run of a job takes a minute at least."""

GlueRun = Mapping[str, Any]


def of_batch(glue: Any, job: str, batch_id: str) -> GlueRun | None:
    """Return the newest run of the job for the batch, whoever started it; None when there is none.

    Raises:
        BotoCoreError, ClientError: Glue did not answer.
    """
    runs = glue.get_job_runs(JobName=job, MaxResults=_MOST)["JobRuns"]
    mine = [run for run in runs if (run.get("Arguments") or {}).get("--batch_id") == batch_id]
    return max(mine, key=lambda run: run["StartedOn"], default=None)


def by_id(glue: Any, job: str, run_id: str) -> GlueRun:
    """Return the run of that id.

    Raises:
        BotoCoreError, ClientError: Glue did not answer, or has none of that id.
    """
    found: GlueRun = glue.get_job_run(JobName=job, RunId=run_id)["JobRun"]
    return found


def at_work(run: GlueRun) -> bool:
    """Return whether the run has not ended yet."""
    return run["JobRunState"] in AT_WORK


def unpublished(batch_id: str, dataset: str) -> str:
    """Return what the lake lacks of the dataset's part of the batch; empty when all of it is published."""
    s3, bucket = client("s3"), lake().bucket
    return evidence.lacking(s3, bucket, batch.load(s3, bucket, batch_id), dataset)
