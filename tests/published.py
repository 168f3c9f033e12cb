"""A batch as it was planned, and what the Glue jobs leave of it in S3, for tests that run none of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from control_objects import NOW, summary

from ledgerlake import keys
from ledgerlake.intake.deliveries import Delivery, iso
from ledgerlake.planning.batch import Batch
from ledgerlake.planning.evidence import ledger_metadata

ATTEMPT = "a1b2c3d4"
NOON = datetime(2025, 4, 1, 12, tzinfo=UTC)


def batch_of(*keys: str, datasets: tuple[str, ...] = ()) -> Batch:
    """A batch of files that landed at noon and are in `raw/` no more; it has the id that a plan gives it."""
    deliveries = tuple(sorted(Delivery(iso(NOON), key, f"v-{key}", key.split("/")[1], 9, "e") for key in keys))
    return Batch.new(datasets or tuple(dict.fromkeys(each.dataset for each in deliveries)), deliveries, NOON)


def open_batch(s3: Any, bucket: str, batch: Batch) -> None:
    """Leave the manifest of the batch and the mark that it is open."""
    s3.put_object(Bucket=bucket, Key=keys.manifest(batch.batch_id), Body=json.dumps(batch.as_json()).encode())
    s3.put_object(Bucket=bucket, Key=keys.open_batch(batch.batch_id), Body=b'{"owner": "x"}')


def publish(s3: Any, bucket: str, batch: Batch, *, without: tuple[str, ...] = ()) -> None:
    """Leave the stage summaries of the batch, and its parts of the ledger."""
    for name in batch.datasets:
        if name not in without:
            publish_dataset(s3, bucket, batch, name)


def publish_dataset(s3: Any, bucket: str, batch: Batch, name: str, attempt: str = ATTEMPT) -> None:
    ids = [delivery.id for delivery in batch.of(name)]
    stage(s3, bucket, batch.batch_id, name, entries=len(ids), attempt=attempt)
    if ids:
        key = keys.ledger_part(name, batch.batch_id, attempt)
        s3.put_object(Bucket=bucket, Key=key, Body=b"PAR1", Metadata=ledger_metadata(ids))


def stage(s3: Any, bucket: str, batch_id: str, name: str, *, entries: int, attempt: str = ATTEMPT) -> None:
    """Leave a stage summary alone, as a job does that has published nothing yet."""
    of = {"batch_id": batch_id, "dataset": name, "source_file": f"raw/{name}/x.csv", "landed_at": NOW}
    entry = of | {"rejected": 0, "parked": 0}
    body = json.dumps(summary(attempt=attempt, entries=[entry] * entries)).encode()
    s3.put_object(Bucket=bucket, Key=keys.stage_summary(batch_id, name), Body=body)


def remove_published(s3: Any, bucket: str) -> None:
    """Remove what `publish` has left."""
    for prefix in ("staging/", keys.LEDGER):
        for entry in s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", []):
            s3.delete_object(Bucket=bucket, Key=entry["Key"])
