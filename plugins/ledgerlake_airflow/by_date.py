"""The first and the last task of a run by date."""

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
from ledgerlake_airflow.orchestrator import ours
from ledgerlake_airflow.planning import told
from ledgerlake_airflow.turns import WAITING_RETRIES, begin_turn, give_back, holder_of, wait

log = logging.getLogger(__name__)

DATES = "dates"


@task(task_id=PLAN, retries=WAITING_RETRIES, map_index_template="{{ dates }}")
def plan_dates() -> dict[str, Any]:
    """Make a batch of the deliveries that the run is asked for, under the lease; wait while another has it.

    Returns:
        As `planning.told`, with the first and the last date as `dates`; they are the XCom `dates` too, also
        when planning fails.

    Raises:
        FormRefused: nobody could know what is asked for.
    """
    context = get_current_context()
    chosen = selection(context["dag_run"], context["params"])
    context["dates"] = str(chosen)  # type: ignore[typeddict-unknown-key]  # the run's name in the list of tasks
    dates = [chosen.first.isoformat(), chosen.last.isoformat()]
    context["ti"].xcom_push(key=DATES, value=dates)
    log.info("This run is for %s.", chosen)
    if chosen.older and not ours(settings.current()):
        return told(context, batch.Plan(None, "Step Functions sweeps up what waits in raw/"), dates=dates)
    if chosen.older:
        leave_to_the_live_run(context, chosen)
    return told(context, decide(context, chosen), dates=dates)


@task(task_id=ACKNOWLEDGE, trigger_rule=TriggerRule.ALL_DONE)
def close_batch() -> None:
    """Close the batch when S3 says that it is done; else it stays open, and a live run resumes it.

    No message woke the run; those of its files let the next live run look, and find nothing.
    """
    batch_id = finished_batch(get_current_context())
    if batch_id:
        batch.close(client("s3"), lake().bucket, batch_id)


def decide(context: Context, chosen: Selection) -> batch.Plan:
    """Plan under the lease, and keep it only when there is a batch."""
    begin_turn(context)
    plan = by_date.plan(client("s3"), lake().bucket, settings.current(), chosen, holder_of(context))
    if plan.batch is None:
        give_back(context)
    return plan


def leave_to_the_live_run(context: Context, chosen: Selection) -> None:
    """Wait a while for what has only just landed: the daily sweep is for what nobody else takes.

    Raises:
        AirflowRescheduleException: something landed less than `max_wait_seconds` ago, and the run is as young.
    """
    patience = settings.current().max_wait_seconds
    now = datetime.now(UTC)
    began = context["dag_run"].start_date or now
    found = by_date.find(client("s3"), lake().bucket, chosen)
    if found and max((now - began).total_seconds(), _age(found[0].landed_at, now)) < patience:
        wait(f"{len(found)} deliveries of {chosen} have landed only now; live runs have {patience:.0f} s to take them")


def _age(landed_at: str, now: datetime) -> float:
    return (now - from_iso(landed_at)).total_seconds()
