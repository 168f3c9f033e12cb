"""Report task: release the lease, and publish one notification about the run.

The outcome is judged by what is in S3 (`ledgerlake.runs.endings`), not by the states of tasks.

The report is a teardown task, since it must always run and must not change the state of the run. It is no callback
of the DAG, because those run in the DAG processor, without the exception, at most once.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

from airflow.sdk import Context, get_current_context, task
from airflow.sdk.exceptions import AirflowException, AirflowSkipException
from botocore.exceptions import BotoCoreError, ClientError

from ledgerlake import names, settings
from ledgerlake.costs import run_records
from ledgerlake.costs.usage import ObservedRun
from ledgerlake.intake.deliveries import iso, waiting
from ledgerlake.planning import quarantine
from ledgerlake.planning.stages import absent_columns, blank_rows, rejected_files, summaries, unknown_columns
from ledgerlake.planning.unread import Unread, take_unreported
from ledgerlake.reporting import metrics
from ledgerlake.reporting.failure_notification import (
    checks_notification,
    failure_notification,
    missing_report_notification,
    quarantine_notification,
    unfinished_notification,
)
from ledgerlake.reporting.notification import Notification
from ledgerlake.reporting.run_facts import AIRFLOW, RunFacts, missing_files
from ledgerlake.reporting.success_notification import figures_sql, stray_files_notification, success_notification
from ledgerlake.runs.endings import Ended, Ending, judge
from ledgerlake.tables.checks import checks
from ledgerlake_airflow import ARCHIVE, CHECKS, CRAWL, PLAN, REPORT, WAIT
from ledgerlake_airflow.acknowledge import acknowledge_messages
from ledgerlake_airflow.athena import QueryResult, run_query
from ledgerlake_airflow.aws import client, cloudwatch, lake, quick
from ledgerlake_airflow.by_date import DATES
from ledgerlake_airflow.failure import failures, retry_delay, still_at_work
from ledgerlake_airflow.lease_wait import release
from ledgerlake_airflow.messages import Queue
from ledgerlake_airflow.orchestrator import consumes_queue
from ledgerlake_airflow.planning import RECEIPTS
from ledgerlake_airflow.sensor import MESSAGES

log = logging.getLogger(__name__)


def notify_missing_report(context: dict[str, Any]) -> None:
    """Publish that the report itself failed; the `on_failure_callback` of the report."""
    run = context.get("dag_run")
    facts = RunFacts(getattr(run, "dag_id", "?"), getattr(run, "run_id", "?"))
    metrics.publish_failure(cloudwatch)
    publish(
        missing_report_notification(facts, f"{context.get('exception') or 'its process ended'}", context["ti"].log_url)
    )


@task(task_id=REPORT, on_failure_callback=notify_missing_report)
def report() -> None:
    """Release the lease, let the messages of a failed run reappear, and publish one notification.

    A run without a batch publishes nothing, unless raw/ holds files that no job reads and that were not reported
    before. The notification is published last, so that a retry does not publish a second one.
    """
    context = get_current_context()
    ti, run_id = context["ti"], context["dag_run"].run_id
    states = ti.get_task_states(dag_id=ti.dag_id, run_ids=[run_id])
    states = states.get(run_id, states)
    failed = failures(ti, states, context["dag"].task_ids)
    staged = _summaries(ti)
    facts = _facts(context, staged)
    ended = judge(client("s3"), lake().bucket, facts, failed, ti.log_url, closed=True)
    if active := still_at_work(states, facts.batch_id):
        log.warning("The lease is kept until it expires: %s.", "; ".join(active))
    else:
        release(context)
    if ended.ending is Ending.QUIET:
        if (news := _unread(facts, run_id, strays_only=True)).strays:
            publish(stray_files_notification(news))
            return
        raise AirflowSkipException(f"there was nothing to do: {facts.plan.get('reason', 'nothing was planned')}")
    if ended.ending.done:
        publish(_of_finished(context, ended, staged, crawled=states.get(CRAWL) == "success"))
    else:
        metrics.publish_failure(cloudwatch)
        publish(_of_failure(context, ended))


def _unread(facts: RunFacts, run_id: str, *, strays_only: bool = False) -> Unread:
    """Return unreported objects in raw/ that no job reads; a run by date leaves them to live runs."""
    if not facts.live:
        return Unread()
    s3, bucket = client("s3"), lake().bucket
    return take_unreported(s3, bucket, waiting(s3, bucket), run_id, strays_only=strays_only)


def publish(notification: Notification) -> None:
    """Publish the notification to the topic's subscribers."""
    log.info("%s\n%s", notification.subject, notification.body)
    client("sns").publish(TopicArn=lake().topic_arn, Subject=notification.subject, Message=notification.body)


def _of_finished(context: Context, ended: Ended, staged: dict[str, dict[str, Any]], *, crawled: bool) -> Notification:
    """Return the notification of a finished batch, with its figures, cost and check failures."""
    facts = replace(ended.facts, unread=_unread(ended.facts, ended.facts.run_id))
    figures, problem = _figures(facts.batch_id)
    usage = _observed_run(context, facts, staged, figures.query_id, crawled=crawled)
    cost = run_records.record_run(usage, quick, lake().bucket)
    if ended.ending is Ending.SUCCEEDED:
        metrics.publish_success(cloudwatch, figures.rows)
        return success_notification(facts, figures.rows, problem, cost)
    metrics.publish_failure(cloudwatch, figures.rows)
    return checks_notification(facts, ended.failed, figures.rows, problem, cost)


def _summaries(ti: Any) -> dict[str, dict[str, Any]]:
    """Return the summaries that the jobs have written; none without a batch."""
    batch_id = (ti.xcom_pull(task_ids=PLAN) or {}).get("batch_id")
    return summaries(client("s3"), lake().bucket, batch_id) if batch_id else {}


def _observed_run(
    context: Context, facts: RunFacts, staged: dict[str, dict[str, Any]], figures_id: str | None, *, crawled: bool
) -> ObservedRun:
    """Return what this task knows about the resources that the run has used."""
    ti = context["ti"]
    started = context["dag_run"].start_date
    return ObservedRun(
        workflow=facts.workflow,
        run_id=facts.run_id,
        batch_id=facts.batch_id,
        started_at=iso(started) if started else "",
        deliveries=facts.plan["deliveries"],
        live=facts.live,
        crawled=crawled,
        query_ids=[each for each in _queries(ti, figures_id) if each],
        archive=ti.xcom_pull(task_ids=ARCHIVE) or {},
        summaries=staged,
    )


def _facts(context: Context, staged: dict[str, dict[str, Any]]) -> RunFacts:
    """Return the facts of the run, except figures and failures."""
    ti, run = context["ti"], context["dag_run"]
    plan = ti.xcom_pull(task_ids=PLAN) or {}
    return RunFacts(
        workflow=run.dag_id,
        run_id=run.run_id,
        live=run.dag_id == names.LIVE_DAG,
        plan=plan,
        dates=tuple(ti.xcom_pull(task_ids=PLAN, key=DATES) or ()),
        **missing_files(ti.xcom_pull(task_ids=ARCHIVE)),
        unknown=unknown_columns(staged),
        blank_rows=blank_rows(staged),
        absent=absent_columns(staged),
        rejected=rejected_files(staged),
        note=str(context["params"].get("reason") or ""),
        dropped=_dropped(plan.get("batch_id")),
        wording=AIRFLOW if consumes_queue(settings.current()) else replace(AIRFLOW, live=names.STATE_MACHINE),
    )


def _queries(ti: Any, figures_id: str | None) -> list[str | None]:
    """Return the ids of the run's queries; a check whose query failed has left none."""
    return [*(ti.xcom_pull(task_ids=f"{CHECKS}.{each.name}") for each in checks()), figures_id]


def _dropped(batch_id: str | None) -> str:
    return quarantine.dropped(client("s3"), lake().bucket, batch_id) if batch_id else ""


def _of_failure(context: Context, ended: Ended) -> Notification:
    """Return the notification; delete the messages of a quarantined batch, and let others reappear."""
    facts, receipts, seconds = ended.facts, _receipts(context["ti"]), 0
    if ended.ending is Ending.QUARANTINED:
        if facts.live:
            acknowledge_messages(receipts, facts.batch_id)
        return quarantine_notification(facts, ended.failed)
    if facts.live:
        seconds = retry_delay(context["ti"], settings.current())
        Queue.open().hide(receipts, seconds)
    if ended.missing:
        return unfinished_notification(facts, ended.missing, seconds)
    return failure_notification(facts, ended.failed, seconds)


def _receipts(ti: Any) -> list[str]:
    """Return the receipts that the plan collected, or, when it failed, those that started the run."""
    collected = ti.xcom_pull(task_ids=PLAN, key=RECEIPTS)
    if collected is not None:
        return list(collected)
    return [message["ReceiptHandle"] for message in ti.xcom_pull(task_ids=WAIT, key=MESSAGES) or []]


def _figures(batch_id: str) -> tuple[QueryResult, str]:
    """Return the ledger's rows of the batch, or none and the reason, since a finished batch must be reported anyway."""
    try:
        return run_query(figures_sql(batch_id), settings.current()), ""
    except (AirflowException, BotoCoreError, ClientError) as error:
        log.warning("The ledger could not be read: %s", error)
        return QueryResult([]), str(error)
