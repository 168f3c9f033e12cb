"""ArchiveETLFiles: move the deliveries of one batch from `raw/` to `archived/`.

Event `{"batch_id": "20250401T080000Z-1a2b3c4d"}`; response `{"batch_id", "archived", "already_there",
"bytes", "missing", "missing_count", "requests": {"writes", "reads"}}`. `missing_count` counts the files that were
deleted after the plan, `missing` holds the raw keys of the first ten, and `requests` counts the requests to S3.
Nothing is moved before the ledger covers every delivery of the batch; until then the function fails with
`NotPublished`. `LEDGERLAKE_BUCKET` names the bucket. An invocation that fails or times out is repeated with the same
event.
"""

from __future__ import annotations

from typing import Any

import boto3

from ledgerlake.archive.move import THREADS, archive
from ledgerlake.errors import ArchiveError, SettingsError
from ledgerlake.planning import batch as batches
from ledgerlake.planning.evidence import require_published
from ledgerlake.reporting.notification import NAMED
from ledgerlake.settings import lake_bucket
from ledgerlake.storage.objects import RequestCounter, client_config

NEEDED_MILLISECONDS = 30_000
"""The time that must be left to begin another delivery."""


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Handle one invocation by Lambda."""
    bucket = lake_bucket()
    if not bucket:
        raise SettingsError("LEDGERLAKE_BUCKET is not set", expected="the name of the lake bucket")
    s3 = boto3.client("s3", config=client_config(THREADS))
    sent = RequestCounter(s3)
    batch = batches.load(s3, bucket, _batch_id(event))
    require_published(s3, bucket, batch)
    done = archive(s3, bucket, batch, time_left=lambda: context.get_remaining_time_in_millis() >= NEEDED_MILLISECONDS)
    return {
        "batch_id": batch.batch_id,
        "archived": done.moved,
        "already_there": done.already_there,
        "bytes": done.size,
        "missing": list(done.missing[:NAMED]),
        "missing_count": len(done.missing),
        "requests": sent.as_json(),
    }


def _batch_id(event: dict[str, Any]) -> str:
    batch_id = event.get("batch_id")
    if not isinstance(batch_id, str) or not batch_id:
        raise ArchiveError(f"the event is {event!r}", expected='{"batch_id": "<id of a planned batch>"}')
    return batch_id
