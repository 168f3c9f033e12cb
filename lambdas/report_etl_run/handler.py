"""ReportETLRun: the end of an execution: its batch is closed, the lake given back, and a letter written.

Event `{"execution": "<name>", "started_at"?, "plan": <answer of PlanETLBatch> | null, "archive"?: <answer of
ArchiveETLFiles>, "reason"?: "<note>", "date"?, "from"?, "to"?: <as in the execution's input>,
"figures"?: {"rows": [[<text>, …], …], the header first, "scanned": <bytes>} | {"problem": "<text>"},
"scanned"?: [<bytes>, …] by the checks, "crawl"?: {"needed": <bool>, "looks": <number>},
"failed": [{"state", "error", "cause"} | {"check", "says", "rows"}, …]}`; a field that is null is not given.

Answer `{"subject", "message", "again_in_seconds", "quarantined"}`: what to publish, and in how many seconds a message
is to have somebody look again; None after a success, after a run by date, and for a batch that is in quarantine.

With nothing failed the batch is closed, then the lease released; else the batch stays open. Both may be repeated.
How it went is also told to CloudWatch (`ledgerlake.metrics`), and what it cost is recorded (`ledgerlake.run_records`);
neither fails an execution.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import boto3

from ledgerlake import batch, lease, metrics, places, quarantine, run_records
from ledgerlake.deliveries import waiting
from ledgerlake.errors import LedgerlakeError, SelectionError, SettingsError
from ledgerlake.executions import console_url, holder_of, patience
from ledgerlake.failure_letters import of_failure, of_quarantine
from ledgerlake.failures import Failure
from ledgerlake.letters import STEP_FUNCTIONS, Letter, RunFacts, of_success
from ledgerlake.settings import Settings, from_environment, lake_bucket
from ledgerlake.stages import blank_rows, summaries, unknown_columns
from ledgerlake.state_failures import failure_of
from ledgerlake.storage import client_config
from ledgerlake.unread import take_news
from ledgerlake.usage import RunSeen


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """The entry point that Lambda calls."""
    given = _given(event)
    settings, bucket = from_environment(), lake_bucket()
    if not bucket:
        raise SettingsError("LEDGERLAKE_BUCKET is not set", expected="the name of the lake bucket")
    s3 = boto3.client("s3", config=client_config())
    failed = [failure_of(item, _log(settings, context, given["execution"])) for item in given["failed"]]
    staged = summaries(s3, bucket, given["plan"]["batch_id"]) if (given.get("plan") or {}).get("batch_id") else {}
    facts = _facts(given, failed, staged)
    if failed:
        return _failure(s3, bucket, settings, facts, failed)
    if facts.live:
        facts = replace(facts, unread=take_news(s3, bucket, waiting(s3, bucket), facts.run_id))
    figures = given.get("figures") or {"problem": "nobody has asked for its figures"}
    return _success(s3, bucket, facts, figures, _seen(given, facts, settings, staged))


def _given(event: Any) -> dict[str, Any]:
    """The fields that are given.

    Raises:
        LedgerlakeError: it is not the event of an execution that has something to report.
    """
    given = {name: value for name, value in event.items() if value is not None} if isinstance(event, dict) else {}
    if isinstance(given.get("failed"), dict):  # JSONata makes a list of one its only member
        given["failed"] = [given["failed"]]
    named = isinstance(given.get("execution"), str) and given["execution"]
    planned = (given.get("plan") or {}).get("batch_id")
    if not named or not isinstance(given.get("failed"), list) or not (given["failed"] or planned):
        raise LedgerlakeError(
            f"the event is {str(event)[:500]}",
            expected='{"execution": "<name>", "plan": …, "failed": […], …}, with a batch or a failure',
        )
    return given


def _success(s3: Any, bucket: str, facts: RunFacts, figures: dict[str, Any], seen: RunSeen) -> dict[str, Any]:
    rows, problem = _table(figures)
    letter = of_success(facts, rows, problem, run_records.account(seen, _quick, bucket))
    batch.close(s3, bucket, facts.batch_id)
    lease.release(s3, bucket, holder_of(facts.run_id))
    metrics.tell_success(lambda: _quick("cloudwatch"), rows)
    return _told(letter)


def _table(figures: dict[str, Any]) -> tuple[list[dict[str, str | None]], str]:
    """The ledger's rows by column; or none, and why: the batch is done, and that must be told in any case."""
    header, *rows = figures.get("rows") or [[]]
    try:
        return [dict(zip(header, row, strict=True)) for row in rows], figures.get("problem") or ""
    except (TypeError, ValueError):
        return [], f"a row does not fit its header: {str(figures['rows'])[:500]}"


def _failure(s3: Any, bucket: str, settings: Settings, facts: RunFacts, failed: list[Failure]) -> dict[str, Any]:
    set_aside = bool(facts.batch_id) and facts.batch_id in quarantine.quarantined(s3, bucket)
    again = None if set_aside or not facts.live else patience(facts.run_id, settings)
    letter = of_quarantine(facts, failed) if set_aside else of_failure(facts, failed, again or 0)
    lease.release(s3, bucket, holder_of(facts.run_id))
    metrics.tell_failure(lambda: _quick("cloudwatch"))
    return _told(letter, again, set_aside)


def _quick(service: str) -> Any:
    """A client that gives up soon, for what the run does not wait for."""
    return boto3.client(service, config=metrics.client_config())


def _told(letter: Letter, again_in_seconds: int | None = None, quarantined: bool = False) -> dict[str, Any]:
    return {
        "subject": letter.subject,
        "message": letter.body,
        "again_in_seconds": again_in_seconds,
        "quarantined": quarantined,
    }


def _seen(given: dict[str, Any], facts: RunFacts, settings: Settings, staged: dict[str, dict[str, Any]]) -> RunSeen:
    """What is known here of what the execution has used."""
    crawl = given.get("crawl") or {}
    asked = given.get("scanned") or []
    figures = (given.get("figures") or {}).get("scanned")
    return RunSeen(
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
        workflow=places.STATE_MACHINE,
        run_id=given["execution"],
        live=not dates and not refused,
        plan=plan,
        dates=() if refused else dates,
        missing=tuple((given.get("archive") or {}).get("missing", ())),
        unknown=unknown_columns(staged),
        blank_rows=blank_rows(staged),
        note=str(given.get("reason") or ""),
        words=STEP_FUNCTIONS,
    )


def _asked_for(given: dict[str, Any]) -> list[str]:
    """The first and the last date of the execution's input, for a run that failed before it had a plan."""
    first = given.get("date") or given.get("from")
    return [str(first), str(given.get("to") or first)] if first else []


def _log(settings: Settings, context: Any, execution: str) -> str:
    """Where the execution is shown; the console of AWS does not show those of a local lake."""
    if settings.environment == "local":
        return STEP_FUNCTIONS.see
    return console_url(context.invoked_function_arn, execution)
