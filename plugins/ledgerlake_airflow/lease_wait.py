"""Wait for the lease: a task whose run does not hold it is rescheduled until it does.

A reschedule frees the worker and uses up no try, and Airflow starts the task again automatically.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

from airflow.sdk.exceptions import AirflowRescheduleException

from ledgerlake import names, settings
from ledgerlake.errors import LeaseTaken
from ledgerlake.intake.deliveries import from_iso
from ledgerlake.planning import lease
from ledgerlake.planning.batch import LIVE
from ledgerlake_airflow import PLAN
from ledgerlake_airflow.aws import client, lake
from ledgerlake_airflow.takeover import take_over

log = logging.getLogger(__name__)

SHORTEST_WAIT = 10.0  # seconds; an attempt costs the start of a process
WAITING_RETRIES = 4
"""Retries of a task that may wait often: a slow scheduler may take a reschedule for a lost task, which costs a try."""
_LONG = 3  # pauses, within which every waiting task attempts once
_WAITING = ["up_for_reschedule"]
_ABOUT_TO_PLAN = [*_WAITING, "scheduled", "queued", "running"]


def holder_of(context: Any) -> str:
    """Return the name under which the run holds the lease.

    One live run is active at a time, so all of them share a name. Runs by date are concurrent, so each has its own.
    """
    run = context["dag_run"]
    return LIVE if run.dag_id == names.LIVE_DAG else f"airflow:{run.dag_id}/{run.run_id}"


def acquire_or_reschedule(context: Any) -> None:
    """Acquire the lease for the run, or renew it; concurrent tasks may renew it at the same moment.

    Raises:
        AirflowRescheduleException: another run holds the lease; the task tries again later.
    """
    s3, bucket, configured = client("s3"), lake().bucket, settings.current()
    holder = holder_of(context)
    try:
        lease.acquire(s3, bucket, holder, configured.lease_seconds)
    except LeaseTaken as taken:
        held = lease.show(s3, bucket)
        if held is not None and held.holder == holder:
            return
        if held is not None and held.holder and take_over(held, holder, configured.lease_seconds, context["ti"]):
            return
        reschedule(str(taken), _next_attempt(held, longest=1 if holder == LIVE else _LONG))


def acquire_or_yield(context: Any) -> None:
    """Acquire the lease for a run by date, after live runs and after runs by date that already wait.

    The next run of a backfill starts the moment one ends, so without this a backfill would block every other run.

    Raises:
        AirflowRescheduleException: another run holds the lease, or is next.
    """
    held = lease.show(client("s3"), lake().bucket)
    holds_it = held is not None and held.holder == holder_of(context)
    if not holds_it:
        _yield_to_waiting_runs(context["ti"], context.get("task_reschedule_count") or 0)
    acquire_or_reschedule(context)


def _yield_to_waiting_runs(ti: Any, attempts: int) -> None:
    """Reschedule while other runs wait; every third attempt ignores live runs, since a paused DAG waits forever."""
    if attempts % 3 < 2 and ti.get_ti_count(dag_id=names.LIVE_DAG, task_ids=[PLAN], states=_ABOUT_TO_PLAN):
        reschedule("a live run waits, and is next")
    if not attempts and ti.get_ti_count(dag_id=names.BY_DATE_DAG, task_ids=[PLAN], states=_WAITING):
        reschedule("other runs by date have been waiting, and are next", datetime.now(UTC) + _LONG * _pause())


def release(context: Any) -> bool:
    """Release the lease; return False when the run did not hold it."""
    return lease.release(client("s3"), lake().bucket, holder_of(context))


def reschedule(reason: str, until: datetime | None = None) -> NoReturn:
    """End this attempt of the task; Airflow starts it again at `until`, or after a pause.

    Raises:
        AirflowRescheduleException: always.
    """
    until = until or datetime.now(UTC) + _pause()
    log.info("Waiting; the next attempt is at %s: %s", f"{until:%H:%M:%S} UTC", reason)
    raise AirflowRescheduleException(until)


def _pause() -> timedelta:
    return timedelta(seconds=max(SHORTEST_WAIT, 3 * settings.current().poll_seconds))


def _next_attempt(held: lease.Lease | None, longest: int) -> datetime:
    """Return when the lease expires; if that is later, the end of a pause that grows up to `longest` pauses."""
    now = datetime.now(UTC)
    if held is None or not held.holder:
        return now + _pause()
    half = (now - from_iso(held.since)) / 2
    expires = min(from_iso(held.expires_at), now + timedelta(days=1)) + timedelta(seconds=1)
    return max(now + timedelta(seconds=1), min(expires, now + min(max(_pause(), half), longest * _pause())))
