"""Availability: whether `raw/` is quiet, and which deliveries the next run would take."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from ledgerlake.intake.deliveries import Delivery, Waiting, from_iso, waiting
from ledgerlake.planning import batch
from ledgerlake.planning.manifest import delivery_ids
from ledgerlake.planning.quarantine import in_quarantine
from ledgerlake.settings import Settings


def wait_until_quiet(
    s3: Any,
    bucket: str,
    settings: Settings,
    seconds: float,
    *,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    sleep: Callable[[float], None] = time.sleep,
) -> bool:
    """Wait until nothing lands any more, or something has waited for too long, so that a burst is one batch.

    An open batch is resumed as it is, so there is nothing to wait for.

    Args:
        seconds: to wait at most.

    Returns:
        False when the time was up.
    """
    until = now() + timedelta(seconds=seconds)
    while not batch.open_batches(s3, bucket):
        held = in_quarantine(s3, bucket)
        found = Waiting(tuple(each for each in waiting(s3, bucket).deliveries if each.id not in held))
        if _can_be_planned(found, settings, now()):
            return True
        left = (until - now()).total_seconds()
        if left <= 0:
            return False
        sleep(min(left, _quiet_in(found, settings, now())))
    return True


def left_behind(s3: Any, bucket: str, settings: Settings, batch_id: str | None) -> tuple[Delivery, ...]:
    """Return the deliveries that a run after that of `batch_id` would take, oldest first.

    Deliveries of the batch, of quarantined batches, and those that wait for the gate are left out: a run
    that is started for them would find nothing to do, and start the next.
    """
    known = delivery_ids(s3, bucket, [batch_id] if batch_id else []) | in_quarantine(s3, bucket)
    left = tuple(each for each in waiting(s3, bucket).deliveries if each.id not in known)
    if batch.closed_by(left, settings, batch.loaded_tables(s3, bucket)):
        return ()
    return left


def _can_be_planned(found: Waiting, settings: Settings, now: datetime) -> bool:
    """Return whether `raw/` is settled, and holds a delivery that is final."""
    any_is_final = not found.deliveries or any(batch.is_final(each, now) for each in found.deliveries)
    return any_is_final and batch.is_settled(found, settings, now)


def _quiet_in(found: Waiting, settings: Settings, now: datetime) -> float:
    """Return the seconds, at least one, until `raw/` is settled if nothing more lands."""
    landed = [from_iso(each.landed_at) for each in found.deliveries]
    quiet = max(landed) + timedelta(seconds=settings.settle_seconds)
    too_long = min(landed) + timedelta(seconds=settings.max_wait_seconds)
    return max(1.0, (min(quiet, too_long) - now).total_seconds())
