"""Plan of a run, as its other tasks read it."""

from __future__ import annotations

from typing import Any

from airflow.sdk.exceptions import AirflowFailException

from ledgerlake.errors import LedgerlakeError
from ledgerlake_airflow import PLAN


class PlanMissing(AirflowFailException):
    """`plan_batch` has left no plan; not retried, since only a new run of that task makes one."""


NO_PLAN = LedgerlakeError(
    f"{PLAN} has left no plan, so the run does not know what to process (was it marked as success?)",
    expected="the plan that it makes when it runs",
    remedy=f"clear {PLAN} with the tasks after it",
)


def planned(ti: Any) -> dict[str, Any]:
    """Return the plan of the run.

    Raises:
        PlanMissing: there is none, since somebody has marked the task as successful.
    """
    plan = ti.xcom_pull(task_ids=PLAN)
    if not isinstance(plan, dict) or "batch_id" not in plan:
        raise PlanMissing(str(NO_PLAN))
    return plan
