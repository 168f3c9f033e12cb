"""ReportETLRun: the end of an execution: its batch is closed, the lease released, and a notification written.

Event `{"execution": "<name>", "started_at"?, "plan": <answer of PlanETLBatch> | null, "archive"?: <answer of
ArchiveETLFiles>, "reason"?: "<note>", "date"?, "from"?, "to"?: <as in the execution's input>,
"checks"?: [{"check", "query"} | {"state", "error", "cause"}, …],
"figures"?: {"rows": [[<text>, …], …], the header first, "scanned": <bytes>} | {"problem": "<text>"},
"scanned"?: [<bytes>, …] by the checks, "crawl"?: {"needed": <bool>, "looks": <number>},
"failed": [{"state", "error", "cause"}, …]}`; a field that is null is not given.

Answer `{"subject", "message", "again_in_seconds", "quarantined", "failures": [{"state", "error", "cause"}, …]}`: what
to publish, in how many seconds a message is to have somebody look again (None when the batch is done, after a run by
date, and for a batch that is in quarantine), and what the execution failed of, nothing when it succeeded.

The batch is closed when S3 shows that it is published and archived, whatever the checks have found
(`ledgerlake.runs.endings`); else it stays open. The lease is released unless a job of the batch still runs. What a
check has found is read here, so that no list of rows travels between states. All of it may be repeated.
Metrics of the run go to CloudWatch (`ledgerlake.reporting.metrics`), and what it cost is recorded
(`ledgerlake.costs.run_records`); neither fails an execution.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from ledgerlake import names
from ledgerlake.costs import run_records
from ledgerlake.costs.usage import ObservedRun
from ledgerlake.errors import LedgerlakeError, SelectionError, SettingsError
from ledgerlake.intake.deliveries import waiting
from ledgerlake.planning import batch, lease, quarantine
from ledgerlake.planning.stages import absent_columns, blank_rows, rejected_files, summaries, unknown_columns
from ledgerlake.planning.unread import take_unreported
from ledgerlake.reporting import check_failures, metrics
from ledgerlake.reporting.failure_notification import (
    checks_notification,
    failure_notification,
    quarantine_notification,
    unfinished_notification,
)
from ledgerlake.reporting.failures import LONGEST, Failure
from ledgerlake.reporting.notification import Notification
from ledgerlake.reporting.run_facts import STEP_FUNCTIONS, RunFacts, missing_files
from ledgerlake.reporting.success_notification import success_notification
from ledgerlake.runs.endings import Ended, Ending, judge
from ledgerlake.runs.executions import console_url, holder_of, retry_delay
from ledgerlake.runs.job_runs import still_at_work
from ledgerlake.settings import Settings, from_environment, lake_bucket
from ledgerlake.storage.objects import client_config
from ledgerlake.tables.checks import check
from ledgerlake_serverless.state_failures import failure_of

_CAUSES, _CAUSE = 5, 1000
"""So many failures does the execution's own error name, each in so many characters."""

log = logging.getLogger(__name__)
log.setLevel(logging.INFO)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Handle one invocation."""
    given = _given(event)
    settings, bucket = from_environment(), lake_bucket()
    if not bucket:
        raise SettingsError("LEDGERLAKE_BUCKET is not set", expected="the name of the lake bucket")
    s3 = boto3.client("s3", config=client_config())
    failed = [failure_of(item, _log(settings, context, given["execution"])) for item in given["failed"]]
    staged = summaries(s3, bucket, given["plan"]["batch_id"]) if (given.get("plan") or {}).get("batch_id") else {}
    facts = _facts(given, failed, staged)
    if facts.batch_id:
        facts = replace(facts, dropped=quarantine.dropped(s3, bucket, facts.batch_id))
    shown_in = _log(settings, context, given["execution"])
    if not failed:
        failed = _observe(s3, bucket, given.get("checks") or [], facts, shown_in)
    ended = judge(s3, bucket, facts, failed, shown_in, closed=False)
    if not ended.ending.done:
        return _failure(s3, bucket, settings, ended)
    if facts.live:
        unread = take_unreported(s3, bucket, waiting(s3, bucket), facts.run_id)
        ended = replace(ended, facts=replace(ended.facts, unread=unread))
    figures = given.get("figures") or {"problem": "nobody has asked for its figures"}
    return _done(s3, bucket, ended, figures, _seen(given, facts, settings, staged))


def _given(event: Any) -> dict[str, Any]:
    """Return the fields that are given.

    Raises:
        LedgerlakeError: it is not the event of an execution that has something to report.
    """
    given = {name: value for name, value in event.items() if value is not None} if isinstance(event, dict) else {}
    for name in ("failed", "checks"):
        if isinstance(given.get(name), dict):  # JSONata makes a list of one its only member
            given[name] = [given[name]]
    named = isinstance(given.get("execution"), str) and given["execution"]
    planned = (given.get("plan") or {}).get("batch_id")
    if not named or not isinstance(given.get("failed"), list) or not (given["failed"] or planned):
        raise LedgerlakeError(
            f"the event is {str(event)[:500]}",
            expected='{"execution": "<name>", "plan": …, "failed": […], …}, with a batch or a failure',
        )
    return given


def _observe(s3: Any, bucket: str, asked: list[dict[str, Any]], facts: RunFacts, shown_in: str) -> list[Failure]:
    """Record what the checks have found; return those that were not answered."""
    unanswered = []
    for item in asked:
        if "error" in item:
            unanswered.append(failure_of(item, shown_in))
            continue
        try:
            rows = _rows(boto3.client("athena", config=client_config()), item["query"])
        except (BotoCoreError, ClientError) as error:
            reason = f"the result of Athena query {item['query']} could not be read: {error}"
            unanswered.append(Failure(f"checks.{item['check']}", reason[:LONGEST], shown_in, type(error).__name__))
            continue
        named = check(item["check"])
        check_failures.observe(s3, bucket, named, rows, run_id=facts.run_id, batch_id=facts.batch_id)
    return unanswered


def _rows(athena: Any, query_id: str) -> list[dict[str, str | None]]:
    """Return the rows of a finished query, as text by column."""
    pages = athena.get_paginator("get_query_results").paginate(QueryExecutionId=query_id)
    table = [[cell.get("VarCharValue") for cell in row["Data"]] for page in pages for row in page["ResultSet"]["Rows"]]
    header, *rows = table  # the first row of the first page holds the names
    return [dict(zip(map(str, header), row, strict=True)) for row in rows]


def _done(s3: Any, bucket: str, ended: Ended, figures: dict[str, Any], seen: ObservedRun) -> dict[str, Any]:
    facts, (rows, problem) = ended.facts, _table(figures)
    cost = run_records.record_run(seen, _quick, bucket)
    batch.close(s3, bucket, facts.batch_id)
    _release(s3, bucket, facts)
    if ended.ending is Ending.SUCCEEDED:
        metrics.publish_success(lambda: _quick("cloudwatch"), rows)
        return _notification(success_notification(facts, rows, problem, cost))
    metrics.publish_failure(lambda: _quick("cloudwatch"), rows)
    return _notification(checks_notification(facts, ended.failed, rows, problem, cost), ended)


def _release(s3: Any, bucket: str, facts: RunFacts) -> None:
    """Release the lease, unless a job of the batch still runs: nobody else may write its table."""
    active = still_at_work(boto3.client("glue", config=client_config()), facts.batch_id) if facts.batch_id else []
    if active:
        log.warning("The lease is kept until it expires: %s.", "; ".join(active))
    else:
        lease.release(s3, bucket, holder_of(facts.run_id))


def _table(figures: dict[str, Any]) -> tuple[list[dict[str, str | None]], str]:
    """Return the ledger's rows by column; or none, and why: the batch is done, and the notification says so."""
    header, *rows = figures.get("rows") or [[]]
    try:
        return [dict(zip(header, row, strict=True)) for row in rows], figures.get("problem") or ""
    except (TypeError, ValueError):
        return [], f"a row does not fit its header: {str(figures['rows'])[:500]}"


def _failure(s3: Any, bucket: str, settings: Settings, ended: Ended) -> dict[str, Any]:
    facts, set_aside = ended.facts, ended.ending is Ending.QUARANTINED
    again = None if set_aside or not facts.live else retry_delay(facts.run_id, settings)
    if set_aside:
        notification = quarantine_notification(facts, ended.failed)
    elif ended.missing:
        notification = unfinished_notification(facts, ended.missing, again or 0)
    else:
        notification = failure_notification(facts, ended.failed, again or 0)
    _release(s3, bucket, facts)
    metrics.publish_failure(lambda: _quick("cloudwatch"))
    return _notification(notification, ended, again)


def _quick(service: str) -> Any:
    """Return a client that gives up soon, for what the run does not wait for."""
    return boto3.client(service, config=metrics.client_config())  # type: ignore[call-overload]  # any service


def _notification(
    notification: Notification, ended: Ended | None = None, again_in_seconds: int | None = None
) -> dict[str, Any]:
    log.info("%s\n%s", notification.subject, notification.body)  # to be read here when SNS refuses it
    return {
        "subject": notification.subject,
        "message": notification.body,
        "again_in_seconds": again_in_seconds,
        "quarantined": ended is not None and ended.ending is Ending.QUARANTINED,
        "failures": _failures(ended) if ended else [],
    }


def _failures(ended: Ended) -> list[dict[str, str]]:
    """Return the cause of the failed execution by the names of its states, short as its error has to be."""
    if ended.missing:
        return [{"state": "Report", "error": type(ended.missing).__name__, "cause": str(ended.missing)[:_CAUSE]}]
    return [
        {"state": each.step, "error": each.kind or "Failed", "cause": each.reason[:_CAUSE]}
        for each in ended.failed[:_CAUSES]
    ]


def _seen(given: dict[str, Any], facts: RunFacts, settings: Settings, staged: dict[str, dict[str, Any]]) -> ObservedRun:
    """Return what is known here of what the execution has used."""
    crawl = given.get("crawl") or {}
    asked = given.get("scanned") or []
    figures = (given.get("figures") or {}).get("scanned")
    return ObservedRun(
        workflow=facts.workflow,
        run_id=facts.run_id,
        batch_id=facts.batch_id,
        started_at=str(given.get("started_at", "")),
        deliveries=facts.plan["deliveries"],
        live=facts.live,
        crawled=bool(crawl.get("needed")),
        scanned=(*asked, figures) if figures is not None else asked,
        archive=given.get("archive") or {},
        summaries=staged,
        settle_seconds=settings.settle_seconds,
        looks=crawl.get("looks") or 0,
    )


def _facts(given: dict[str, Any], failed: list[Failure], staged: dict[str, dict[str, Any]]) -> RunFacts:
    plan = given.get("plan") or {}
    dates = tuple(plan.get("dates") or _asked_for(given))
    refused = any(failure.kind == SelectionError.__name__ for failure in failed)
    return RunFacts(
        workflow=names.STATE_MACHINE,
        run_id=given["execution"],
        live=not dates and not refused,
        plan=plan,
        dates=() if refused else dates,
        **missing_files(given.get("archive")),
        unknown=unknown_columns(staged),
        blank_rows=blank_rows(staged),
        absent=absent_columns(staged),
        rejected=rejected_files(staged),
        note=str(given.get("reason") or ""),
        wording=STEP_FUNCTIONS,
    )


def _asked_for(given: dict[str, Any]) -> list[str]:
    """Return the first and the last date of the execution's input, for a run that failed before it had a plan."""
    first = given.get("date") or given.get("from")
    return [str(first), str(given.get("to") or first)] if first else []


def _log(settings: Settings, context: Any, execution: str) -> str:
    """Where the execution is shown; the console of AWS does not show those of a local lake."""
    if settings.environment == "local":
        return STEP_FUNCTIONS.logs
    return console_url(context.invoked_function_arn, execution)
