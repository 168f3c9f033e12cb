"""What is available: whether `raw/` has come to rest, and what the next run would take of it."""

from __future__ import annotations

from typing import Any

from ledgerlake import batch
from ledgerlake.deliveries import Delivery, waiting
from ledgerlake.quarantine import in_quarantine
from ledgerlake.settings import Settings


def left_behind(s3: Any, bucket: str, settings: Settings, batch_id: str | None) -> tuple[Delivery, ...]:
    """The deliveries that a run after that of `batch_id` would take, oldest first.

    Those of the batch, of quarantined ones, and those that wait for the gate are not among them: a run
    that is woken for them would find nothing to do, and wake the next.
    """
    mine = {delivery.id for delivery in batch.load(s3, bucket, batch_id).deliveries} if batch_id else set()
    known = mine | in_quarantine(s3, bucket)
    left = tuple(each for each in waiting(s3, bucket).deliveries if each.id not in known)
    if batch.closed_by(left, settings, batch.loaded_tables(s3, bucket)):
        return ()
    return left
