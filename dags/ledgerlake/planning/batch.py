"""Batches: deliveries that are processed together, written once as a manifest.

Everything after the plan reads the manifest, and nothing lists `raw/` again. A batch stays *open*
from its plan to its acknowledgement. A run that finds an open batch resumes it, so that a failed run
and the one that repairs it leave the same result as one clean run.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ledgerlake import keys, names
from ledgerlake.contracts import DATASETS
from ledgerlake.errors import BatchNotFound, DamagedControlObject
from ledgerlake.intake.deliveries import Delivery, Waiting, from_iso, waiting
from ledgerlake.planning import quarantine
from ledgerlake.planning.manifest import Batch, load
from ledgerlake.planning.quarantine import in_quarantine
from ledgerlake.planning.unread import NONE_UNREAD, Unread
from ledgerlake.settings import Settings
from ledgerlake.storage.objects import exists, put_if_absent

__all__ = ["LIVE", "Batch", "Plan", "close", "closed_by", "load", "load_or_set_aside", "loaded_tables"]
__all__ += ["is_final", "is_settled", "make", "open_batches", "owner_of", "plan"]

log = logging.getLogger(__name__)

LIVE = f"airflow:{names.LIVE_DAG}"
"""Owner of the batches that messages of the queue start."""


@dataclass(frozen=True)
class Plan:
    """The next batch, or the reason why there is none.

    Args:
        batch: None when there is nothing to do, for the given `reason`.
        resumed: the batch was begun by an earlier run.
        unread: what else lies in `raw/`.
        too_recent: deliveries that landed this very second, when no others wait. The next poll takes them.
    """

    batch: Batch | None
    reason: str
    resumed: bool = False
    unread: Unread = NONE_UNREAD
    too_recent: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return the plan as the other steps of the run read it; `deliveries` is their number."""
        return {
            "batch_id": self.batch and self.batch.batch_id,
            "datasets": list(self.batch.datasets) if self.batch else [],
            "deliveries": len(self.batch.deliveries) if self.batch else 0,
            "resumed": self.resumed,
            "reason": self.reason,
            "strays": len(self.unread.strays),
            "ignored": len(self.unread.ignored),
        }


def is_settled(found: Waiting, settings: Settings, now: datetime) -> bool:
    """Return whether `raw/` has been quiet for long enough, or its oldest delivery has waited for too long."""
    if not found.deliveries:
        return True
    landed = [from_iso(delivery.landed_at) for delivery in found.deliveries]
    quiet = (now - max(landed)).total_seconds() >= settings.settle_seconds
    return quiet or (now - min(landed)).total_seconds() >= settings.max_wait_seconds


def is_final(delivery: Delivery, now: datetime) -> bool:
    """Return whether no later version can land in the delivery's second any more.

    S3 tells time in seconds: of two versions of one second the order is seen only while both wait.
    (A second more for clocks that differ.)
    """
    return now >= from_iso(delivery.landed_at).replace(microsecond=0) + timedelta(seconds=2)


def plan(s3: Any, bucket: str, settings: Settings, now: datetime | None = None, owner: str = LIVE) -> Plan:
    """Resume the oldest open batch; else, if the gate is open, make one of the waiting deliveries.

    Must be called under the lease: two planners could put one delivery into two batches.

    Args:
        owner: the run that plans, for runs that find the batch open, and for its figures.
    """
    now = now or datetime.now(UTC)
    found = waiting(s3, bucket)
    for batch_id in open_batches(s3, bucket):
        if batch := load_or_set_aside(s3, bucket, batch_id):
            return Plan(batch, f"resumes {batch_id}, which an earlier run left open", True, Unread.of(found))
    held = in_quarantine(s3, bucket)
    free = tuple(delivery for delivery in found.deliveries if delivery.id not in held)
    deliveries = tuple(delivery for delivery in free if is_final(delivery, now))
    if not deliveries:
        return Plan(None, _reason_for_nothing(found, held, free), unread=Unread.of(found), too_recent=len(free))
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
    datasets = [name for name in DATASETS if _has_work(name, deliveries, loaded)]
    batch = Batch.new(datasets, deliveries, now)
    manifest = {**batch.as_json(), "owner": owner}
    put_if_absent(s3, bucket, keys.manifest(batch.batch_id), json.dumps(manifest, indent=1))
    put_if_absent(s3, bucket, keys.open_batch(batch.batch_id), json.dumps({"owner": owner}))
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
    """Return the datasets whose table exists."""
    return {name for name in DATASETS if exists(s3, bucket, f"{keys.table_prefix(name)}_delta_log/")}


def load_or_set_aside(s3: Any, bucket: str, batch_id: str) -> Batch | None:
    """Read the manifest of an open batch; None when it is lost, and the batch in quarantine for that.

    The contents of a lost batch are unknown. It must not keep newer deliveries from being loaded, so its waiting
    deliveries are planned again. Rows that it has published already come out as unchanged.
    """
    try:
        return load(s3, bucket, batch_id)
    except (BatchNotFound, DamagedControlObject) as error:
        reason = f"its manifest is lost, what waits of it is planned again: {error.seen}"
        log.error("Batch %s is set aside: %s", batch_id, reason)
        quarantine.set_aside(s3, bucket, batch_id, reason)
        return None


def open_batches(s3: Any, bucket: str) -> list[str]:
    """Return the batches that are planned and not acknowledged, oldest first."""
    return sorted(quarantine.marks(s3, bucket, keys.OPEN_BATCHES))


def owner_of(s3: Any, bucket: str, batch_id: str) -> str:
    """Return the owner of the open batch; empty when it is not open, or when its mark is damaged."""
    return (quarantine.opened(s3, bucket, batch_id) or {}).get("owner", "")


def close(s3: Any, bucket: str, batch_id: str) -> None:
    """Close a finished batch; closing it again does nothing."""
    s3.delete_object(Bucket=bucket, Key=keys.open_batch(batch_id))


def _reason_for_nothing(found: Waiting, held: frozenset[str], free: tuple[Delivery, ...]) -> str:
    if free:
        return f"{len(free)} deliveries landed this second; the next look takes them"
    return "only deliveries of quarantined batches wait" if held and found.deliveries else "nothing waits in raw/"


def _has_work(name: str, deliveries: tuple[Delivery, ...], loaded: set[str]) -> bool:
    """Return whether the job has deliveries, new parents (which release orphans), or a table to create."""
    moving = {delivery.dataset for delivery in deliveries}
    parents = {reference.dataset for reference in DATASETS[name].references}
    return name in moving or bool(parents & moving) or name not in loaded
