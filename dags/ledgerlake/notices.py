"""The queue's messages, read: which object each tells of. What is to be done, listings decide."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from ledgerlake.deliveries import Delivery


@dataclass(frozen=True)
class Notice:
    """One object of which a message tells; `version_id` is empty when it does not say which version."""

    key: str
    version_id: str = ""

    def is_of(self, delivery: Delivery) -> bool:
        return self.key == delivery.key and self.version_id in ("", delivery.version_id)


def read(body: str, bucket: str) -> tuple[Notice, ...] | None:
    """The objects of which the message tells.

    Args:
        bucket: of the lake; an event of another is poison.

    Returns:
        None for poison: what neither S3 nor Ledgerlake would say of a delivery. Nothing for `{"look": …}`.
    """
    try:
        said = json.loads(body)
        if isinstance(said, dict) and "look" in said:
            return ()
        return tuple(_notice(record, bucket) for record in said["Records"]) or None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):  # whatever somebody may send
        return None


def tells_of(notices: Iterable[Notice] | None, deliveries: Iterable[Delivery]) -> bool:
    """Whether the message tells of one of the deliveries."""
    told = tuple(notices or ())
    return any(notice.is_of(delivery) for delivery in deliveries for notice in told)


def _notice(record: dict[str, Any], bucket: str) -> Notice:
    seen = record["s3"]
    if seen["bucket"]["name"] != bucket:
        raise ValueError(f"an event of {seen['bucket']['name']}")
    return Notice(unquote_plus(seen["object"]["key"]), seen["object"].get("versionId") or "")
