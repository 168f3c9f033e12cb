"""PlanETLBatch: decide what an execution of the state machine does.

Event `{"execution": "<name>", "batch_id"?, "date"?: "2025-04-01", "from"?, "to"?, "datasets"?: [...],
"reprocess"?: "both" | "waiting" | "archived", "reason"?}`; a field that is null counts as absent.

- With `from` and no `date`, the response is `{"dates": ["2025-04-01", …]}`. The state machine then starts one
  execution for each date.
- Otherwise the function acquires the lease for the execution and plans a batch: the one named by `batch_id` if it is
  still open, the deliveries of `date`, or what waits. The response is `{"batch_id", "datasets", "deliveries" (a
  count), "resumed", "reason", "strays", "ignored" (counts), "dates": [first, last] or []}`. If `batch_id` is None,
  there is nothing to do and the lease is released.

While another holder keeps the lease, the function fails with `LeaseTaken`, which the state machine retries. The lease
of an execution that has ended is taken over once no job runs any more. A repeated event finds its own lease and batch.
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
"""The lease outlives the longest execution by this much."""

log = logging.getLogger(__name__)
log.setLevel(logging.INFO)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001, Lambda passes it
    """Handle one invocation by Lambda."""
    request = _request(event)
    if "date" not in request and ("from" in request or "to" in request):
        return {"dates": _dates(request)}
    selection = _selection(request)
    settings, bucket = from_environment(), lake_bucket()
    if not bucket:
        raise SettingsError("LEDGERLAKE_BUCKET is not set", expected="the name of the lake bucket")
    s3, holder = boto3.client("s3", config=client_config()), holder_of(request["execution"])
    _acquire_lease(s3, bucket, holder, settings.execution_timeout_minutes * 60 + SPARE_SECONDS)
    plan = _plan(s3, bucket, settings, request, selection)
    if plan.batch is None:
        lease.release(s3, bucket, holder)
    dates = [selection.first.isoformat(), selection.last.isoformat()] if selection else []
    return plan.as_json() | {"dates": dates}


def _acquire_lease(s3: Any, bucket: str, holder: str, seconds: int) -> None:
    """Acquire the lease; take over that of an execution that is over.

    Raises:
        LeaseTaken: another run is at work.
    """
    try:
        lease.acquire(s3, bucket, holder, seconds)
    except LeaseTaken as taken:
        held = lease.show(s3, bucket)
        machine = StateMachine(boto3.client("stepfunctions", config=client_config()), state_machine_arn())
        glue = boto3.client("glue", config=client_config())
        holder_state = dead_executions.holder_of(held, machine, glue) if held else None
        if not (held and holder_state and holder_state.is_over and lease.take_over(s3, bucket, held, holder, seconds)):
            raise
        log.warning("%s; %s, and its lease is taken over.", taken, holder_state)


def _request(event: Any) -> dict[str, Any]:
    """Return the fields of the event that are not null.

    Raises:
        LedgerlakeError: the event names no execution.
        SelectionError: a field is unknown, or two fields exclude each other.
    """
    request = {name: value for name, value in event.items() if value is not None} if isinstance(event, dict) else {}
    if not isinstance(request.get("execution"), str) or not request["execution"]:
        raise LedgerlakeError(f"the event is {event!r}", expected='{"execution": "<name>", …}')
    reprocess_request.check_known_fields(request, FIELDS, "the input")
    if not (isinstance(request.get("batch_id", "-"), str) and request.get("batch_id", "-")):
        raise SelectionError(f"batch_id is {request['batch_id']!r}", expected="the id of a batch")
    for name in DAYS:
        if name in request:
            reprocess_request.parse_day(name, request[name])
    for one, others in (("batch_id", DAYS), ("date", DAYS[1:])):
        if one in request and (excluded := [name for name in others if name in request]):
            raise SelectionError(f"the input names {one} and {' and '.join(excluded)}", expected="one of them")
    return request


def _dates(request: dict[str, Any]) -> list[str]:
    """Return every day from the first to the last.

    Raises:
        SelectionError: the request is invalid, as in Airflow's form; or it spans too many days.
    """
    selection = reprocess_request.parse(request, *reprocess_request.parse_days(request, date.min))
    count = (selection.last - selection.first).days + 1
    if count > MOST_DATES:
        raise SelectionError(f"{count} days", expected=f"at most {MOST_DATES} at once")
    return [(selection.first + timedelta(days=number)).isoformat() for number in range(count)]


def _selection(request: dict[str, Any]) -> Selection | None:
    """Return the selection of an execution by date; None for a live one."""
    if "date" not in request:
        return None
    day = reprocess_request.parse_day("date", request["date"])
    return reprocess_request.parse(request, day, day)


def _plan(s3: Any, bucket: str, settings: Settings, request: dict[str, Any], selection: Selection | None) -> Plan:
    if selection is not None:
        return by_date.plan(s3, bucket, settings, selection, holder_of(request["execution"]))
    if "batch_id" in request:
        return _plan_named(s3, bucket, request["batch_id"], request["execution"])
    return batches.plan(s3, bucket, settings, owner=LIVE)


def _plan_named(s3: Any, bucket: str, batch_id: str, execution: str) -> Plan:
    """Resume the batch, unless another execution has finished it meanwhile."""
    unread = Unread.of(waiting(s3, bucket))
    if batch_id not in batches.open_batches(s3, bucket):
        return Plan(None, f"batch {batch_id} is not open: it is done, or in quarantine", unread=unread)
    batch, first = batches.load_or_set_aside(s3, bucket, batch_id), execution == batch_id
    if batch is None:
        return Plan(None, f"batch {batch_id} is set aside: its manifest is lost", unread=unread)
    reason = f"{len(batch.deliveries)} deliveries" if first else f"resumes {batch_id}, which was left open"
    return Plan(batch, reason, resumed=not first, unread=unread)
