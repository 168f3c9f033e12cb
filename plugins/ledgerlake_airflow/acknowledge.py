"""The end of a run that went well: its messages are deleted and its batch is closed, in this order.

A crash between the two leaves a batch that is open and complete; the next run goes through it again,
changes nothing, and closes it. A crash before lets the messages reappear.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from airflow.sdk import get_current_context, task

from ledgerlake import batch, settings
from ledgerlake.availability import left_behind
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
    queue, left = Queue.open(), left_behind(client("s3"), lake().bucket, settings.current(), batch_id)
    if left:
        queue.look_again(receipts)
        log.info(
            "%s deliveries have landed since the plan, %s first: the next run looks at once.", len(left), left[0].key
        )
    else:
        log.info("%s of %s messages deleted.", queue.delete(receipts), len(receipts))
