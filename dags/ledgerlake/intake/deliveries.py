"""Deliveries in `raw/`, read from a paginated listing by version.

The lake bucket is versioned. One *delivery* is one version of one object, so an object that was
overwritten while it waited is two deliveries, and neither is lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

from ledgerlake import keys
from ledgerlake.intake.raw_keys import dataset_of, is_ignored


@dataclass(frozen=True, order=True)
class Delivery:
    """One version of one object in `raw/`; sorts by arrival.

    Args:
        landed_at: UTC, `2025-04-02T08:00:00.000000Z`; fixed width, so that text order is time order.
        key: the raw key, which stays the delivery's name after it is archived.
        size: in bytes.
    """

    landed_at: str
    key: str
    version_id: str
    dataset: str
    size: int
    etag: str

    @property
    def id(self) -> str:
        """Id of the delivery, 20 characters that are safe in a key."""
        return keys.delivery_id(self.key, self.version_id)

    @property
    def archive_key(self) -> str:
        """Key of the delivery in the archive."""
        return keys.archived(self.key, self.landed_at, self.version_id)

    def as_json(self) -> dict[str, Any]:
        """Return the fields as a manifest holds them."""
        return asdict(self)


@dataclass(frozen=True)
class Waiting:
    """What a listing of `raw/` shows.

    Args:
        deliveries: of known datasets, oldest first.
        strays: keys that no job reads: outside every dataset's folder, or too long to be archived.
        ignored: keys of markers, hidden and uncommitted files, which are no deliveries (`raw_keys.is_ignored`).
    """

    deliveries: tuple[Delivery, ...]
    strays: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()


def iso(time: datetime) -> str:
    """Format a time of any zone as deliveries, manifests and leases write it."""
    return time.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def from_iso(text: str) -> datetime:
    """Parse a time that `iso` wrote."""
    return datetime.fromisoformat(text)


def waiting(s3: Any, bucket: str) -> Waiting:
    """List `raw/`, every page and every version of it.

    Args:
        s3: a boto3 S3 client.

    Returns:
        Every version without a later delete marker. Empty folder markers (`raw/orders/`) are left out.
    """
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=keys.RAW)
    deliveries: list[Delivery] = []
    strays, ignored = [], []
    for key, entries in groupby(_entries(pages), key=lambda entry: entry["Key"]):
        versions = _not_deleted(list(entries))
        size = sum(version["Size"] for version in versions)
        if not versions or (key.endswith("/") and not size):
            continue
        dataset = None if key.endswith("/") else dataset_of(key)
        if is_ignored(key, size):
            ignored.append(key)
        elif dataset is None:
            strays.append(key)
        else:
            deliveries += _arrivals(dataset, versions)
    return Waiting(tuple(sorted(deliveries)), tuple(strays), tuple(ignored))


def _entries(pages: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield versions and delete markers together, key by key (a key may span two pages)."""
    for page in pages:
        markers = [{**marker, "Deleted": True} for marker in page.get("DeleteMarkers", [])]
        yield from sorted(page.get("Versions", []) + markers, key=lambda entry: entry["Key"])


def _not_deleted(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the versions that are newer than every delete marker of their key, newest first.

    Markers and versions tell time in seconds only; in doubt a version counts as delivered,
    unless the marker is the latest entry.
    """
    markers = [entry for entry in entries if entry.get("Deleted")]
    versions = [entry for entry in entries if not entry.get("Deleted")]
    if any(marker["IsLatest"] for marker in markers):
        return []
    deleted_at = max((marker["LastModified"] for marker in markers), default=None)
    return [version for version in versions if deleted_at is None or version["LastModified"] >= deleted_at]


def _arrivals(dataset: str, versions: list[dict[str, Any]]) -> list[Delivery]:
    """Return the deliveries of one key. S3 keeps seconds, so versions of one second get a microsecond each."""
    found: list[Delivery] = []
    previous: datetime | None = None
    for version in reversed(versions):
        landed = version["LastModified"].astimezone(UTC)
        if previous is not None and landed <= previous:
            landed = previous + timedelta(microseconds=1)
        previous = landed
        found.append(
            Delivery(
                landed_at=iso(landed),
                key=version["Key"],
                version_id=version["VersionId"],
                dataset=dataset,
                size=version["Size"],
                etag=version["ETag"].strip('"'),
            )
        )
    return found
