"""Planning task of the live DAG, and the outcome of planning for both DAGs."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime
from typing import Any

from airflow.sdk import Context, get_current_context, task
from airflow.sdk.exceptions import AirflowRescheduleException, DownstreamTasksSkipped

from ledgerlake import settings
from ledgerlake.intake.deliveries import waiting
from ledgerlake.planning import batch
from ledgerlake.settings import Settings
from ledgerlake_airflow import ACKNOWLEDGE, PLAN, REPORT, WAIT
from ledgerlake_airflow.aws import client, lake
from ledgerlake_airflow.lease_wait import WAITING_RETRIES, acquire_or_reschedule, holder_of, release
from ledgerlake_airflow.messages import Queue
from ledgerlake_airflow.sensor import MESSAGES

log = logging.getLogger(__name__)

RECEIPTS = "receipts"
OUTCOME = "return_value"


@task(task_id=PLAN, retries=WAITING_RETRIES)
def plan_batch() -> dict[str, Any]:
    """Collect the messages, and make or resume a batch under the lease; wait while another run holds it.

    Returns:
        The outcome of `plan_outcome`. The receipts of the messages are the XCom `receipts`.
    """
    context = get_current_context()
    ti = context["ti"]
    woken_by = ti.xcom_pull(task_ids=WAIT, key=MESSAGES) or []
    receipts = [message["ReceiptHandle"] for message in woken_by]
    queue, configured = Queue.open(), settings.current()
    try:
        plan = decide(context, queue, receipts, configured)
    except AirflowRescheduleException:
        queue.hide(receipts, configured.visibility_seconds)
        raise
    except Exception:
        queue.hide(receipts, configured.retry_delay_seconds)
        raise
    ti.xcom_push(key=RECEIPTS, value=receipts)
    return plan_outcome(context, plan)


def decide(context: Context, queue: Queue, receipts: list[str], configured: Settings) -> batch.Plan:
    """Plan under the lease, and keep the lease only when there is a batch.

    Args:
        receipts: those of the messages that started the run; received ones are added.
    """
    acquire_or_reschedule(context)
    s3, bucket = client("s3"), lake().bucket
    if not batch.open_batches(s3, bucket):
        drain(queue, receipts, s3, bucket, configured)
    plan = batch.plan(s3, bucket, configured, owner=holder_of(context))
    if plan.batch is None:
        release(context)
    return plan


def drain(queue: Queue, receipts: list[str], s3: Any, bucket: str, configured: Settings) -> None:
    """Receive until the queue is empty and no more files land, so that a burst of files becomes one batch."""
    deadline = time.monotonic() + configured.max_wait_seconds
    while True:
        received = queue.receive(configured.visibility_seconds)
        receipts += received
        quiet = not received and batch.is_settled(waiting(s3, bucket), configured, datetime.now(UTC))
        if quiet or time.monotonic() >= deadline:
            return
        if not received:
            time.sleep(min(1.0, configured.settle_seconds))


def plan_outcome(context: Context, plan: batch.Plan, **more: Any) -> dict[str, Any]:
    """Return the plan as the other tasks read it; without a batch, skip everything up to the acknowledgement.

    Returns:
        `batch_id`, `datasets` (with work, parents first), `deliveries` (their number), `resumed`,
        `reason`, `strays` and `ignored` (their numbers), and `more`.

    Raises:
        DownstreamTasksSkipped: there is no batch; the outcome, with `batch_id` None, is pushed all the same.
    """
    outcome = more | plan.as_json()
    log.info("%s", plan.reason)
    for line in plan.unread.lines():
        log.warning("%s", line)
    if plan.batch is None:
        context["ti"].xcom_push(key=OUTCOME, value=outcome)
        raise DownstreamTasksSkipped(tasks=_work(context))
    return outcome


def _work(context: Context) -> list[str]:
    """Return the tasks that a run without a batch skips."""
    after = context["task"].get_flat_relative_ids(upstream=False)
    return sorted(after - {ACKNOWLEDGE, REPORT})
