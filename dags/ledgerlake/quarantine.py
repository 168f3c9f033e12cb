"""The quarantine: batches set aside because too many of their rows were rejected.

A quarantined batch is not open, so it holds up nothing; its files stay in `raw/`, and no new batch
takes them. A person looks at it, and accepts it; then it is open again, and goes through.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from ledgerlake import places
from ledgerlake.deliveries import iso
from ledgerlake.errors import BatchNotFound
from ledgerlake.storage import exists, get_json, put_if_absent


def set_aside(s3: Any, bucket: str, batch_id: str, why: str) -> None:
    """Quarantine an open batch; doing it again changes nothing.

    Args:
        why: the sentence that a person is told.
    """
    body = {"why": why, "since": iso(datetime.now(UTC)), "opened": get_json(s3, bucket, places.open_batch(batch_id))}
    put_if_absent(s3, bucket, places.quarantined(batch_id), json.dumps(body))
    s3.delete_object(Bucket=bucket, Key=places.open_batch(batch_id))


def quarantined(s3: Any, bucket: str) -> dict[str, dict[str, Any]]:
    """By batch id, oldest first: `why` and `since` (as deliveries write times)."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=places.QUARANTINED)
    keys = sorted(entry["Key"] for page in pages for entry in page.get("Contents", []))
    found = {key.removeprefix(places.QUARANTINED).removesuffix(".json"): get_json(s3, bucket, key) for key in keys}
    return {batch_id: body for batch_id, body in found.items() if body is not None}


def accept(s3: Any, bucket: str, batch_id: str) -> None:
    """Let the batch through, whatever its share of rejects; the next run goes on with it.

    Raises:
        BatchNotFound: it is not in quarantine; names those that are.
    """
    body = get_json(s3, bucket, places.quarantined(batch_id))
    if body is None:
        there = ", ".join(quarantined(s3, bucket)) or "none is"
        raise BatchNotFound(f"batch {batch_id!r} is not in quarantine", expected=f"one that is: {there}")
    put_if_absent(s3, bucket, places.accepted(batch_id), json.dumps({"at": iso(datetime.now(UTC))}))
    put_if_absent(s3, bucket, places.open_batch(batch_id), json.dumps(body.get("opened") or {"owner": ""}))
    s3.delete_object(Bucket=bucket, Key=places.quarantined(batch_id))


def is_accepted(s3: Any, bucket: str, batch_id: str) -> bool:
    """Whether a person has let the batch through."""
    return exists(s3, bucket, places.accepted(batch_id))


def in_quarantine(s3: Any, bucket: str) -> frozenset[str]:
    """The ids of the deliveries of all quarantined batches."""
    manifests = [get_json(s3, bucket, places.manifest(batch_id)) or {} for batch_id in quarantined(s3, bucket)]
    return frozenset(
        places.delivery_id(delivery["key"], delivery["version_id"])
        for manifest in manifests
        for delivery in manifest.get("deliveries", [])
    )
