"""ReportETLRun: end an execution: close its batch, release the lease and write a notification.

Event `{"execution": "<name>", "started_at"?, "plan": <response of PlanETLBatch> | null, "archive"?: <response of
ArchiveETLFiles>, "reason"?: "<note>", "date"?, "from"?, "to"?: <as in the execution's input>,
"checks"?: [{"check", "query"} | {"state", "error", "cause"}, …],
"figures"?: {"rows": [[<text>, …], …], the header first, "scanned": <bytes>} | {"problem": "<text>"},
"scanned"?: [<bytes>, …] by the checks, "crawl"?: {"needed": <bool>, "looks": <number>},
"failed": [{"state", "error", "cause"}, …]}`; a field that is null counts as absent.

Response `{"subject", "message", "again_in_seconds", "quarantined", "failures": [{"state", "error", "cause"}, …]}`.
`subject` and `message` are the notification to publish. `again_in_seconds` is the delay of the message that retries the
batch; it is None if the batch is done or in quarantine, and after a run by date. `failures` is empty if the execution
succeeded.

The batch is closed if S3 shows that it is published and archived, whatever the checks returned
(`ledgerlake.runs.endings`); otherwise it stays open. The lease is released unless a job of the batch still runs. The
function reads the results of the checks itself, so that no rows pass between states. An invocation may be repeated.
The metrics of the run go to CloudWatch (`ledgerlake.reporting.metrics`), and its cost is recorded
(`ledgerlake.costs.run_records`); a failure of either does not fail the execution.
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
"""The number of failures in the execution's own error, and the length of each in characters."""

log = logging.getLogger(__name__)
log.setLevel(logging.INFO)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Handle one invocation by Lambda."""
    request = _request(event)
    settings, bucket = from_environment(), lake_bucket()
    if not bucket:
        raise SettingsError("LEDGERLAKE_BUCKET is not set", expected="the name of the lake bucket")
    s3 = boto3.client("s3", config=client_config())
    failed = [failure_of(item, _log(settings, context, request["execution"])) for item in request["failed"]]
    staged = summaries(s3, bucket, request["plan"]["batch_id"]) if (request.get("plan") or {}).get("batch_id") else {}
    facts = _facts(request, failed, staged)
    if facts.batch_id:
        facts = replace(facts, dropped=quarantine.dropped(s3, bucket, facts.batch_id))
    log_location = _log(settings, context, request["execution"])
    if not failed:
        failed = _observe(s3, bucket, request.get("checks") or [], facts, log_location)
    ended = judge(s3, bucket, facts, failed, log_location, closed=False)
    if not ended.ending.done:
        return _failure(s3, bucket, settings, ended)
    if facts.live:
        unread = take_unreported(s3, bucket, waiting(s3, bucket), facts.run_id)
        ended = replace(ended, facts=replace(ended.facts, unread=unread))
    figures = request.get("figures") or {"problem": "its figures were not queried"}
    return _done(s3, bucket, ended, figures, _observed_run(request, facts, settings, staged))


def _request(event: Any) -> dict[str, Any]:
    """Return the fields of the event that are not null.

    Raises:
        LedgerlakeError: the event names no execution, or neither a batch nor a failure.
    """
    request = {name: value for name, value in event.items() if value is not None} if isinstance(event, dict) else {}
    for name in ("failed", "checks"):
        if isinstance(request.get(name), dict):  # JSONata replaces a list of one by its only member
            request[name] = [request[name]]
    named = isinstance(request.get("execution"), str) and request["execution"]
    planned = (request.get("plan") or {}).get("batch_id")
    if not named or not isinstance(request.get("failed"), list) or not (request["failed"] or planned):
        raise LedgerlakeError(
            f"the event is {str(event)[:500]}",
            expected='{"execution": "<name>", "plan": …, "failed": […], …}, with a batch or a failure',
        )
    return request


def _observe(s3: Any, bucket: str, results: list[dict[str, Any]], facts: RunFacts, log_location: str) -> list[Failure]:
    """Record the rows that the checks returned; return the failures of checks without a result."""
    unanswered = []
    for item in results:
        if "error" in item:
            unanswered.append(failure_of(item, log_location))
            continue
        try:
            rows = _rows(boto3.client("athena", config=client_config()), item["query"])
        except (BotoCoreError, ClientError) as error:
            reason = f"the result of Athena query {item['query']} could not be read: {error}"
            unanswered.append(Failure(f"checks.{item['check']}", reason[:LONGEST], log_location, type(error).__name__))
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


def _done(s3: Any, bucket: str, ended: Ended, figures: dict[str, Any], observed: ObservedRun) -> dict[str, Any]:
    facts, (rows, problem) = ended.facts, _table(figures)
    cost = run_records.record_run(observed, _quick, bucket)
    batch.close(s3, bucket, facts.batch_id)
    _release(s3, bucket, facts)
    if ended.ending is Ending.SUCCEEDED:
        metrics.publish_success(lambda: _quick("cloudwatch"), rows)
        return _notification(success_notification(facts, rows, problem, cost))
    metrics.publish_failure(lambda: _quick("cloudwatch"), rows)
    return _notification(checks_notification(facts, ended.failed, rows, problem, cost), ended)


def _release(s3: Any, bucket: str, facts: RunFacts) -> None:
    """Release the lease, unless a job of the batch still runs, since a table has one writer."""
    active = still_at_work(boto3.client("glue", config=client_config()), facts.batch_id) if facts.batch_id else []
    if active:
        log.warning("The lease is kept until it expires: %s.", "; ".join(active))
    else:
        lease.release(s3, bucket, holder_of(facts.run_id))


def _table(figures: dict[str, Any]) -> tuple[list[dict[str, str | None]], str]:
    """Return the ledger's rows by column and the problem that prevents them, for a batch that is done anyway."""
    header, *rows = figures.get("rows") or [[]]
    try:
        return [dict(zip(header, row, strict=True)) for row in rows], figures.get("problem") or ""
    except (TypeError, ValueError):
        return [], f"a row does not fit its header: {str(figures['rows'])[:500]}"


def _failure(s3: Any, bucket: str, settings: Settings, ended: Ended) -> dict[str, Any]:
    facts, set_aside = ended.facts, ended.ending is Ending.QUARANTINED
    delay = None if set_aside or not facts.live else retry_delay(facts.run_id, settings)
    if set_aside:
        notification = quarantine_notification(facts, ended.failed)
    elif ended.missing:
        notification = unfinished_notification(facts, ended.missing, delay or 0)
    else:
        notification = failure_notification(facts, ended.failed, delay or 0)
    _release(s3, bucket, facts)
    metrics.publish_failure(lambda: _quick("cloudwatch"))
    return _notification(notification, ended, delay)


def _quick(service: str) -> Any:
    """Return a client with short timeouts, for calls that must not delay the run."""
    return boto3.client(service, config=metrics.client_config())  # type: ignore[call-overload]  # any service


def _notification(
    notification: Notification, ended: Ended | None = None, again_in_seconds: int | None = None
) -> dict[str, Any]:
    log.info("%s\n%s", notification.subject, notification.body)  # the log keeps it if SNS refuses it
    return {
        "subject": notification.subject,
        "message": notification.body,
        "again_in_seconds": again_in_seconds,
        "quarantined": ended is not None and ended.ending is Ending.QUARANTINED,
        "failures": _failures(ended) if ended else [],
    }


def _failures(ended: Ended) -> list[dict[str, str]]:
    """Return the failures in the form of the state machine, shortened for the execution's error."""
    if ended.missing:
        return [{"state": "Report", "error": type(ended.missing).__name__, "cause": str(ended.missing)[:_CAUSE]}]
    return [
        {"state": each.step, "error": each.kind or "Failed", "cause": each.reason[:_CAUSE]}
        for each in ended.failed[:_CAUSES]
    ]


def _observed_run(
    request: dict[str, Any], facts: RunFacts, settings: Settings, staged: dict[str, dict[str, Any]]
) -> ObservedRun:
    """Return the resources that the execution is known to have used."""
    crawl = request.get("crawl") or {}
    scanned = request.get("scanned") or []
    figures = (request.get("figures") or {}).get("scanned")
    return ObservedRun(
        workflow=facts.workflow,
        run_id=facts.run_id,
        batch_id=facts.batch_id,
        started_at=str(request.get("started_at", "")),
        deliveries=facts.plan["deliveries"],
        live=facts.live,
        crawled=bool(crawl.get("needed")),
        scanned=(*scanned, figures) if figures is not None else scanned,
        archive=request.get("archive") or {},
        summaries=staged,
        settle_seconds=settings.settle_seconds,
        looks=crawl.get("looks") or 0,
    )


def _facts(request: dict[str, Any], failed: list[Failure], staged: dict[str, dict[str, Any]]) -> RunFacts:
    plan = request.get("plan") or {}
    dates = tuple(plan.get("dates") or _requested_dates(request))
    refused = any(failure.kind == SelectionError.__name__ for failure in failed)
    return RunFacts(
        workflow=names.STATE_MACHINE,
        run_id=request["execution"],
        live=not dates and not refused,
        plan=plan,
        dates=() if refused else dates,
        **missing_files(request.get("archive")),
        unknown=unknown_columns(staged),
        blank_rows=blank_rows(staged),
        absent=absent_columns(staged),
        rejected=rejected_files(staged),
        note=str(request.get("reason") or ""),
        wording=STEP_FUNCTIONS,
    )


def _requested_dates(request: dict[str, Any]) -> list[str]:
    """Return the first and last date of the input, for a run that failed before it had a plan."""
    first = request.get("date") or request.get("from")
    return [str(first), str(request.get("to") or first)] if first else []


def _log(settings: Settings, context: Any, execution: str) -> str:
    """Return the console URL of the execution, or the command that shows it on a local lake."""
    if settings.environment == "local":
        return STEP_FUNCTIONS.logs
    return console_url(context.invoked_function_arn, execution)
