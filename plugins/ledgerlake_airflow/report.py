"""The last task: tells a person, exactly once, what became of the run, and gives the lake back.

A teardown task, since it must run whatever happened and must not change the run's state. It is no
callback of the DAG, because those run in the DAG processor, without the exception, at most once.
"""

from __future__ import annotations

import logging
from typing import Any

from airflow.sdk import Context, get_current_context, task
from airflow.sdk.exceptions import AirflowException, AirflowSkipException
from botocore.exceptions import BotoCoreError, ClientError

from ledgerlake import settings
from ledgerlake_airflow import PLAN, REPORT, WAIT
from ledgerlake_airflow.athena import ask
from ledgerlake_airflow.aws import client, lake, release_lease
from ledgerlake_airflow.failure import failures
from ledgerlake_airflow.messages import Queue
from ledgerlake_airflow.planning import RECEIPTS
from ledgerlake_airflow.sensor import MESSAGES
from ledgerlake_airflow.texts import Letter, figures_sql, of_failure, of_success, without_report

log = logging.getLogger(__name__)


def tell_without_report(context: dict[str, Any]) -> None:
    """As `on_failure_callback` of the report: when it could not tell, tell at least that."""
    run_id = getattr(context.get("dag_run"), "run_id", "?")
    publish(without_report(run_id, f"{context.get('exception') or 'its process ended'}", context["ti"].log_url))


@task(task_id=REPORT, on_failure_callback=tell_without_report)
def report() -> None:
    """Release the lease, let the messages of a failed run come back, and send one message to the topic.

    Quiet runs tell nobody. The message is sent last, so that a retry does not send a second one.
    """
    context = get_current_context()
    ti, run_id = context["ti"], context["dag_run"].run_id
    release_lease()
    plan = ti.xcom_pull(task_ids=PLAN) or {}
    states = ti.get_task_states(dag_id=ti.dag_id, run_ids=[run_id])
    failed = failures(ti, states.get(run_id, states), context["dag"].task_ids)
    if failed:
        seconds = settings.current().retry_visibility_seconds
        Queue.open().show_again(_receipts(ti), seconds)
        publish(of_failure(run_id, plan, failed, seconds, _note(context)))
    elif plan.get("batch_id"):
        publish(of_success(plan, *_figures(plan["batch_id"]), _note(context)))
    else:
        raise AirflowSkipException(f"a quiet run: {plan.get('reason', 'nothing was planned')}")


def publish(letter: Letter) -> None:
    """Send the letter to the topic's subscribers."""
    log.info("%s\n%s", letter.subject, letter.body)
    client("sns").publish(TopicArn=lake().topic_arn, Subject=letter.subject, Message=letter.body)


def _receipts(ti: Any) -> list[str]:
    """Those that the plan collected; when it failed, those that woke the run."""
    collected = ti.xcom_pull(task_ids=PLAN, key=RECEIPTS)
    if collected is not None:
        return list(collected)
    return [message["ReceiptHandle"] for message in ti.xcom_pull(task_ids=WAIT, key=MESSAGES) or []]


def _figures(batch_id: str) -> tuple[list[dict[str, str | None]], str]:
    """The ledger's rows of the batch; or none, and why: the batch is done, and that must be told in any case."""
    try:
        return ask(figures_sql(batch_id), settings.current()), ""
    except (AirflowException, BotoCoreError, ClientError) as error:
        log.warning("The ledger could not be read: %s", error)
        return [], str(error)


def _note(context: Context) -> str:
    return str(context["params"].get("reason") or "")
