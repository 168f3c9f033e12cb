"""Runs of a Glue job in Glue, which knows the outcome of a batch better than Airflow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ledgerlake.planning import batch, evidence
from ledgerlake.runs.job_runs import AT_WORK
from ledgerlake_airflow.aws import client, lake

SUCCEEDED = "SUCCEEDED"
_MOST = 200
"""The number of runs that Glue lists in one response, newest first; a run takes at least a minute."""

GlueRun = Mapping[str, Any]


def of_batch(glue: Any, job: str, batch_id: str) -> GlueRun | None:
    """Return the newest run of the job for the batch, whoever started it; None when there is none.

    Raises:
        BotoCoreError, ClientError: Glue did not respond.
    """
    runs = glue.get_job_runs(JobName=job, MaxResults=_MOST)["JobRuns"]
    of_batch = [run for run in runs if (run.get("Arguments") or {}).get("--batch_id") == batch_id]
    return max(of_batch, key=lambda run: run["StartedOn"], default=None)


def by_id(glue: Any, job: str, run_id: str) -> GlueRun:
    """Return the run of that id.

    Raises:
        BotoCoreError, ClientError: Glue did not respond, or has no run of that id.
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
