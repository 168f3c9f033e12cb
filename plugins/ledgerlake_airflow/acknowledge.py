"""Acknowledgement of a batch: delete its messages, then close it, once S3 shows that it is finished.

Neither step depends on the states of tasks: a failed check keeps no batch open, and a task that somebody marked as
successful closes none. A crash between the two steps leaves an open, complete batch; the next run processes it
again, changes nothing, and closes it. After a crash before both, the messages reappear.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from airflow.sdk import Context, TriggerRule, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from ledgerlake import settings
from ledgerlake.errors import NotArchived, NotPublished
from ledgerlake.planning import batch
from ledgerlake.planning.availability import left_behind
from ledgerlake.planning.evidence import require_finished
from ledgerlake_airflow import ACKNOWLEDGE, CRAWL, PLAN
from ledgerlake_airflow.aws import client, lake
from ledgerlake_airflow.messages import Queue
from ledgerlake_airflow.planning import RECEIPTS
from ledgerlake_airflow.plans import planned

log = logging.getLogger(__name__)


@task(task_id=ACKNOWLEDGE, trigger_rule=TriggerRule.ALL_DONE)
def acknowledge() -> None:
    """Delete the messages of the run, and close its batch."""
    context = get_current_context()
    ti, batch_id = context["ti"], finished_batch(context)
    acknowledge_messages(ti.xcom_pull(task_ids=PLAN, key=RECEIPTS) or [], batch_id)
    if batch_id:
        batch.close(client("s3"), lake().bucket, batch_id)


def finished_batch(context: Context) -> str | None:
    """Return the batch that the run may close; None when there was nothing to do.

    Raises:
        AirflowSkipException: a step of the run failed, so the batch is not finished, and stays open.
        AirflowFailException: no step failed, but the batch is not finished: somebody has marked a step as successful.
        PlanMissing: somebody has marked the plan as successful.
    """
    states = _states(context)
    if context["ti"].xcom_pull(task_ids=PLAN) is None and states.get(PLAN) != "success":
        raise AirflowSkipException("nothing was planned: no message is deleted, and no batch closed")
    batch_id: str | None = planned(context["ti"])["batch_id"]
    if batch_id is None:
        return None
    if states.get(CRAWL) == "failed":
        raise AirflowSkipException("the crawler failed: the batch stays open, and the next run runs the crawler again")
    s3, bucket = client("s3"), lake().bucket
    try:
        require_finished(s3, bucket, batch.load(s3, bucket, batch_id))
    except (NotPublished, NotArchived) as error:
        failed = any(state == "failed" for state in states.values())
        kind = AirflowSkipException if failed else AirflowFailException
        raise kind(f"the batch stays open: {type(error).__name__}: {error}") from error
    return batch_id


def _states(context: Context) -> dict[str, str]:
    ti, run_id = context["ti"], context["dag_run"].run_id
    states = ti.get_task_states(dag_id=ti.dag_id, run_ids=[run_id])
    return dict(states.get(run_id, states))


def acknowledge_messages(receipts: Sequence[str], batch_id: str | None) -> None:
    """Delete the messages; wake the next run at once when deliveries have landed since the plan."""
    queue, left = Queue.open(), left_behind(client("s3"), lake().bucket, settings.current(), batch_id)
    if left:
        queue.delete_and_wake(receipts)
        log.info(
            "%s deliveries have landed since the plan, %s first: the next run starts at once.", len(left), left[0].key
        )
    else:
        log.info("%s of %s messages deleted.", queue.delete(receipts), len(receipts))
