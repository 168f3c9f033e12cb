"""Queue messages: the wake message, and the events of S3 in every shape in which AWS delivers them.

One codec for every writer and every reader of the queue. A message only wakes; what is to be done, listings decide.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from ledgerlake.intake.deliveries import Delivery

WAKE = "look"
"""The only field of the wake message: why somebody asks for a look into `raw/`."""


@dataclass(frozen=True)
class ObjectCreated:
    """One object that a message names; `version_id` is empty when it does not say which version."""

    key: str
    version_id: str = ""

    def is_of(self, delivery: Delivery) -> bool:
        """Return whether the message may be about this delivery."""
        return self.key == delivery.key and self.version_id in ("", delivery.version_id)


@dataclass(frozen=True)
class Message:
    """What a message says.

    Args:
        text: what it is, in words; of an event of S3 the keys that it names.
        objects: those that it names; none for the wake message and for S3's test of the queue.
    """

    text: str
    objects: tuple[ObjectCreated, ...] = ()

    def names_any(self, deliveries: Iterable[Delivery]) -> bool:
        """Return whether it names one of the deliveries."""
        return any(each.is_of(delivery) for delivery in deliveries for each in self.objects)


def wake(why: str) -> dict[str, str]:
    """Return the wake message; a schedule or an execution sends the same to the Lambda as its event."""
    return {WAKE: why}


def is_wake(said: Any) -> bool:
    """Return whether the parsed message is the wake message, in today's words or in those of earlier releases."""
    return isinstance(said, dict) and (WAKE in said or said.get("ledgerlake") == WAKE)


def read(body: str, bucket: str | None = None) -> Message | None:
    """Read a message of the queue.

    Understood are the wake message, S3's own events and its test event, and the events that EventBridge makes for
    S3; each of them as it is, and wrapped by SNS.

    Args:
        bucket: of the lake; an event of another is poison. Events of any bucket are read where none is given.

    Returns:
        None for poison: what neither AWS nor Ledgerlake would say of a delivery.
    """
    try:
        said = _unwrapped(json.loads(body))
        if is_wake(said):
            return Message(f"a wake message: {said[WAKE]}" if said.get(WAKE) else "a wake message")
        if said.get("Event") == "s3:TestEvent":
            return Message("S3's test of the queue")
        objects = tuple(_objects(said, bucket))
        return Message(", ".join(each.key for each in objects), objects) if objects else None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):  # whatever somebody may send
        return None


def _unwrapped(said: Any) -> Any:
    """Return the message inside SNS's envelope; a message that was delivered raw has none."""
    return json.loads(said["Message"]) if said.get("Type") == "Notification" else said


def _objects(said: dict[str, Any], bucket: str | None) -> Iterable[ObjectCreated]:
    if said.get("detail-type") == "Object Created":  # of EventBridge, which encodes no key
        seen = said["detail"]
        yield ObjectCreated(_key(seen, bucket), seen["object"].get("version-id") or "")
        return
    for record in said["Records"]:
        seen = record["s3"]
        yield ObjectCreated(unquote_plus(_key(seen, bucket)), seen["object"].get("versionId") or "")


def _key(seen: dict[str, Any], bucket: str | None) -> str:
    if bucket is not None and seen["bucket"]["name"] != bucket:
        raise ValueError(f"an event of {seen['bucket']['name']}")
    key = seen["object"]["key"]
    if not isinstance(key, str):
        raise TypeError(f"a key that is a {type(key).__name__}")
    return key
