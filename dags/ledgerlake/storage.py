"""The few ways in which the kernel touches S3 objects: JSON bodies and conditional writes."""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import ClientError

_ABSENT = {"404", "NoSuchKey", "NoSuchVersion", "NotFound"}
_CONDITION = {"412", "PreconditionFailed", "409", "ConditionalRequestConflict"}


def is_absent(error: ClientError) -> bool:
    """The object, or that version of it, is not there."""
    return error.response["Error"]["Code"] in _ABSENT


def exists(s3: Any, bucket: str, prefix: str) -> bool:
    """Whether any object's key begins with `prefix`."""
    return bool(s3.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1).get("KeyCount"))


def get_json(s3: Any, bucket: str, key: str) -> Any:
    """The object's JSON, or None where there is no object."""
    found = get_json_and_etag(s3, bucket, key)
    return found and found[0]


def get_json_and_etag(s3: Any, bucket: str, key: str) -> tuple[Any, str] | None:
    try:
        answer = s3.get_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if is_absent(error):
            return None
        raise
    return json.loads(answer["Body"].read()), answer["ETag"]


def put_if_absent(s3: Any, bucket: str, key: str, body: str) -> bool:
    """Write the object unless it is there already; returns whether it was written."""
    return _put(s3, Bucket=bucket, Key=key, Body=body.encode(), IfNoneMatch="*")


def put_if_unchanged(s3: Any, bucket: str, key: str, body: str, etag: str) -> bool:
    """Replace the object unless it has changed since `etag`; returns whether it was written."""
    return _put(s3, Bucket=bucket, Key=key, Body=body.encode(), IfMatch=etag)


def _put(s3: Any, **request: Any) -> bool:
    try:
        s3.put_object(**request, ContentType="application/json")
    except ClientError as error:
        if error.response["Error"]["Code"] in _CONDITION or is_absent(error):
            return False
        raise
    return True
