"""The end of a run that went well: its messages are deleted and its batch is closed, in this order.

A crash between the two leaves a batch that is open and complete; the next run goes through it again,
changes nothing, and closes it. A crash before lets the messages reappear.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from airflow.sdk import get_current_context, task

from ledgerlake import batch, settings
from ledgerlake.deliveries import Delivery, waiting
from ledgerlake.quarantine import in_quarantine
from ledgerlake_airflow import ACKNOWLEDGE, PLAN
from ledgerlake_airflow.aws import client, lake
from ledgerlake_airflow.messages import Queue
from ledgerlake_airflow.planning import RECEIPTS

log = logging.getLogger(__name__)


@task(task_id=ACKNOWLEDGE, trigger_rule="none_failed")
def acknowledge() -> None:
    """Delete the messages that the run answered, and close its batch."""
    ti = get_current_context()["ti"]
    plan = ti.xcom_pull(task_ids=PLAN)
    answer(ti.xcom_pull(task_ids=PLAN, key=RECEIPTS) or [], plan["batch_id"])
    if plan["batch_id"]:
        batch.close(client("s3"), lake().bucket, plan["batch_id"])


def answer(receipts: Sequence[str], batch_id: str | None) -> None:
    """Delete the messages; when the next run has something to do, it is woken at once."""
    queue, left = Queue.open(), left_behind(client("s3"), lake().bucket, batch_id)
    if left:
        queue.look_again(receipts)
        log.info("%s deliveries have landed since the plan, %s first: the next run looks at once.", *left)
    else:
        log.info("%s of %s messages deleted.", queue.delete(receipts), len(receipts))


def left_behind(s3: Any, bucket: str, batch_id: str | None) -> tuple[int, str] | None:
    """How many deliveries the next run would take, and the first of them; None when it would take none.

    Those of the batch, of quarantined ones, and those that wait for the gate are not among them: a run
    that is woken for them would find nothing to do, and wake the next.
    """
    mine = {delivery.id for delivery in batch.load(s3, bucket, batch_id).deliveries} if batch_id else set()
    known = mine | in_quarantine(s3, bucket)
    left: list[Delivery] = [each for each in waiting(s3, bucket).deliveries if each.id not in known]
    if not left or batch.closed_by(left, settings.current(), batch.loaded_tables(s3, bucket)):
        return None
    return len(left), left[0].key
