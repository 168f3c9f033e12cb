"""Reading and writing S3 objects inside Spark tasks, where Spark's own file access does not fit."""

from __future__ import annotations

import gzip
import io
from functools import cache
from typing import Any, BinaryIO

import boto3

from ledgerlake.intake.deliveries import Delivery
from ledgerlake.storage.objects import client_config
from ledgerlake.storage.resumable import Missing, ResumableObject

__all__ = ["Missing", "open_delivery", "s3"]

_BUFFER = 1 << 20


@cache
def s3() -> Any:
    """One client for each Python worker."""
    return boto3.client("s3", config=client_config())


def open_delivery(bucket: str, delivery: Delivery, start: int = 0, end: int | None = None) -> BinaryIO:
    """Open the delivery's bytes, unzipped; from the archive when it has been moved there.

    Args:
        start, end: of a part of it, in bytes as they are stored; of a zipped one there are no parts.

    Raises (also while it is read):
        Missing: it was deleted after the batch was planned.
        StorageFailed: S3 does not give it. Unlike a damaged file it is no OSError, and fails the job.
    """
    raw = {"Key": delivery.key, "VersionId": delivery.version_id}
    body = ResumableObject(s3(), bucket, raw, {"Key": delivery.archive_key}, start=start, end=end)
    plain = io.BufferedReader(body, _BUFFER)
    return gzip.open(plain) if delivery.key.lower().endswith(".gz") else plain  # type: ignore[return-value]
