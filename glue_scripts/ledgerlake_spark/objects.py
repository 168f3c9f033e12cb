"""Reading and writing S3 objects inside Spark tasks, where Spark's own file access does not fit."""

from __future__ import annotations

import gzip
import io
from functools import cache
from typing import Any, BinaryIO

import boto3
from botocore.exceptions import ClientError

from ledgerlake.deliveries import Delivery
from ledgerlake.storage import is_absent

_IN_MEMORY = 64 * 1024 * 1024


@cache
def s3() -> Any:
    """One client for each Python worker."""
    return boto3.client("s3")


class Missing(Exception):
    """The delivery's object is neither in `raw/` nor in the archive any more."""


def open_delivery(bucket: str, delivery: Delivery) -> BinaryIO:
    """The delivery's bytes, unzipped; from the archive when it has been moved there.

    Raises:
        Missing: somebody deleted it after the batch was planned.
    """
    for request in ({"Key": delivery.key, "VersionId": delivery.version_id}, {"Key": delivery.archive_key}):
        try:
            body = s3().get_object(Bucket=bucket, **request)["Body"]
        except ClientError as error:
            if is_absent(error):
                continue
            raise
        # Small objects come in one read: a dropped connection is then botocore's to retry.
        plain = io.BytesIO(body.read()) if delivery.size <= _IN_MEMORY else io.BufferedReader(body, 1 << 20)
        return gzip.open(plain) if delivery.key.endswith(".gz") else plain  # type: ignore[return-value]
    raise Missing(delivery.key)
