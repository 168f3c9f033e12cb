"""Executions of the state machine: their names, attempts, status and lease."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from botocore.exceptions import ClientError

from ledgerlake import names
from ledgerlake.settings import Settings

LIVE = f"step_functions:{names.STATE_MACHINE}"
"""The owner of batches that the Lambda plans for messages of the queue."""

LONGEST_DELAY = 900
"""In seconds; the longest delay of an SQS message."""
_EARLY = 5.0
AT_WORK = {"RUNNING", "PENDING_REDRIVE"}
_HOLDER = "step_functions:"
_DISPATCH = f"{_HOLDER}{names.CHECK_FUNCTION}/"
_LIVE_NAME = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{8}(?:-(\d+))?")
_CONSOLES = {"aws-cn": "console.amazonaws.cn", "aws-us-gov": "console.amazonaws-us-gov.com"}


def holder_of(execution: str) -> str:
    """Return the name under which the execution holds the lease."""
    return f"{_HOLDER}{execution}"


def dispatch_holder(request_id: str) -> str:
    """Return the name under which an invocation of CheckDataAvailability holds the lease while it plans."""
    return f"{_DISPATCH}{request_id}"


def is_dispatch(holder: str) -> bool:
    """Return whether an invocation of CheckDataAvailability holds the lease."""
    return holder.startswith(_DISPATCH)


def execution_of(holder: str) -> str | None:
    """Invert `holder_of`; return None for any other holder, including a dispatch."""
    return holder.removeprefix(_HOLDER) if holder.startswith(_HOLDER) and not is_dispatch(holder) else None


def name_of(batch_id: str, attempt: int) -> str:
    """Return the name of the execution for an attempt at the batch, counted from 1."""
    return batch_id if attempt == 1 else f"{batch_id}-{attempt}"


def attempt_of(execution: str) -> int:
    """Invert `name_of`; return 1 for an execution with any other name, such as one started by hand."""
    found = _LIVE_NAME.fullmatch(execution)
    return int(found[1] or 1) if found else 1


def console_url(function_arn: str, execution: str) -> str:
    """Return the URL of the execution in the AWS console.

    Args:
        function_arn: the ARN of any Lambda in the same account and region.
    """
    _, partition, _, region, account, *_ = function_arn.split(":")
    arn = f"arn:{partition}:states:{region}:{account}:execution:{names.STATE_MACHINE}:{execution}"
    domain = _CONSOLES.get(partition, "console.aws.amazon.com")
    return f"https://{region}.{domain}/states/home?region={region}#/v2/executions/details/{arn}"


def retry_delay(execution: str, settings: Settings) -> int:
    """Return the seconds until a batch is retried after the execution failed; they double with each attempt."""
    doublings = min(attempt_of(execution) - 1, 10)
    return int(min(LONGEST_DELAY, settings.retry_visibility_seconds * 2**doublings))


@dataclass(frozen=True)
class Started:
    """The execution that is at work on a batch, or the failed one whose retry delay has not passed.

    Args:
        before: whether the execution existed already.
        rests_until: when the batch is retried; None while an execution is at work.
    """

    name: str
    before: bool
    rests_until: datetime | None = None


@dataclass(frozen=True)
class ExecutionState:
    """The state of an execution in Step Functions.

    Args:
        status: `RUNNING`, `SUCCEEDED`, `FAILED`, `TIMED_OUT`, `ABORTED`; empty when no execution has that name.
        ended: None while it runs.
    """

    status: str
    ended: datetime | None = None


@dataclass(frozen=True)
class StateMachine:
    """State machine whose executions are found and started."""

    client: Any
    arn: str

    def find(self, execution: str) -> ExecutionState:
        """Return the state of the execution."""
        arn = f"{self.arn.replace(':stateMachine:', ':execution:')}:{execution}"
        try:
            body = self.client.describe_execution(executionArn=arn)
        except ClientError as error:
            if error.response["Error"]["Code"] == "ExecutionDoesNotExist":
                return ExecutionState("")
            raise
        return ExecutionState(str(body["status"]), body.get("stopDate"))

    def start(self, batch_id: str, settings: Settings) -> Started:
        """Start an execution for the batch, unless one is at work on it or has failed recently.

        The name contains the attempt. Step Functions accepts each name once, so of two concurrent starts one is
        rejected. A failed batch rests for `retry_delay`, after which a delayed message starts the next attempt;
        other messages leave the batch alone until then.
        """
        last: tuple[str, ExecutionState] | None = None
        for attempt in count(1):
            name = name_of(batch_id, attempt)
            found = self.find(name)
            if found.status in AT_WORK:
                return Started(name, before=True)
            if not found.status:
                if last and (until := _rests_until(*last, settings)):
                    return Started(last[0], before=True, rests_until=until)
                return Started(name, before=not self._start(name, batch_id))
            last = name, found
        raise AssertionError("count ends")

    def _start(self, name: str, batch_id: str) -> bool:
        """Start the execution and return whether it is new; AWS accepts a repeated start with the same input."""
        try:
            self.client.start_execution(stateMachineArn=self.arn, name=name, input=json.dumps({"batch_id": batch_id}))
        except ClientError as error:
            if error.response["Error"]["Code"] == "ExecutionAlreadyExists":
                return False
            raise
        return True


def _rests_until(name: str, found: ExecutionState, settings: Settings) -> datetime | None:
    """Return until when the batch of a failed execution rests; None when the delay has passed or has no message."""
    if found.status != "FAILED" or found.ended is None:
        return None
    seconds = retry_delay(name, settings)
    # The message was sent a moment before the execution ended, and must not arrive too early.
    until = found.ended + timedelta(seconds=seconds - min(_EARLY, seconds / 3))
    return until if datetime.now(UTC) < until else None
