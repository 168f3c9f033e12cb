"""The quarantine: batches set aside because too many of their rows were rejected.

A quarantined batch is not open, so it holds up nothing; its files stay in `raw/`, and no new batch
takes them. It waits for manual review: an operator accepts or drops it. Then it is open again and is
processed, accepted as it is, or with every delivery rejected whole for the operator's reason.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ledgerlake import keys
from ledgerlake.display import display_text
from ledgerlake.errors import BatchNotFound, QuarantineError
from ledgerlake.intake.deliveries import iso
from ledgerlake.planning import control
from ledgerlake.planning.manifest import delivery_ids
from ledgerlake.storage.objects import exists, put_if_absent

UNKNOWN = "unknown (the mark is damaged)"
"""The reason of a quarantine whose mark cannot be read."""


def set_aside(s3: Any, bucket: str, batch_id: str, reason: str) -> None:
    """Quarantine an open batch; doing it again changes nothing.

    Args:
        reason: the sentence for the notification.
    """
    body = {"why": reason, "since": iso(datetime.now(UTC)), "opened": opened(s3, bucket, batch_id)}
    put_if_absent(s3, bucket, keys.quarantined(batch_id), json.dumps(body))
    s3.delete_object(Bucket=bucket, Key=keys.open_batch(batch_id))


def opened(s3: Any, bucket: str, batch_id: str) -> dict[str, str] | None:
    """Return who has opened the batch, as its mark says (`owner`); None when it is not open.

    A damaged mark has no owner, so the next live run resumes the batch.
    """
    key = keys.open_batch(batch_id)
    mark = control.read_mark(s3, bucket, control.OPEN_MARK, key, {"owner": ""})
    return None if mark is None else {"owner": str(mark["owner"])}


def quarantined(s3: Any, bucket: str) -> dict[str, dict[str, Any]]:
    """By batch id, oldest first: `why` and `since` (as deliveries write times)."""
    found: dict[str, dict[str, Any]] = {}
    for batch_id, marked in sorted(marks(s3, bucket, keys.QUARANTINED).items()):
        damaged = {"why": UNKNOWN, "since": iso(marked), "opened": None}
        body = control.read_mark(s3, bucket, control.QUARANTINE_MARK, keys.quarantined(batch_id), damaged)
        if body is not None:
            found[batch_id] = dict(body)
    return found


def marks(s3: Any, bucket: str, prefix: str) -> dict[str, datetime]:
    """List the batches that have a mark below `prefix`, with the time of it; what is no mark is left out."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    entries = {entry["Key"]: entry["LastModified"] for page in pages for entry in page.get("Contents", [])}
    named = {keys.batch_of(prefix, key): marked for key, marked in entries.items()}
    return {batch_id: marked for batch_id, marked in named.items() if batch_id}


def accept(s3: Any, bucket: str, batch_id: str) -> None:
    """Let the batch through, whatever its share of rejects; the next run resumes it.

    Raises:
        BatchNotFound: it is not in quarantine; names those that are.
    """
    damaged: dict[str, Any] = {}
    body = control.read_mark(s3, bucket, control.QUARANTINE_MARK, keys.quarantined(batch_id), damaged)
    if body is None:
        raise _not_there(s3, bucket, batch_id)
    put_if_absent(s3, bucket, keys.accepted(batch_id), json.dumps({"at": iso(datetime.now(UTC))}))
    _open_again(s3, bucket, batch_id, body)


def _not_there(s3: Any, bucket: str, batch_id: str) -> BatchNotFound:
    there = ", ".join(quarantined(s3, bucket)) or "none is"
    return BatchNotFound(f"batch {batch_id!r} is not in quarantine", expected=f"one that is: {there}")


def _open_again(s3: Any, bucket: str, batch_id: str, body: Mapping[str, Any]) -> None:
    """Open the batch, then remove the mark of the quarantine: a crash between the two is completed by a retry."""
    put_if_absent(s3, bucket, keys.open_batch(batch_id), json.dumps(body.get("opened") or {"owner": ""}))
    s3.delete_object(Bucket=bucket, Key=keys.quarantined(batch_id))


def drop(s3: Any, bucket: str, batch_id: str, reason: str) -> None:
    """Reject every delivery of a quarantined batch whole; the next run does it, and archives them.

    Done again it changes nothing, also when an earlier try stopped half-way.

    Args:
        reason: in the operator's words; it is kept as it is displayed.

    Raises:
        QuarantineError: no reason is given, or the batch was dropped for another one.
        BatchNotFound: the batch is not in quarantine; names those that are.
    """
    reason = display_text(" ".join(reason.split()))
    if not reason:
        raise QuarantineError(f"no reason is given to drop batch {batch_id}", expected="a few words that say why")
    before = dropped(s3, bucket, batch_id)
    damaged: dict[str, Any] = {}
    body = control.read_mark(s3, bucket, control.QUARANTINE_MARK, keys.quarantined(batch_id), damaged)
    if before and before != reason:
        raise QuarantineError(f"batch {batch_id} was dropped before: {before}", expected="one reason for a batch")
    if body is None and not before:
        raise _not_there(s3, bucket, batch_id)
    mark = json.dumps({"reason": reason, "at": iso(datetime.now(UTC))})
    put_if_absent(s3, bucket, keys.dropped(batch_id), mark)
    if body is not None:
        _open_again(s3, bucket, batch_id, body)


def dropped(s3: Any, bucket: str, batch_id: str) -> str:
    """Return the reason for which the batch was dropped; empty when it was not."""
    unknown = {"reason": "for a reason that cannot be read any more"}
    body = control.read_mark(s3, bucket, control.DROPPED_MARK, keys.dropped(batch_id), unknown)
    return display_text(body["reason"]) if body else ""


def dropped_deliveries(s3: Any, bucket: str) -> dict[str, str]:
    """Return the reasons by the ids of all deliveries that were ever dropped.

    A later batch that processes one of them again rejects it too: only another delivery of the file undoes a drop.
    """
    reasons: dict[str, str] = {}
    for batch_id in sorted(marks(s3, bucket, keys.DROPPED)):
        reasons |= dict.fromkeys(delivery_ids(s3, bucket, [batch_id]), dropped(s3, bucket, batch_id))
    return reasons


def is_accepted(s3: Any, bucket: str, batch_id: str) -> bool:
    """Return whether an operator has accepted the batch."""
    return exists(s3, bucket, keys.accepted(batch_id))


def in_quarantine(s3: Any, bucket: str) -> frozenset[str]:
    """Return the ids of the deliveries of all quarantined batches."""
    return delivery_ids(s3, bucket, marks(s3, bucket, keys.QUARANTINED))
