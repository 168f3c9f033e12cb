"""The end of a run that went well: its messages are deleted and its batch is closed, in this order.

A crash between the two leaves a batch that is open and complete; the next run goes through it again,
changes nothing, and closes it. A crash before lets the messages reappear.
"""

from __future__ import annotations

import logging

from airflow.sdk import get_current_context, task

from ledgerlake import batch
from ledgerlake.deliveries import waiting
from ledgerlake_airflow import ACKNOWLEDGE, PLAN
from ledgerlake_airflow.aws import client, lake
from ledgerlake_airflow.messages import Queue
from ledgerlake_airflow.planning import RECEIPTS

log = logging.getLogger(__name__)


@task(task_id=ACKNOWLEDGE, trigger_rule="none_failed")
def acknowledge() -> None:
    """Delete the messages that the run answered, and close its batch.

    A run that resumed a batch has not looked at what landed since; when something waits, its messages
    are shown again instead, so that the next run looks at once.
    """
    ti = get_current_context()["ti"]
    plan = ti.xcom_pull(task_ids=PLAN)
    receipts = ti.xcom_pull(task_ids=PLAN, key=RECEIPTS) or []
    queue, s3, bucket = Queue.open(), client("s3"), lake().bucket
    if plan["resumed"] and waiting(s3, bucket).deliveries:
        queue.show_again(receipts, 0)
        log.info("%s messages shown again: files have landed since the batch was planned.", len(receipts))
    else:
        log.info("%s of %s messages deleted.", queue.delete(receipts), len(receipts))
    if plan["batch_id"]:
        batch.close(s3, bucket, plan["batch_id"])
