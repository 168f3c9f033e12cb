"""Failures of tasks, kept as XComs for the report."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ledgerlake.reporting.failures import LONGEST, Failure, dataset_of, job_reason, lost_job_reason
from ledgerlake.runs import job_runs
from ledgerlake.settings import Settings
from ledgerlake_airflow import PLAN, REPORT, glue_runs
from ledgerlake_airflow.aws import client
from ledgerlake_airflow.plans import NO_PLAN, PlanMissing

FAILURE = "failure"
LONGEST_RETRY_DELAY = 3600  # seconds
_LEFT_NOTHING = "it left no error (Airflow or its machine ended it): see its log"
FINISHED = {"success", "failed", "skipped", "upstream_failed", "removed"}


def push_failure(context: dict[str, Any]) -> None:
    """Push the last error of a task as XCom `failure`; the `on_failure_callback` of every task."""
    ti, error = context["ti"], context.get("exception")
    reason = f"{error}" if error else ""
    if error and not reason.strip():
        reason = type(error).__name__
    kind = type(error).__name__ if error else ""
    ti.xcom_push(key=FAILURE, value={"reason": reason[:LONGEST], "log": ti.log_url, "kind": kind})


def trigger_error(next_kwargs: dict[str, Any] | None) -> str:
    """Return the error that ended a task's trigger; Airflow's own error is only "Trigger failure"."""
    lines = "".join((next_kwargs or {}).get("traceback") or []).strip().splitlines()
    return lines[-1].strip() if lines else ""


def failures(ti: Any, states: dict[str, str], order: list[str]) -> list[Failure]:
    """Return the failed tasks, in the order of the DAG.

    A task whose process was killed has left no reason. Glue has the reason of a Glue job; the log has the others.
    """
    found = []
    if states.get(PLAN) == "success" and ti.xcom_pull(task_ids=PLAN) is None:
        found.append(Failure(PLAN, str(NO_PLAN), _log(ti, PLAN), PlanMissing.__name__))
    for task_id in (name for name in order if states.get(name) == "failed"):
        left = ti.xcom_pull(task_ids=task_id, key=FAILURE) or {}
        log = left.get("log") or _log(ti, task_id)
        reason = left.get("reason") or _reason_from_glue(ti, task_id) or _LEFT_NOTHING
        found.append(Failure(task_id, reason, log, left.get("kind", "")))
    return found


def _log(ti: Any, task_id: str) -> str:
    return str(ti.log_url.split("?")[0].replace(f"/tasks/{ti.task_id}", f"/tasks/{task_id}"))


def still_at_work(states: dict[str, str], batch_id: str | None) -> list[str]:
    """Return what of the run is still active when the report begins, so that the lease must not be released.

    A Glue job may outlive the task that watches it, and somebody may have cleared a task meanwhile.
    """
    tasks = [f"{name} is {state}" for name, state in states.items() if name != REPORT and state not in FINISHED]
    return tasks + (job_runs.still_at_work(client("glue"), batch_id) if batch_id else [])


def _reason_from_glue(ti: Any, task_id: str) -> str:
    """Return the outcome of the task's Glue run; empty when there is none, or Glue does not respond."""
    run = _glue_run(ti, task_id) if dataset_of(task_id) else None
    if run is None:
        return ""
    if run["JobRunState"] == glue_runs.SUCCEEDED or glue_runs.at_work(run):
        return lost_job_reason(task_id, run, run["Id"])
    return job_reason(task_id, run, run["Id"], "Airflow left none either")


def _glue_run(ti: Any, job: str) -> glue_runs.GlueRun | None:
    """Return the run that the task watched, else the newest of its batch."""
    run_id, batch_id = (
        ti.xcom_pull(task_ids=job, key="glue_job_run_id"),
        (ti.xcom_pull(task_ids=PLAN) or {}).get("batch_id"),
    )
    try:
        if run_id:
            return glue_runs.by_id(client("glue"), job, run_id)
        return glue_runs.of_batch(client("glue"), job, batch_id) if batch_id else None
    except (BotoCoreError, ClientError):
        return None


def retry_delay(ti: Any, configured: Settings) -> int:
    """Return the seconds after which the messages of a failed run reappear.

    The first delay is short. Later ones are as long as runs have been failing, so that each is about twice the one
    before, and a lasting problem does not cause a notification a minute.
    """
    shortest, previous = configured.retry_visibility_seconds, ti.get_previous_dagrun()
    if previous is None or previous.state != "failed":
        return shortest
    good = ti.get_previous_dagrun(state="success")
    since = (good and good.end_date) or previous.start_date
    failing = (datetime.now(UTC) - since).total_seconds() if since else 0
    return int(min(max(shortest, failing), LONGEST_RETRY_DELAY))
