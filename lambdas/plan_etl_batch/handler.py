"""PlanETLBatch: decide what an execution of the state machine does.

Event `{"execution": "<name>", "batch_id"?, "date"?: "2025-04-01", "from"?, "to"?, "datasets"?: [...],
"reprocess"?: "both" | "waiting" | "archived", "reason"?}`; a field that is null is not given.

- with `from` (and no `date`): answer `{"dates": ["2025-04-01", …]}`, one execution for each is started then;
- else the lease is taken for the execution, and a batch is planned: the one named by `batch_id` if it is still
  open, that of the deliveries of `date`, or what waits. Answer `{"batch_id", "datasets", "deliveries" (how many),
  "resumed", "reason", "strays", "ignored" (how many of either), "dates": [first, last] or []}`; with `batch_id` None
  there is nothing to do, and the lease is given back.

While another holds the lease it fails with `LeaseTaken`, to be tried again; unless the holder is an execution that has
ended, and no job of it runs any more: then its lease is taken over. The same event again finds its own
lease and its own batch.
"""

from __future__ import annotations

import logging
from datetime import date, timedelta
from typing import Any

import boto3

from ledgerlake.errors import LeaseTaken, LedgerlakeError, SelectionError, SettingsError
from ledgerlake.intake.deliveries import waiting
from ledgerlake.planning import batch as batches
from ledgerlake.planning import by_date, lease, reprocess_request
from ledgerlake.planning.batch import Plan
from ledgerlake.planning.by_date import Selection
from ledgerlake.planning.unread import Unread
from ledgerlake.runs import dead_executions
from ledgerlake.runs.executions import LIVE, StateMachine, holder_of
from ledgerlake.settings import Settings, from_environment, lake_bucket, state_machine_arn
from ledgerlake.storage.objects import client_config

MOST_DATES = 366
FIELDS = ("execution", "batch_id", "date", "from", "to", "datasets", "reprocess", "reason")
DAYS = ("date", "from", "to")
SPARE_SECONDS = 300
"""The lease outlives the longest execution by so much."""

log = logging.getLogger(__name__)
log.setLevel(logging.INFO)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001, Lambda gives it
    """Handle one invocation."""
    asked = _asked(event)
    if "date" not in asked and ("from" in asked or "to" in asked):
        return {"dates": _dates(asked)}
    chosen = _day(asked)
    settings, bucket = from_environment(), lake_bucket()
    if not bucket:
        raise SettingsError("LEDGERLAKE_BUCKET is not set", expected="the name of the lake bucket")
    s3, holder = boto3.client("s3", config=client_config()), holder_of(asked["execution"])
    _take_lease(s3, bucket, holder, settings.execution_timeout_minutes * 60 + SPARE_SECONDS)
    plan = _plan(s3, bucket, settings, asked, chosen)
    if plan.batch is None:
        lease.release(s3, bucket, holder)
    dates = [chosen.first.isoformat(), chosen.last.isoformat()] if chosen else []
    return plan.as_json() | {"dates": dates}


def _take_lease(s3: Any, bucket: str, holder: str, seconds: int) -> None:
    """Take the lease, also from an execution that is over.

    Raises:
        LeaseTaken: another is at work.
    """
    try:
        lease.acquire(s3, bucket, holder, seconds)
    except LeaseTaken as taken:
        held = lease.show(s3, bucket)
        machine = StateMachine(boto3.client("stepfunctions", config=client_config()), state_machine_arn())
        glue = boto3.client("glue", config=client_config())
        found = dead_executions.holder_of(held, machine, glue) if held else None
        if not (held and found and found.is_over and lease.take_over(s3, bucket, held, holder, seconds)):
            raise
        log.warning("%s; %s, and its lease is taken over.", taken, found)


def _asked(event: Any) -> dict[str, Any]:
    """Return the fields that are given.

    Raises:
        LedgerlakeError: there is no execution.
        SelectionError: a field is unknown, or two do not go together.
    """
    given = {name: value for name, value in event.items() if value is not None} if isinstance(event, dict) else {}
    if not isinstance(given.get("execution"), str) or not given["execution"]:
        raise LedgerlakeError(f"the event is {event!r}", expected='{"execution": "<name>", …}')
    reprocess_request.check_known_fields(given, FIELDS, "the input")
    if not (isinstance(given.get("batch_id", "-"), str) and given.get("batch_id", "-")):
        raise SelectionError(f"batch_id is {given['batch_id']!r}", expected="the id of a batch")
    for name in DAYS:
        if name in given:
            reprocess_request.parse_day(name, given[name])
    for one, others in (("batch_id", DAYS), ("date", DAYS[1:])):
        if one in given and (beside := [name for name in others if name in given]):
            raise SelectionError(f"the input names {one} and {' and '.join(beside)}", expected="one of them")
    return given


def _dates(asked: dict[str, Any]) -> list[str]:
    """Every day from the first to the last.

    Raises:
        SelectionError: as a form of Airflow would be refused; or there are too many.
    """
    chosen = reprocess_request.parse(asked, *reprocess_request.parse_days(asked, date.min))
    count = (chosen.last - chosen.first).days + 1
    if count > MOST_DATES:
        raise SelectionError(f"{count} days", expected=f"at most {MOST_DATES} at once")
    return [(chosen.first + timedelta(days=number)).isoformat() for number in range(count)]


def _day(asked: dict[str, Any]) -> Selection | None:
    """Return what an execution by date is for; None for a live one."""
    if "date" not in asked:
        return None
    day = reprocess_request.parse_day("date", asked["date"])
    return reprocess_request.parse(asked, day, day)


def _plan(s3: Any, bucket: str, settings: Settings, asked: dict[str, Any], chosen: Selection | None) -> Plan:
    if chosen is not None:
        return by_date.plan(s3, bucket, settings, chosen, holder_of(asked["execution"]))
    if "batch_id" in asked:
        return _named(s3, bucket, asked["batch_id"], asked["execution"])
    return batches.plan(s3, bucket, settings, owner=LIVE)


def _named(s3: Any, bucket: str, batch_id: str, execution: str) -> Plan:
    """Go on with the batch, unless another execution was quicker and is done with it."""
    unread = Unread.of(waiting(s3, bucket))
    if batch_id not in batches.open_batches(s3, bucket):
        return Plan(None, f"batch {batch_id} is not open: it is done, or in quarantine", unread=unread)
    batch, first = batches.load_or_set_aside(s3, bucket, batch_id), execution == batch_id
    if batch is None:
        return Plan(None, f"batch {batch_id} is set aside: its manifest is lost", unread=unread)
    reason = f"{len(batch.deliveries)} deliveries" if first else f"resumes {batch_id}, which was left open"
    return Plan(batch, reason, resumed=not first, unread=unread)
