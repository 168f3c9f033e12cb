"""By date: which deliveries belong to a day, waiting or archived, and a batch of them.

Processing a delivery again replaces what it made before, and a row's version is its arrival; so a
batch of any days may be made at any time, in any order, beside live ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from ledgerlake import keys
from ledgerlake.contracts import DATASETS
from ledgerlake.errors import SelectionError
from ledgerlake.intake.deliveries import Delivery, from_iso, waiting
from ledgerlake.intake.raw_keys import named_date
from ledgerlake.planning import batch as batches
from ledgerlake.planning.batch import Plan, is_final
from ledgerlake.planning.manifest import readable
from ledgerlake.planning.quarantine import in_quarantine
from ledgerlake.settings import Settings

LONGEST = 400
"""So many days may be asked for at once."""

_THREADS = 12


@dataclass(frozen=True)
class Selection:
    """What is to be processed.

    Args:
        first, last: both included.
        datasets: all, if none is given.
        waiting: what lies in `raw/`.
        archived: what was processed before.
        older: also what waits of days before `first` (the daily sweep).
    """

    first: date
    last: date
    datasets: tuple[str, ...] = ()
    waiting: bool = True
    archived: bool = True
    older: bool = False

    def __post_init__(self) -> None:
        """Validate the selection."""
        if self.first > self.last:
            raise SelectionError(f"from {self.first} to {self.last}", expected="the first day before the last")
        if (self.last - self.first).days >= LONGEST:
            raise SelectionError(f"{(self.last - self.first).days + 1} days", expected=f"at most {LONGEST} at once")
        if unknown := sorted(set(self.datasets) - set(DATASETS)):
            raise SelectionError(f"datasets {', '.join(unknown)}", expected=f"some of {', '.join(DATASETS)}")
        if not (self.waiting or self.archived):
            raise SelectionError("neither waiting nor archived deliveries", expected="at least one of them")

    def takes(self, delivery: Delivery, *, waits: bool) -> bool:
        """Return whether the delivery belongs to it.

        A waiting delivery without a date in its name is included, since no day selects it.
        """
        if self.datasets and delivery.dataset not in self.datasets:
            return False
        day = date_of(delivery)
        if self.older:
            return waits and day <= self.last
        return self.first <= day <= self.last or (waits and named_date(delivery.key) is None)

    def __str__(self) -> str:
        """Return the selection in words."""
        days = f"{self.first}" if self.first == self.last else f"{self.first} to {self.last}"
        return f"everything up to {self.last}" if self.older else days


def date_of(delivery: Delivery) -> date:
    """Return the date in the delivery's key, else the UTC day on which it landed."""
    return named_date(delivery.key) or from_iso(delivery.landed_at).astimezone(UTC).date()


def find(s3: Any, bucket: str, selection: Selection) -> tuple[Delivery, ...]:
    """Return the deliveries of the selection, oldest first; those of quarantined batches are left out."""
    held = in_quarantine(s3, bucket)
    found: set[Delivery] = set()
    if selection.waiting or selection.older:
        found |= {each for each in waiting(s3, bucket).deliveries if selection.takes(each, waits=True)}
    if selection.archived and not selection.older:
        seen = {each.id for each in found}
        found |= {each for each in archived(s3, bucket, selection) if each.id not in seen}
    planned = _planned(s3, bucket)
    return tuple(sorted(planned.get(each.id, each) for each in found if each.id not in held))


def _planned(s3: Any, bucket: str) -> dict[str, Delivery]:
    """Return the deliveries of open batches by id, as they landed.

    A batch that stopped while it was archived has left some in `raw/`, and there those of one second
    differ in their order, of which the listing does not show the beginning any more.
    """
    manifests = readable(s3, bucket, batches.open_batches(s3, bucket))
    return {delivery.id: delivery for manifest in manifests for delivery in manifest.deliveries}


def archived(s3: Any, bucket: str, selection: Selection) -> Iterator[Delivery]:
    """Return the archived deliveries of the selection, as they were when they waited."""
    with ThreadPoolExecutor(_THREADS) as pool:
        for name in selection.datasets or DATASETS:
            pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{keys.ARCHIVED}{name}/")
            entries = [
                (entry, candidate)
                for page in pages
                for entry in page.get("Contents", [])
                if (candidate := from_archive(name, entry)) and selection.takes(candidate, waits=False)
            ]
            for delivery in pool.map(lambda pair: _with_version(s3, bucket, *pair), entries):
                if delivery is not None:
                    yield delivery


def from_archive(dataset: str, entry: dict[str, Any], version_id: str = "") -> Delivery | None:
    """Return the delivery that a listed object of the archive is a copy of; None for a foreign object.

    Its version id is not in the key, but among the object's metadata.
    """
    parts = keys.archived_from(entry["Key"])
    if parts is None:
        return None
    raw_key, landed_at, _ = parts
    return Delivery(landed_at, raw_key, version_id, dataset, int(entry["Size"]), entry["ETag"].strip('"'))


def located(s3: Any, bucket: str, dataset: str, arrivals: Iterable[tuple[str, str]]) -> Iterator[Delivery]:
    """Return the deliveries of these arrivals, archived or waiting; one that is in neither place is left out.

    Args:
        arrivals: (raw key, landed_at).
    """
    wanted = set(arrivals)
    with ThreadPoolExecutor(_THREADS) as pool:
        found = {each for each in pool.map(lambda one: _in_archive(s3, bucket, dataset, *one), wanted) if each}
    left = wanted - {(each.key, each.landed_at) for each in found}
    if left:
        found |= {each for each in waiting(s3, bucket).deliveries if (each.key, each.landed_at) in left}
    yield from sorted(found)


def _in_archive(s3: Any, bucket: str, dataset: str, raw_key: str, landed_at: str) -> Delivery | None:
    before, _, _ = keys.archived(raw_key, landed_at, "").rpartition("/")
    prefix = before[: -keys.DELIVERY_ID_LENGTH]
    for entry in s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", []):
        candidate = from_archive(dataset, entry)
        if candidate and candidate.key == raw_key:
            return _with_version(s3, bucket, entry, candidate)
    return None


def _with_version(s3: Any, bucket: str, entry: dict[str, Any], delivery: Delivery) -> Delivery | None:
    metadata = s3.head_object(Bucket=bucket, Key=entry["Key"])["Metadata"]
    whole = from_archive(delivery.dataset, entry, metadata.get("version-id", ""))
    return whole if whole and whole.archive_key == entry["Key"] else None


def plan(
    s3: Any, bucket: str, settings: Settings, selection: Selection, owner: str, now: datetime | None = None
) -> Plan:
    """Make a batch of the selection, or resume the one that `owner` has planned before.

    Must be called under the lease. Open batches of others are left to them.

    Args:
        owner: names the run; a retry of its plan finds its batch by it.
    """
    now = now or datetime.now(UTC)
    for batch_id in batches.open_batches(s3, bucket):
        if batches.owner_of(s3, bucket, batch_id) != owner:
            continue
        if batch := batches.load_or_set_aside(s3, bucket, batch_id):
            return Plan(batch, f"resumes {batch_id}, which this run has planned before", True)
    deliveries = tuple(each for each in find(s3, bucket, selection) if is_final(each, now))
    if not deliveries:
        return Plan(None, f"nothing of {selection} waits{'' if selection.older else ' or is archived'}")
    loaded = batches.loaded_tables(s3, bucket)
    if missing := batches.closed_by(deliveries, settings, loaded):
        return Plan(None, f"the gate is closed: no delivery of {', '.join(missing)} has come")
    batch = batches.make(s3, bucket, deliveries, owner, loaded, now)
    return Plan(batch, f"{len(deliveries)} deliveries of {selection}")
