"""What CloudFormation tells of the resources of a stack, since one moment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError


class StackEvents:
    """The events of one stack after this object was made.

    Args:
        client: of boto3, for CloudFormation.
        stack: its id, by which it is found also when it is gone; its name does while it is there.
        every: also the events before.
    """

    def __init__(self, client: Any, stack: str, *, every: bool = False) -> None:
        self._client, self._stack = client, stack
        newest = None if every else next(self._backwards(), None)
        self._told = newest["EventId"] if newest else None
        self._begin = self._told

    def fresh(self) -> list[dict[str, Any]]:
        """Return the events not reported yet, oldest first."""
        found = self._after(self._told)
        self._told = found[-1]["EventId"] if found else self._told
        return found

    def cause(self) -> str:
        """Return the resource that failed first, and its reason; those after it were only cancelled."""
        failed = [each for each in self._after(self._begin) if each.get("ResourceStatus", "").endswith("FAILED")]
        causes = [each for each in failed if "cancelled" not in each.get("ResourceStatusReason", "").lower()] or failed
        if not causes:
            return "no event says why"
        first = causes[0]
        why = first.get("ResourceStatusReason", "no reason given")
        return f"{first['LogicalResourceId']} ({first['ResourceType']}): {why}"

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
    """Return the event in one line for the terminal."""
    reason = f": {event['ResourceStatusReason']}" if event.get("ResourceStatusReason") else ""
    return f"{event['ResourceStatus']:<20} {event['LogicalResourceId']} ({event['ResourceType']}){reason}"
