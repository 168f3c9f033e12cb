"""Batches: which deliveries are processed together, written once as a manifest.

Everything after the plan reads the manifest, and nothing lists `raw/` again. A batch stays *open*
from its plan to its acknowledgement; a run that finds an open batch goes on with it, so that a
failed run and the one that mends it leave what one clean run would have left.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from ledgerlake import places
from ledgerlake.contracts import DATASETS
from ledgerlake.deliveries import Delivery, Waiting, from_iso, iso, waiting
from ledgerlake.errors import BatchNotFound, ManifestUnreadable
from ledgerlake.quarantine import in_quarantine
from ledgerlake.settings import Settings
from ledgerlake.storage import exists, get_json, put_if_absent
from ledgerlake.unread import NONE_UNREAD, Unread

LIVE = f"airflow:{places.LIVE_DAG}"
"""Who plans what the queue wakes for."""


@dataclass(frozen=True)
class Batch:
    """A manifest.

    Args:
        batch_id: sorts by the time of its plan.
        datasets: those whose Glue job has something to do, parents first.
    """

    batch_id: str
    planned_at: str
    datasets: tuple[str, ...]
    deliveries: tuple[Delivery, ...]

    def __post_init__(self) -> None:
        if len({delivery.id for delivery in self.deliveries}) < len(self.deliveries):
            raise ValueError(f"{self.batch_id} holds a delivery twice")

    def of(self, dataset: str) -> tuple[Delivery, ...]:
        return tuple(delivery for delivery in self.deliveries if delivery.dataset == dataset)

    def as_json(self) -> dict[str, Any]:
        return {
            "batch_id": self.batch_id,
            "planned_at": self.planned_at,
            "datasets": list(self.datasets),
            "deliveries": [delivery.as_json() for delivery in self.deliveries],
        }


@dataclass(frozen=True)
class Plan:
    """What is to be done now.

    Args:
        batch: None when there is nothing to do; then `reason` says why.
        resumed: the batch was begun by an earlier run.
        unread: what else lies in `raw/`.
        young: deliveries that landed this very second, and are all that waits: a look a moment later takes them.
    """

    batch: Batch | None
    reason: str
    resumed: bool = False
    unread: Unread = NONE_UNREAD
    young: int = 0

    def as_json(self) -> dict[str, Any]:
        """As the other steps of the run read it; `deliveries` is how many."""
        return {
            "batch_id": self.batch and self.batch.batch_id,
            "datasets": list(self.batch.datasets) if self.batch else [],
            "deliveries": len(self.batch.deliveries) if self.batch else 0,
            "resumed": self.resumed,
            "reason": self.reason,
            "strays": len(self.unread.strays),
            "ignored": len(self.unread.ignored),
        }


def settled(found: Waiting, settings: Settings, now: datetime) -> bool:
    """Whether `raw/` has been quiet for long enough, or its oldest delivery waited for too long."""
    if not found.deliveries:
        return True
    landed = [from_iso(delivery.landed_at) for delivery in found.deliveries]
    quiet = (now - max(landed)).total_seconds() >= settings.settle_seconds
    return quiet or (now - min(landed)).total_seconds() >= settings.max_wait_seconds


def ripe(delivery: Delivery, now: datetime) -> bool:
    """Whether no later version can land in the delivery's second any more.

    S3 tells time in seconds: of two versions of one second the order is seen only while both wait.
    (A second more for clocks that differ.)
    """
    return now >= from_iso(delivery.landed_at).replace(microsecond=0) + timedelta(seconds=2)


def plan(s3: Any, bucket: str, settings: Settings, now: datetime | None = None, owner: str = LIVE) -> Plan:
    """Go on with the oldest open batch, else make one of what waits, if the gate is open.

    Must be called under the lease: two planners could put one delivery into two batches.

    Args:
        owner: names who plans, for those who find the batch open, or look for its figures later.
    """
    now = now or datetime.now(UTC)
    found = waiting(s3, bucket)
    for batch_id in open_batches(s3, bucket):
        batch = load(s3, bucket, batch_id)
        return Plan(batch, f"goes on with {batch_id}, which an earlier run left open", True, Unread.of(found))
    held = in_quarantine(s3, bucket)
    free = tuple(delivery for delivery in found.deliveries if delivery.id not in held)
    deliveries = tuple(delivery for delivery in free if ripe(delivery, now))
    if not deliveries:
        return Plan(None, _why_nothing(found, held, free), unread=Unread.of(found), young=len(free))
    loaded = loaded_tables(s3, bucket)
    if missing := closed_by(deliveries, settings, loaded):
        return Plan(None, f"the gate is closed: no delivery of {', '.join(missing)} has come", unread=Unread.of(found))
    batch = make(s3, bucket, deliveries, owner, loaded, now)
    return Plan(batch, f"{len(batch.deliveries)} deliveries", unread=Unread.of(found))


def make(s3: Any, bucket: str, deliveries: tuple[Delivery, ...], owner: str, loaded: set[str], now: datetime) -> Batch:
    """Write the manifest of a new batch, and open it.

    Args:
        loaded: the datasets whose table exists; a job makes the table of another, even without a delivery.
    """
    batch = _new(deliveries, loaded, now)
    manifest = {**batch.as_json(), "owner": owner}
    put_if_absent(s3, bucket, places.manifest(batch.batch_id), json.dumps(manifest, indent=1))
    put_if_absent(s3, bucket, places.open_batch(batch.batch_id), json.dumps({"owner": owner}))
    return batch


def closed_by(deliveries: Iterable[Delivery], settings: Settings, loaded: set[str]) -> list[str]:
    """Return the datasets that the gate waits for, of those whose contract says `gate`; none when it is open."""
    if settings.gate == "any":
        return []
    there = {delivery.dataset for delivery in deliveries}
    if settings.gate == "loaded":
        there |= loaded
    return [name for name, dataset in DATASETS.items() if dataset.gate and name not in there]


def loaded_tables(s3: Any, bucket: str) -> set[str]:
    """The datasets whose table exists."""
    return {name for name in DATASETS if exists(s3, bucket, f"{places.table_prefix(name)}_delta_log/")}


def load(s3: Any, bucket: str, batch_id: str) -> Batch:
    """Read a manifest.

    Raises:
        BatchNotFound: there is none of that name.
        ManifestUnreadable: somebody has changed it.
    """
    where = f"s3://{bucket}/{places.manifest(batch_id)}"
    try:
        body = get_json(s3, bucket, places.manifest(batch_id))
        if body is None:
            raise BatchNotFound(
                f"there is no manifest {where}",
                expected="the id of a planned batch",
                remedy="ledgerlake ledger lists the batches",
            )
        return Batch(
            batch_id=body["batch_id"],
            planned_at=body["planned_at"],
            datasets=tuple(body["datasets"]),
            deliveries=tuple(Delivery(**delivery) for delivery in body["deliveries"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise ManifestUnreadable(
            f"{where} cannot be read: {type(error).__name__}: {error}",
            expected="the manifest as it was planned",
            remedy="bring its first version back (the bucket is versioned), then: ledgerlake run --wait",
        ) from error


def open_batches(s3: Any, bucket: str) -> list[str]:
    """The batches that are planned and not acknowledged, oldest first."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=places.OPEN_BATCHES)
    keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
    return [key.removeprefix(places.OPEN_BATCHES).removesuffix(".json") for key in sorted(keys)]


def owner_of(s3: Any, bucket: str, batch_id: str) -> str:
    """Who has opened the batch; empty when it is not open."""
    body = get_json(s3, bucket, places.open_batch(batch_id)) or {}
    return str(body.get("owner", ""))


def close(s3: Any, bucket: str, batch_id: str) -> None:
    """The batch is done; closing it again does nothing."""
    s3.delete_object(Bucket=bucket, Key=places.open_batch(batch_id))


def _why_nothing(found: Waiting, held: frozenset[str], free: tuple[Delivery, ...]) -> str:
    if free:
        return f"{len(free)} deliveries landed this second; the next look takes them"
    return "only deliveries of quarantined batches wait" if held and found.deliveries else "nothing waits in raw/"


def _new(deliveries: tuple[Delivery, ...], loaded: set[str], now: datetime) -> Batch:
    digest = sha256("\n".join(delivery.id for delivery in deliveries).encode()).hexdigest()[:8]
    return Batch(
        batch_id=f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-{digest}",
        planned_at=iso(now),
        datasets=tuple(name for name in DATASETS if _has_work(name, deliveries, loaded)),
        deliveries=deliveries,
    )


def _has_work(name: str, deliveries: tuple[Delivery, ...], loaded: set[str]) -> bool:
    """A job runs for deliveries of its own, for new parents (they release orphans), and to make its table."""
    moving = {delivery.dataset for delivery in deliveries}
    parents = {reference.dataset for reference in DATASETS[name].references}
    return name in moving or bool(parents & moving) or name not in loaded
