"""Manifests: the deliveries of a batch, written once and verified when they are read.

The id of a batch ends with a digest of its manifest. A manifest that was damaged or deleted is read in the version
that fits the digest. Where no such version exists, the batch is lost, and its deliveries are planned again.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from ledgerlake import keys
from ledgerlake.errors import BatchNotFound, DamagedControlObject
from ledgerlake.intake.deliveries import Delivery, iso
from ledgerlake.planning import control
from ledgerlake.planning.control import fields_of

log = logging.getLogger(__name__)


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
        """Check that no delivery is held twice."""
        if len({delivery.id for delivery in self.deliveries}) < len(self.deliveries):
            raise ValueError(f"{self.batch_id} holds a delivery twice")

    @classmethod
    def new(cls, datasets: Sequence[str], deliveries: Sequence[Delivery], now: datetime) -> Batch:
        """Make a batch, named by the time of its plan and by what is in it."""
        planned_at = iso(now)
        digest = _digest(planned_at, datasets, [delivery.as_json() for delivery in deliveries])
        batch_id = f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-{digest}"
        return cls(batch_id, planned_at, tuple(datasets), tuple(deliveries))

    def of(self, dataset: str) -> tuple[Delivery, ...]:
        """Return the deliveries of one dataset."""
        return tuple(delivery for delivery in self.deliveries if delivery.dataset == dataset)

    def as_json(self) -> dict[str, Any]:
        """Return the manifest as it is written."""
        return {
            "batch_id": self.batch_id,
            "planned_at": self.planned_at,
            "datasets": list(self.datasets),
            "deliveries": [delivery.as_json() for delivery in self.deliveries],
        }


def load(s3: Any, bucket: str, batch_id: str) -> Batch:
    """Read a manifest.

    Raises:
        BatchNotFound: there is none of that name, and never was.
        DamagedControlObject: neither it nor an earlier version of it is what was written.
    """
    key = keys.manifest(batch_id)

    def proof(value: dict[str, Any]) -> str:
        return fault_of(value, batch_id)

    found = control.read(s3, bucket, control.MANIFEST, key, proof)
    body = found.value if found else next(control.earlier_versions(s3, bucket, control.MANIFEST, key, proof), None)
    if body is None:
        raise BatchNotFound(
            f"there is no manifest s3://{bucket}/{key}",
            expected="the id of a planned batch",
            remedy="ledgerlake ledger lists the batches",
        )
    if not found:
        log.warning("The manifest s3://%s/%s was deleted. It is read as it was.", bucket, key)
    deliveries = tuple(Delivery(**fields_of(Delivery, delivery)) for delivery in body["deliveries"])
    return Batch(batch_id, body["planned_at"], tuple(body["datasets"]), deliveries)


def readable(s3: Any, bucket: str, batch_ids: Iterable[str]) -> Iterator[Batch]:
    """Yield those of the batches whose manifest is not lost."""
    for batch_id in batch_ids:
        try:
            yield load(s3, bucket, batch_id)
        except (BatchNotFound, DamagedControlObject) as error:
            log.warning("What batch %s holds is not known: %s", batch_id, error)


def delivery_ids(s3: Any, bucket: str, batch_ids: Iterable[str]) -> frozenset[str]:
    """Return the ids of the deliveries of these batches; a lost batch holds none."""
    return frozenset(each.id for batch in readable(s3, bucket, batch_ids) for each in batch.deliveries)


def fault_of(body: dict[str, Any], batch_id: str) -> str:
    """Return the fault of a manifest; empty if it is as it was written."""
    if body["batch_id"] != batch_id:
        return f"it is the manifest of {body['batch_id']!a}"
    if unlisted := sorted({each["dataset"] for each in body["deliveries"]} - set(body["datasets"])):
        return f"its datasets do not name {', '.join(map(ascii, unlisted))}, of which it has deliveries"
    ids = [keys.delivery_id(each["key"], each["version_id"]) for each in body["deliveries"]]
    if len(set(ids)) < len(ids):
        return "it holds a delivery twice"
    known = {_digest(body["planned_at"], body["datasets"], body["deliveries"]), _digest_of_ids(ids)}
    return "" if batch_id.rpartition("-")[2] in known else "what it says does not fit its id"


def _digest(planned_at: str, datasets: Sequence[str], deliveries: Sequence[dict[str, Any]]) -> str:
    content = json.dumps([planned_at, list(datasets), list(deliveries)], sort_keys=True)
    return sha256(content.encode()).hexdigest()[:8]


def _digest_of_ids(ids: Iterable[str]) -> str:
    """Return the digest of a batch that an earlier release planned; it covers the ids of its deliveries alone."""
    return sha256("\n".join(ids).encode()).hexdigest()[:8]
