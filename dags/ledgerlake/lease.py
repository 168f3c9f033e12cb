"""The lease: one object in S3 that says who is at work on the lake.

Airflow, Step Functions and the command line take turns by it. Every change is a conditional
write, so of two who try at once one sees the other. A holder that died is replaced when its lease
has expired. (That no table has two writers does not hang on it: Glue runs each job once at a time.)
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ledgerlake import places
from ledgerlake.deliveries import from_iso, iso
from ledgerlake.errors import LeaseTaken
from ledgerlake.storage import get_json_and_etag, put_if_absent, put_if_unchanged

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
    """
    now = now or datetime.now(UTC)
    current = get_json_and_etag(s3, bucket, places.LEASE)
    since = iso(now)
    if current is not None:
        held = Lease(**current[0])
        if held.holder == holder:
            since = held.since
        elif not held.is_free(now):
            raise LeaseTaken(
                f"{held.holder} has been at work on the lake since {held.since}",
                expected=f"it to end, or its lease to expire at {held.expires_at}",
                remedy="wait; if that run is dead: ledgerlake lease release",
            )
    lease = Lease(holder, since, iso(now + timedelta(seconds=seconds)))
    if not _write(s3, bucket, lease, current and current[1]):
        raise LeaseTaken("another run took the lease at the same moment", remedy="wait; this run will be tried again")
    return lease


def release(s3: Any, bucket: str, holder: str) -> bool:
    """Give the lease back; returns False, and does nothing, when `holder` does not have it."""
    current = get_json_and_etag(s3, bucket, places.LEASE)
    if current is None or current[0]["holder"] != holder:
        return False
    since = current[0]["since"]
    return _write(s3, bucket, Lease(_FREE, since, iso(datetime.now(UTC))), current[1])


def show(s3: Any, bucket: str) -> Lease | None:
    """The lease as it stands; None when it was never taken."""
    current = get_json_and_etag(s3, bucket, places.LEASE)
    return current and Lease(**current[0])


def _write(s3: Any, bucket: str, lease: Lease, etag: str | None) -> bool:
    body = json.dumps(asdict(lease))
    if etag is None:
        return put_if_absent(s3, bucket, places.LEASE, body)
    return put_if_unchanged(s3, bucket, places.LEASE, body, etag)
