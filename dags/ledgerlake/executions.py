"""Executions of the state machine, by name: whose lease it is, which try it is, and what became of it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from itertools import count
from typing import Any

from botocore.exceptions import ClientError

from ledgerlake import places

LIVE = f"step_functions:{places.STATE_MACHINE}"
"""Who plans what the queue wakes the Lambda for."""

AT_WORK = {"RUNNING", "PENDING_REDRIVE"}
_HOLDER = "step_functions:"
_LOOK = f"{_HOLDER}{places.CHECK_FUNCTION}/"
_LIVE_NAME = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{8}(?:-(\d+))?")
_CONSOLES = {"aws-cn": "console.amazonaws.cn", "aws-us-gov": "console.amazonaws-us-gov.com"}


def holder_of(execution: str) -> str:
    """Who the execution is when it holds the lease."""
    return f"{_HOLDER}{execution}"


def look_holder(request_id: str) -> str:
    """Who one invocation of CheckDataAvailability is while it plans."""
    return f"{_LOOK}{request_id}"


def is_look(holder: str) -> bool:
    return holder.startswith(_LOOK)


def execution_of(holder: str) -> str | None:
    """The inverse of `holder_of`; None for anybody else, also for a look."""
    return holder.removeprefix(_HOLDER) if holder.startswith(_HOLDER) and not is_look(holder) else None


def name_of(batch_id: str, attempt: int) -> str:
    """What the execution is called that tries the batch for the `attempt`th time, from 1."""
    return batch_id if attempt == 1 else f"{batch_id}-{attempt}"


def attempt_of(execution: str) -> int:
    """The inverse of `name_of`; 1 for an execution that was named otherwise, as by a person."""
    found = _LIVE_NAME.fullmatch(execution)
    return int(found[1] or 1) if found else 1


def console_url(function_arn: str, execution: str) -> str:
    """Where the execution is shown in the browser.

    Args:
        function_arn: of any Lambda of the same account and region.
    """
    _, partition, _, region, account, *_ = function_arn.split(":")
    arn = f"arn:{partition}:states:{region}:{account}:execution:{places.STATE_MACHINE}:{execution}"
    domain = _CONSOLES.get(partition, "console.aws.amazon.com")
    return f"https://{region}.{domain}/states/home?region={region}#/v2/executions/details/{arn}"


@dataclass(frozen=True)
class Started:
    """The execution that is at work on a batch.

    Args:
        before: somebody else had started it.
    """

    name: str
    before: bool


@dataclass(frozen=True)
class StateMachine:
    """The state machine, as those who start executions see it."""

    client: Any
    arn: str

    def status(self, execution: str) -> str:
        """`RUNNING`, `SUCCEEDED`, `FAILED`, `TIMED_OUT`, `ABORTED`; empty when there is no execution of that name."""
        arn = f"{self.arn.replace(':stateMachine:', ':execution:')}:{execution}"
        try:
            return str(self.client.describe_execution(executionArn=arn)["status"])
        except ClientError as error:
            if error.response["Error"]["Code"] == "ExecutionDoesNotExist":
                return ""
            raise

    def start(self, batch_id: str) -> Started:
        """Start an execution for the batch, unless one is at work on it.

        Its name says which try it is, and Step Functions gives a name to one execution only: of two who
        start at once, one is told that the other was quicker.
        """
        for attempt in count(1):
            name = name_of(batch_id, attempt)
            status = self.status(name)
            if status in AT_WORK:
                return Started(name, before=True)
            if not status:
                return Started(name, before=not self._start(name, batch_id))
        raise AssertionError("count ends")

    def _start(self, name: str, batch_id: str) -> bool:
        """Whether it was started now. (Starting one that runs, with the same input, is no error to AWS.)"""
        try:
            self.client.start_execution(stateMachineArn=self.arn, name=name, input=json.dumps({"batch_id": batch_id}))
        except ClientError as error:
            if error.response["Error"]["Code"] == "ExecutionAlreadyExists":
                return False
            raise
        return True
