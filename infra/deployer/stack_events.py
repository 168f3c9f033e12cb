"""Stack events of CloudFormation since one moment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError


class StackEvents:
    """The events of one stack after this object was made.

    Args:
        client: of boto3, for CloudFormation.
        stack: the id, which also finds a removed stack; the name finds an existing one only.
        every: also the events before.
    """

    def __init__(self, client: Any, stack: str, *, every: bool = False) -> None:
        self._client, self._stack = client, stack
        newest = None if every else next(self._backwards(), None)
        self._last_reported = newest["EventId"] if newest else None
        self._begin = self._last_reported

    def fresh(self) -> list[dict[str, Any]]:
        """Return the events not reported yet, oldest first."""
        events = self._after(self._last_reported)
        self._last_reported = events[-1]["EventId"] if events else self._last_reported
        return events

    def cause(self) -> str:
        """Return the resource that failed first, and its reason; later ones were only cancelled."""
        failed = [each for each in self._after(self._begin) if each.get("ResourceStatus", "").endswith("FAILED")]
        causes = [each for each in failed if "cancelled" not in each.get("ResourceStatusReason", "").lower()] or failed
        if not causes:
            return "no event says why"
        first = causes[0]
        reason = first.get("ResourceStatusReason", "no reason given")
        return f"{first['LogicalResourceId']} ({first['ResourceType']}): {reason}"

    def _after(self, event_id: str | None) -> list[dict[str, Any]]:
        found = []
        for event in self._backwards():
            if event["EventId"] == event_id:
                break
            found.append(event)
        return found[::-1]

    def _backwards(self) -> Iterator[dict[str, Any]]:
        try:
            for page in self._client.get_paginator("describe_stack_events").paginate(StackName=self._stack):
                yield from page["StackEvents"]
        except ClientError:  # a stack that is not there has none
            return


def line(event: Mapping[str, Any]) -> str:
    """Return the event as one line of text."""
    reason = f": {event['ResourceStatusReason']}" if event.get("ResourceStatusReason") else ""
    return f"{event['ResourceStatus']:<20} {event['LogicalResourceId']} ({event['ResourceType']}){reason}"
