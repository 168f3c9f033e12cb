"""What a failed task leaves behind for the report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ledgerlake.contracts import DATASETS

FAILURE = "failure"
LONGEST = 4000  # characters of a reason; an SNS message holds 256 KiB


@dataclass(frozen=True)
class Failure:
    """One task that failed.

    Args:
        dataset: whose job the task is; empty for a task of the whole batch.
        log: where its log is read in the browser.
    """

    task_id: str
    reason: str
    log: str

    @property
    def dataset(self) -> str:
        return next((name for name, dataset in DATASETS.items() if dataset.job == self.task_id), "")


def remember_failure(context: dict[str, Any]) -> None:
    """As a task's `on_failure_callback`: keep its last error as XCom `failure`."""
    ti, error = context["ti"], context.get("exception")
    reason = f"{error}" if error else ""
    if error and not reason.strip():
        reason = type(error).__name__
    ti.xcom_push(key=FAILURE, value={"reason": reason[:LONGEST], "log": ti.log_url})


def trigger_error(next_kwargs: dict[str, Any] | None) -> str:
    """What ended a task's trigger; Airflow itself only says "Trigger failure", and logs the rest."""
    lines = "".join((next_kwargs or {}).get("traceback") or []).strip().splitlines()
    return lines[-1].strip() if lines else ""


def failures(ti: Any, states: dict[str, str], order: list[str]) -> list[Failure]:
    """The tasks that failed, in the order of the DAG.

    A task whose process was killed has left no reason; its log has.
    """
    found = []
    for task_id in (name for name in order if states.get(name) == "failed"):
        left = ti.xcom_pull(task_ids=task_id, key=FAILURE) or {}
        log = left.get("log") or ti.log_url.split("?")[0].replace(f"/tasks/{ti.task_id}", f"/tasks/{task_id}")
        found.append(
            Failure(
                task_id, left.get("reason") or "it left no error (Airflow or its machine ended it): see its log", log
            )
        )
    return found
