"""S3 objects: JSON bodies, conditional writes, and deletes of many objects.

Any reply may be lost although S3 has done the work. A conditional write that finds its own body has succeeded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from botocore.config import Config
from botocore.exceptions import ClientError

from ledgerlake.storage.resumable import Missing, ResumableObject, is_absent, pause

__all__ = [
    "RequestCounter",
    "client_config",
    "delete",
    "exists",
    "get_bytes",
    "get_json",
    "is_absent",
    "is_conflict",
    "put_if_absent",
    "put_if_unchanged",
]

_AT_ONCE = 1000
"""Objects that S3 deletes in one request."""
_DELETIONS = 4
_BUSY = {"SlowDown", "InternalError", "ServiceUnavailable", "OperationAborted", "RequestTimeout"}
_CONDITION = {"412", "PreconditionFailed"}
_CONFLICT = {"409", "ConditionalRequestConflict"}
_CONFLICTS = 4
_NO_XML = re.compile(r"[^\t\n\x20-\ufffd\U00010000-\U0010ffff]")
"""What XML has no character for, and the lone CR that it takes for a line's end."""


def client_config(connections: int = 10) -> Config:
    """Return the configuration of S3 clients: many retries, and short timeouts for a silent connection.

    Args:
        connections: as many as threads will use the client.
    """
    return Config(
        connect_timeout=5,
        read_timeout=60,
        retries={"mode": "standard", "total_max_attempts": 8},
        max_pool_connections=connections,
        # For logs of requests. botocore would build its own text for each request.
        user_agent="ledgerlake",
    )


class RequestCounter:
    """Counts the requests that one client sends to S3 from now on, its retries too; from any thread.

    `writes` (PUT, COPY, LIST) and `reads` (GET, HEAD) are priced apart; deletes cost nothing.
    """

    def __init__(self, s3: Any) -> None:
        """Count the requests of `s3` from now on."""
        self._sent: list[str] = []
        s3.meta.events.register("request-created.s3", self._note)

    def _note(self, operation_name: str, **_: Any) -> None:
        self._sent.append(operation_name)

    def as_json(self) -> dict[str, int]:
        """Return the counts, as `writes` and `reads`."""
        reads = sum(name.startswith(("Get", "Head")) for name in self._sent)
        deletes = sum(name.startswith("Delete") for name in self._sent)
        return {"writes": len(self._sent) - reads - deletes, "reads": reads}


def is_conflict(error: ClientError) -> bool:
    """Return whether the condition of a write was not met, perhaps because its own first reply was lost."""
    return error.response["Error"]["Code"] in _CONDITION


def exists(s3: Any, bucket: str, prefix: str) -> bool:
    """Return whether the key of any object begins with `prefix`."""
    return bool(s3.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1).get("KeyCount"))


def get_json(s3: Any, bucket: str, key: str) -> Any:
    """Return the JSON of the object; None where there is none. `control.read` reads control objects."""
    found = get_bytes(s3, bucket, key)
    return found and json.loads(found[0])


def get_bytes(s3: Any, bucket: str, key: str, **version: str) -> tuple[bytes, str] | None:
    """Return the object's body and its ETag; None where there is no object.

    Args:
        version: `VersionId`, of another than the newest.
    """
    try:
        with ResumableObject(s3, bucket, {"Key": key, **version}) as body:
            return body.readall(), body.etag
    except Missing:
        return None


def put_if_absent(s3: Any, bucket: str, key: str, body: str) -> bool:
    """Write the object unless it exists; return whether it exists with this `body`."""
    return _put(s3, Bucket=bucket, Key=key, Body=body.encode(), IfNoneMatch="*")


def put_if_unchanged(s3: Any, bucket: str, key: str, body: str, etag: str) -> bool:
    """Replace the object unless it has changed since `etag`; return whether it now has this `body`."""
    return _put(s3, Bucket=bucket, Key=key, Body=body.encode(), IfMatch=etag)


def delete(s3: Any, bucket: str, objects: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    """Delete objects, or versions of them, again and again where S3 is too busy; one that is not there is fine.

    Args:
        objects: `{"Key": …}`, of a version `{"Key": …, "VersionId": …}`.

    Returns:
        S3's errors (`Key`, `VersionId`, `Code`, `Message`) for those that are still there.
    """
    kept: list[dict[str, str]] = []
    alone = [each for each in objects if _NO_XML.search(each["Key"])]
    listed = [each for each in objects if each not in alone]
    for start in range(0, len(listed), _AT_ONCE):
        kept += _delete(s3, bucket, listed[start : start + _AT_ONCE])
    for each in alone:
        s3.delete_object(Bucket=bucket, **each)
    return kept


def _delete(s3: Any, bucket: str, objects: list[dict[str, str]]) -> list[dict[str, str]]:
    kept: list[dict[str, str]] = []
    for attempt in range(1, _DELETIONS + 1):
        errors = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True}).get("Errors", [])
        busy = [error for error in errors if error["Code"] in _BUSY]
        kept += [error for error in errors if error not in busy]
        if not busy:
            return kept
        objects = [{name: error[name] for name in ("Key", "VersionId") if error.get(name)} for error in busy]
        pause(attempt)
    return kept + busy


def _put(s3: Any, **request: Any) -> bool:
    for attempt in range(1, _CONFLICTS + 1):
        try:
            s3.put_object(**request, ContentType="application/json")
        except ClientError as error:
            if (
                error.response["Error"]["Code"] in _CONFLICT
            ):  # another write of this key is in progress, with an unknown end
                pause(attempt)
                continue
            if is_conflict(error):  # another writer was first, or our own reply was lost
                found = get_bytes(s3, request["Bucket"], request["Key"])
                return found is not None and found[0] == request["Body"]
            if is_absent(error):
                return False
            raise
        return True
    return False
