"""The task that decides what the run does."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime
from typing import Any

from airflow.sdk import Context, get_current_context, task
from airflow.sdk.exceptions import DownstreamTasksSkipped

from ledgerlake import batch, settings
from ledgerlake.deliveries import waiting
from ledgerlake.errors import LeaseTaken
from ledgerlake.settings import Settings
from ledgerlake_airflow import ACKNOWLEDGE, PLAN, REPORT, WAIT
from ledgerlake_airflow.aws import client, hold_lease, lake, release_lease
from ledgerlake_airflow.messages import Queue
from ledgerlake_airflow.sensor import MESSAGES

log = logging.getLogger(__name__)

RECEIPTS = "receipts"
OUTCOME = "return_value"


@task(task_id=PLAN)
def plan_batch() -> dict[str, Any]:
    """Collect the messages, and make or resume a batch under the lease.

    Returns:
        `batch_id`, `datasets` (with work, parents first), `deliveries` (how many), `resumed`,
        `reason`, `strays`; of a quiet run `batch_id` is None, and everything up to the acknowledgement is skipped.
        The receipts of the messages are the XCom `receipts`.
    """
    context = get_current_context()
    ti = context["ti"]
    woken_by = ti.xcom_pull(task_ids=WAIT, key=MESSAGES) or []
    receipts = [message["ReceiptHandle"] for message in woken_by]
    queue = Queue.open()
    try:
        outcome = decide(queue, receipts, settings.current())
    except Exception:
        queue.show_again(receipts, settings.current().retry_delay_seconds)
        raise
    ti.xcom_push(key=RECEIPTS, value=receipts)
    log.info("%s", outcome["reason"])
    for stray in outcome["strays"]:
        log.warning("%s lies outside every dataset's folder: no job reads it.", stray)
    if outcome["batch_id"] is None:
        ti.xcom_push(key=OUTCOME, value=outcome)
        raise DownstreamTasksSkipped(tasks=_work(context))
    return outcome


def decide(queue: Queue, receipts: list[str], configured: Settings) -> dict[str, Any]:
    """Plan under the lease, and keep it only when there is a batch.

    Args:
        receipts: of the messages that woke the run; those that are drained are added, and when another
            holds the lease they are given back and the list is emptied.
    """
    s3, bucket = client("s3"), lake().bucket
    try:
        hold_lease()
    except LeaseTaken as taken:
        queue.show_again(receipts, configured.retry_visibility_seconds)
        receipts.clear()
        return _outcome(batch.Plan(None, str(taken)))
    if not batch.open_batches(s3, bucket):
        drain(queue, receipts, s3, bucket, configured)
    plan = batch.plan(s3, bucket, configured)
    if plan.batch is None:
        release_lease()
    return _outcome(plan)


def drain(queue: Queue, receipts: list[str], s3: Any, bucket: str, configured: Settings) -> None:
    """Receive until the queue is empty and raw/ is quiet, so that a burst of files becomes one batch."""
    deadline = time.monotonic() + configured.max_wait_seconds
    while True:
        received = queue.receive(configured.visibility_seconds)
        receipts += received
        quiet = not received and batch.settled(waiting(s3, bucket), configured, datetime.now(UTC))
        if quiet or time.monotonic() >= deadline:
            return
        if not received:
            time.sleep(min(1.0, configured.settle_seconds))


def _outcome(plan: batch.Plan) -> dict[str, Any]:
    made = plan.batch
    return {
        "batch_id": made and made.batch_id,
        "datasets": list(made.datasets) if made else [],
        "deliveries": len(made.deliveries) if made else 0,
        "resumed": plan.resumed,
        "reason": plan.reason,
        "strays": list(plan.strays),
    }


def _work(context: Context) -> list[str]:
    """The tasks that a quiet run leaves out."""
    after = context["task"].get_flat_relative_ids(upstream=False)
    return sorted(after - {ACKNOWLEDGE, REPORT})
