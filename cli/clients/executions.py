"""The executions of the state machine, as Step Functions tells of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from cli.clients.connection import Connection
from cli.failures import Failed, UsageError
from ledgerlake import names

_ABSENT = ("StateMachineDoesNotExist", "ExecutionDoesNotExist")
_RUNNING = "RUNNING"
_LOSSES = ("TaskFailed", "ExecutionFailed", "ExecutionAborted", "ExecutionTimedOut", "MapIterationFailed")


@dataclass(frozen=True)
class Execution:
    """One execution.

    Args:
        status: `RUNNING`, `SUCCEEDED`, `FAILED`, `TIMED_OUT` or `ABORTED`.
    """

    name: str
    arn: str
    status: str
    started: datetime
    ended: datetime | None = None

    @property
    def active(self) -> bool:
        """Return whether the execution has not ended."""
        return self.status == _RUNNING

    @property
    def failed(self) -> bool:
        """Return whether the execution has ended without success."""
        return self.status not in (_RUNNING, "SUCCEEDED")


@dataclass(frozen=True)
class Step:
    """One state that was entered: when, and how it failed, if it did."""

    state: str
    entered: datetime
    error: str = ""


class Executions:
    """Those of one lake's state machine."""

    def __init__(self, lake: Connection) -> None:
        self._states = lake.client("stepfunctions")
        self._arn = lake.places.state_machine_arn

    def latest(self, limit: int = 20) -> list[Execution]:
        """Newest first; none where there is no state machine."""
        try:
            found = self._states.list_executions(stateMachineArn=self._arn, maxResults=limit)["executions"]
        except ClientError as error:
            if error.response["Error"]["Code"] in _ABSENT:
                return []
            raise
        return sorted(map(_execution, found), key=lambda each: each.started, reverse=True)

    def start(self, asked: Mapping[str, Any]) -> str:
        """Start one with that input; returns its name."""
        try:
            begun = self._states.start_execution(stateMachineArn=self._arn, input=json.dumps(asked))
        except ClientError as error:
            if error.response["Error"]["Code"] not in _ABSENT:
                raise
            raise Failed(
                f"there is no state machine {names.STATE_MACHINE}", remedy="deploy the data plane: ledgerlake up"
            ) from error
        return str(begun["executionArn"]).rpartition(":")[2]

    def choose(self, name: str) -> Execution:
        """Return the execution whose name begins so; the newest for `last`.

        Raises:
            UsageError: there is none, or more than one.
        """
        latest = self.latest(200)
        exact = [each for each in latest if each.name == name]
        found = exact or (latest[:1] if name == "last" else [each for each in latest if each.name.startswith(name)])
        if len(found) != 1:
            raise UsageError(
                f"{len(found) or 'no'} executions are called {name}…", expected="one", remedy="ledgerlake executions"
            )
        return found[0]

    def why(self, execution: Execution) -> str:
        """Why it failed, in one line."""
        body = self._states.describe_execution(executionArn=execution.arn)
        return " ".join(f"{body.get('error') or execution.status}: {body.get('cause') or 'no cause'}".split())

    def steps(self, execution: Execution) -> Iterator[Step]:
        """Yield the states in the order in which they were entered, each with the error it met."""
        entered: dict[int, Step] = {}
        pages = self._states.get_paginator("get_execution_history").paginate(executionArn=execution.arn)
        current: Step | None = None
        for event in (event for page in pages for event in page["events"]):
            when = event["timestamp"].astimezone(UTC)
            if details := event.get("stateEnteredEventDetails"):
                current = entered[event["id"]] = Step(details["name"], when)
            elif event["type"] in _LOSSES and current is not None:
                identifier = max(entered)
                entered[identifier] = Step(current.state, current.entered, _error(event))
        yield from entered.values()


def _error(event: Mapping[str, Any]) -> str:
    details: Mapping[str, Any] = next((body for name, body in event.items() if name.endswith("EventDetails")), {})
    return " ".join(f"{details.get('error', event['type'])}: {details.get('cause', '')}".split())


def _execution(body: Mapping[str, Any]) -> Execution:
    ended = body.get("stopDate")
    return Execution(
        body["name"],
        body["executionArn"],
        body["status"],
        body["startDate"].astimezone(UTC),
        ended and ended.astimezone(UTC),
    )
