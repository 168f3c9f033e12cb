"""The lease: one object in S3 that says who is at work on the lake.

It lets one of Airflow, Step Functions and the command line work at a time. Every change is a conditional
write, so of two who try at once one sees the other. A holder that died is replaced when its lease
has expired. (That no table has two writers does not hang on it: Glue runs each job once at a time.)
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ledgerlake import keys
from ledgerlake.errors import LeaseTaken
from ledgerlake.intake.deliveries import from_iso, iso
from ledgerlake.planning import control
from ledgerlake.planning.control import Found, fields_of
from ledgerlake.storage.objects import get_bytes, put_if_absent, put_if_unchanged

_FREE = ""


@dataclass(frozen=True)
class Lease:
    """Who holds the lake, and until when (`landed_at` format); holder "" when it is free."""

    holder: str
    since: str
    expires_at: str

    def is_free(self, now: datetime) -> bool:
        return self.holder == _FREE or from_iso(self.expires_at) <= now


def acquire(s3: Any, bucket: str, holder: str, seconds: float, now: datetime | None = None) -> Lease:
    """Take the lease, or renew it when `holder` has it already.

    Args:
        holder: names the run in words a person can follow, `airflow:ecommerce_lakehouse`.
        seconds: after which another may take it, unless it is renewed.

    Raises:
        LeaseTaken: another holds it, or was quicker.
        DamagedControlObject: nobody can read who holds it.
    """
    now = now or datetime.now(UTC)
    current = _current(s3, bucket)
    since = iso(now)
    if current is not None:
        held = _lease(current)
        if held.holder == holder:
            since = held.since
        elif not held.is_free(now):
            raise LeaseTaken(
                f"{held.holder} has been at work on the lake since {held.since}",
                expected=f"it to end, or its lease to expire at {held.expires_at}",
                remedy="wait; if that run is dead: ledgerlake lease release",
            )
    lease = Lease(holder, since, iso(now + timedelta(seconds=seconds)))
    if not _write(s3, bucket, lease, current.etag if current else None):
        raise LeaseTaken("another run took the lease at the same moment", remedy="wait; this run will be tried again")
    return lease


def release(s3: Any, bucket: str, holder: str) -> bool:
    """Give the lease back; returns False, and does nothing, when `holder` does not have it."""
    current = _current(s3, bucket)
    if current is None or current.value["holder"] != holder:
        return False
    return _write(s3, bucket, _free(current.value["since"]), current.etag)


def take_over(s3: Any, bucket: str, held: Lease, holder: str, seconds: float) -> bool:
    """Take the lease from a holder that is over; returns False when the lease is not as it was seen any more.

    Args:
        held: the lease as it was when its holder was found to be over.
    """
    current, now = _current(s3, bucket), datetime.now(UTC)
    if current is None or _lease(current) != held:
        return False
    return _write(s3, bucket, Lease(holder, iso(now), iso(now + timedelta(seconds=seconds))), current.etag)


def overwrite(s3: Any, bucket: str) -> bool:
    """Free a lease that nobody can read any more; returns False when somebody else has written it meanwhile."""
    found = get_bytes(s3, bucket, keys.LEASE)
    return _write(s3, bucket, _free(iso(datetime.now(UTC))), found and found[1])


def show(s3: Any, bucket: str) -> Lease | None:
    """Return the lease as it stands; None when it was never taken.

    Raises:
        DamagedControlObject: nobody can read who holds it.
    """
    current = _current(s3, bucket)
    return _lease(current) if current else None


def _current(s3: Any, bucket: str) -> Found | None:
    return control.read(s3, bucket, control.LEASE, keys.LEASE)


def _lease(found: Found) -> Lease:
    return Lease(**fields_of(Lease, found.value))


def _free(since: str) -> Lease:
    return Lease(_FREE, since, iso(datetime.now(UTC)))


def _write(s3: Any, bucket: str, lease: Lease, etag: str | None) -> bool:
    body = json.dumps(asdict(lease))
    if etag is None:
        return put_if_absent(s3, bucket, keys.LEASE, body)
    return put_if_unchanged(s3, bucket, keys.LEASE, body, etag)
