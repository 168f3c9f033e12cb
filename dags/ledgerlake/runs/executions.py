"""Executions of the state machine, by name: whose lease it is, which try it is, and what became of it."""

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
"""Who plans what the queue wakes the Lambda for."""

LONGEST_DELAY = 900
"""In seconds; SQS keeps no message back for longer."""
_EARLY = 5.0
AT_WORK = {"RUNNING", "PENDING_REDRIVE"}
_HOLDER = "step_functions:"
_LOOK = f"{_HOLDER}{names.CHECK_FUNCTION}/"
_LIVE_NAME = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{8}(?:-(\d+))?")
_CONSOLES = {"aws-cn": "console.amazonaws.cn", "aws-us-gov": "console.amazonaws-us-gov.com"}


def holder_of(execution: str) -> str:
    """Who the execution is when it holds the lease."""
    return f"{_HOLDER}{execution}"


def dispatch_holder(request_id: str) -> str:
    """Who one invocation of CheckDataAvailability is while it plans."""
    return f"{_LOOK}{request_id}"


def is_dispatch(holder: str) -> bool:
    return holder.startswith(_LOOK)


def execution_of(holder: str) -> str | None:
    """The inverse of `holder_of`; None for anybody else, also for a look."""
    return holder.removeprefix(_HOLDER) if holder.startswith(_HOLDER) and not is_dispatch(holder) else None


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
    arn = f"arn:{partition}:states:{region}:{account}:execution:{names.STATE_MACHINE}:{execution}"
    domain = _CONSOLES.get(partition, "console.aws.amazon.com")
    return f"https://{region}.{domain}/states/home?region={region}#/v2/executions/details/{arn}"


def retry_delay(execution: str, settings: Settings) -> int:
    """In how many seconds a batch is tried again after that execution failed: twice as many as after the one before."""
    doublings = min(attempt_of(execution) - 1, 10)
    return int(min(LONGEST_DELAY, settings.retry_visibility_seconds * 2**doublings))


@dataclass(frozen=True)
class Started:
    """The execution that is at work on a batch, or the one whose failure is being waited out.

    Args:
        before: nothing was started now.
        rests_until: when the batch is tried again; None while an execution is at work.
    """

    name: str
    before: bool
    rests_until: datetime | None = None


@dataclass(frozen=True)
class Found:
    """What Step Functions says of an execution.

    Args:
        status: `RUNNING`, `SUCCEEDED`, `FAILED`, `TIMED_OUT`, `ABORTED`; empty when there is none of that name.
        ended: None while it runs.
    """

    status: str
    ended: datetime | None = None


@dataclass(frozen=True)
class StateMachine:
    """The state machine, as those who start executions see it."""

    client: Any
    arn: str

    def find(self, execution: str) -> Found:
        """How the execution is."""
        arn = f"{self.arn.replace(':stateMachine:', ':execution:')}:{execution}"
        try:
            body = self.client.describe_execution(executionArn=arn)
        except ClientError as error:
            if error.response["Error"]["Code"] == "ExecutionDoesNotExist":
                return Found("")
            raise
        return Found(str(body["status"]), body.get("stopDate"))

    def start(self, batch_id: str, settings: Settings) -> Started:
        """Start an execution for the batch, unless one is at work on it, or has failed only now.

        Its name says which try it is, and Step Functions gives a name to one execution only: of two who
        start at once, one is told that the other was quicker. A batch that failed rests for `retry_delay`, at
        the end of which a delayed message has somebody look; other looks leave it alone until then.
        """
        last: tuple[str, Found] | None = None
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
        """Whether it was started now. (Starting one that runs, with the same input, is no error to AWS.)"""
        try:
            self.client.start_execution(stateMachineArn=self.arn, name=name, input=json.dumps({"batch_id": batch_id}))
        except ClientError as error:
            if error.response["Error"]["Code"] == "ExecutionAlreadyExists":
                return False
            raise
        return True


def _rests_until(name: str, found: Found, settings: Settings) -> datetime | None:
    """Until when the batch of a failed execution rests; None when it is time, or when no message was sent for then."""
    if found.status != "FAILED" or found.ended is None:
        return None
    seconds = retry_delay(name, settings)
    # the message was sent a moment before the execution ended, and must not come too early
    until = found.ended + timedelta(seconds=seconds - min(_EARLY, seconds / 3))
    return until if datetime.now(UTC) < until else None
