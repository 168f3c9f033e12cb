"""Runs take turns on the lake by one lease; a task that finds it taken waits, and never fails for that.

Waiting is a reschedule: the task gives its worker back, uses up no try, and looks again by itself.
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

SHORTEST_WAIT = 10.0  # seconds; a look costs the start of a process
WAITING_RETRIES = 4
"""Of a task that may wait often: a slow scheduler may take one that looks again for a lost one, which costs a try."""
_LONG = 3  # pauses; within so many every task that waits has looked once
_WAITING = ["up_for_reschedule"]
_ABOUT_TO_PLAN = [*_WAITING, "scheduled", "queued", "running"]


def holder_of(context: Any) -> str:
    """Who the run is when it holds the lease.

    Live runs are one holder, since one is active at a time; runs by date go side by side, so each is its own.
    """
    run = context["dag_run"]
    return LIVE if run.dag_id == names.LIVE_DAG else f"airflow:{run.dag_id}/{run.run_id}"


def take_turn(context: Any) -> None:
    """Take the lease for the run, or renew it; tasks side by side may renew it at the same moment.

    Raises:
        AirflowRescheduleException: another is at work on the lake; the task looks again later.
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
        wait(str(taken), _next_look(held, longest=1 if holder == LIVE else _LONG))


def begin_turn(context: Any) -> None:
    """As `take_turn`, for the first task of a run by date: live runs go first, and so do those that wait already.

    Else a backfill, whose next run starts the moment one ends, would keep everybody waiting until it is done.

    Raises:
        AirflowRescheduleException: as `take_turn`, or somebody else is to have the next turn.
    """
    held = lease.show(client("s3"), lake().bucket)
    has_it = held is not None and held.holder == holder_of(context)
    if not has_it:
        _let_others_go_first(context["ti"], context.get("task_reschedule_count") or 0)
    take_turn(context)


def _let_others_go_first(ti: Any, looks: int) -> None:
    """Wait for them; but every third look asks nobody, since a task of a paused DAG waits for ever."""
    if looks % 3 < 2 and ti.get_ti_count(dag_id=names.LIVE_DAG, task_ids=[PLAN], states=_ABOUT_TO_PLAN):
        wait("a live run waits, and goes first")
    if not looks and ti.get_ti_count(dag_id=names.BY_DATE_DAG, task_ids=[PLAN], states=_WAITING):
        wait("others have been waiting, and go first", datetime.now(UTC) + _LONG * _pause())


def give_back(context: Any) -> bool:
    """Release the lease; False when the run did not have it."""
    return lease.release(client("s3"), lake().bucket, holder_of(context))


def wait(why: str, until: datetime | None = None) -> NoReturn:
    """End this attempt of the task; Airflow starts it again at `until`, or after a pause.

    Raises:
        AirflowRescheduleException: always.
    """
    until = until or datetime.now(UTC) + _pause()
    log.info("Waiting, and looking again at %s: %s", f"{until:%H:%M:%S} UTC", why)
    raise AirflowRescheduleException(until)


def _pause() -> timedelta:
    return timedelta(seconds=max(SHORTEST_WAIT, 3 * settings.current().poll_seconds))


def _next_look(held: lease.Lease | None, longest: int) -> datetime:
    """As soon as the lease expires; else after a pause, up to `longest` ones when the holder takes its time."""
    now = datetime.now(UTC)
    if held is None or not held.holder:
        return now + _pause()
    half = (now - from_iso(held.since)) / 2
    expires = min(from_iso(held.expires_at), now + timedelta(days=1)) + timedelta(seconds=1)
    return max(now + timedelta(seconds=1), min(expires, now + min(max(_pause(), half), longest * _pause())))
