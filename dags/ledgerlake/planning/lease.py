"""The lease: one object in S3 that names the run which works on the lake.

It lets one of Airflow, Step Functions and the command line work at a time. Every change is a conditional
write, so only one of two simultaneous attempts succeeds. A dead holder is replaced when its lease has
expired. (The lease is not what keeps two writers from one table: Glue runs each job once at a time.)
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
    """The holder of the lake, and the expiry (`landed_at` format); holder "" when it is free."""

    holder: str
    since: str
    expires_at: str

    def is_free(self, now: datetime) -> bool:
        """Return whether another run may take the lease."""
        return self.holder == _FREE or from_iso(self.expires_at) <= now


def acquire(s3: Any, bucket: str, holder: str, seconds: float, now: datetime | None = None) -> Lease:
    """Take the lease, or renew it when `holder` has it already.

    Args:
        holder: names the run so that an operator can find it, `airflow:ecommerce_lakehouse`.
        seconds: after which another may take it, unless it is renewed.

    Raises:
        LeaseTaken: another run holds it, or took it first.
        DamagedControlObject: the lease cannot be read.
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
                expected=f"that run to end, or its lease to expire at {held.expires_at}",
                remedy="wait; if that run is dead: ledgerlake lease release",
            )
    lease = Lease(holder, since, iso(now + timedelta(seconds=seconds)))
    if not _write(s3, bucket, lease, current.etag if current else None):
        raise LeaseTaken("another run took the lease at the same moment", remedy="wait; this run will be tried again")
    return lease


def release(s3: Any, bucket: str, holder: str) -> bool:
    """Release the lease; return False, and do nothing, when `holder` does not have it."""
    current = _current(s3, bucket)
    if current is None or current.value["holder"] != holder:
        return False
    return _write(s3, bucket, _free(current.value["since"]), current.etag)


def take_over(s3: Any, bucket: str, held: Lease, holder: str, seconds: float) -> bool:
    """Take the lease from a finished holder; return False when the lease has changed meanwhile.

    Args:
        held: the lease as it was read when its holder was found to be finished.
    """
    current, now = _current(s3, bucket), datetime.now(UTC)
    if current is None or _lease(current) != held:
        return False
    return _write(s3, bucket, Lease(holder, iso(now), iso(now + timedelta(seconds=seconds))), current.etag)


def overwrite(s3: Any, bucket: str) -> bool:
    """Free a damaged lease; return False when another writer has replaced it meanwhile."""
    found = get_bytes(s3, bucket, keys.LEASE)
    return _write(s3, bucket, _free(iso(datetime.now(UTC))), found and found[1])


def show(s3: Any, bucket: str) -> Lease | None:
    """Return the lease as it stands; None when it was never taken.

    Raises:
        DamagedControlObject: the lease cannot be read.
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
