"""Tasks that begin and end a run by date."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

from airflow.sdk import Context, TriggerRule, get_current_context, task

from ledgerlake import settings
from ledgerlake.intake.deliveries import from_iso
from ledgerlake.planning import batch, by_date
from ledgerlake.planning.by_date import Selection
from ledgerlake_airflow import ACKNOWLEDGE, PLAN
from ledgerlake_airflow.acknowledge import finished_batch
from ledgerlake_airflow.aws import client, lake
from ledgerlake_airflow.form import selection
from ledgerlake_airflow.lease_wait import WAITING_RETRIES, acquire_or_yield, holder_of, release, reschedule
from ledgerlake_airflow.orchestrator import consumes_queue
from ledgerlake_airflow.planning import plan_outcome

log = logging.getLogger(__name__)

DATES = "dates"


@task(task_id=PLAN, retries=WAITING_RETRIES, map_index_template="{{ dates }}")
def plan_dates() -> dict[str, Any]:
    """Make a batch of the requested deliveries, under the lease; wait while another run holds it.

    Returns:
        The outcome of `planning.plan_outcome`, with the first and the last date as `dates`. They are also the XCom
        `dates`, even when planning fails.

    Raises:
        FormError: the request is invalid.
    """
    context = get_current_context()
    chosen = selection(context["dag_run"], context["params"])
    context["dates"] = str(chosen)  # type: ignore[typeddict-unknown-key]  # the run's name in the list of tasks
    dates = [chosen.first.isoformat(), chosen.last.isoformat()]
    context["ti"].xcom_push(key=DATES, value=dates)
    log.info("This run is for %s.", chosen)
    if chosen.older and not consumes_queue(settings.current()):
        return plan_outcome(context, batch.Plan(None, "Step Functions sweeps up what waits in raw/"), dates=dates)
    if chosen.older:
        leave_to_live_runs(context, chosen)
    return plan_outcome(context, decide(context, chosen), dates=dates)


@task(task_id=ACKNOWLEDGE, trigger_rule=TriggerRule.ALL_DONE)
def close_batch() -> None:
    """Close the batch when it is published and archived; otherwise it stays open, and a live run resumes it.

    No message started the run. The messages of its files start a live run, which finds nothing to do.
    """
    batch_id = finished_batch(get_current_context())
    if batch_id:
        batch.close(client("s3"), lake().bucket, batch_id)


def decide(context: Context, chosen: Selection) -> batch.Plan:
    """Plan under the lease, and keep the lease only when there is a batch."""
    acquire_or_yield(context)
    plan = by_date.plan(client("s3"), lake().bucket, settings.current(), chosen, holder_of(context))
    if plan.batch is None:
        release(context)
    return plan


def leave_to_live_runs(context: Context, chosen: Selection) -> None:
    """Wait while recent deliveries are left to live runs; the daily sweep takes what they do not.

    Raises:
        AirflowRescheduleException: a delivery landed, and the run began, less than `max_wait_seconds` ago.
    """
    grace_seconds = settings.current().max_wait_seconds
    now = datetime.now(UTC)
    began = context["dag_run"].start_date or now
    found = by_date.find(client("s3"), lake().bucket, chosen)
    if found and max((now - began).total_seconds(), _age(found[0].landed_at, now)) < grace_seconds:
        reschedule(
            f"{len(found)} deliveries of {chosen} landed recently; live runs have {grace_seconds:.0f} s to take them"
        )


def _age(landed_at: str, now: datetime) -> float:
    return (now - from_iso(landed_at)).total_seconds()
