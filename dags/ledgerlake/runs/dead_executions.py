"""Lease of an execution that ended without releasing it: the next waiting run takes it over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ledgerlake.planning.lease import Lease
from ledgerlake.runs import job_runs
from ledgerlake.runs.executions import AT_WORK, StateMachine, execution_of
from ledgerlake.runs.job_runs import JobRun


@dataclass(frozen=True)
class Holder:
    """The execution that holds the lease.

    Args:
        status: the status in Step Functions; empty when no such execution is found.
        running: Glue runs that have not ended, read only when the execution has ended.
    """

    execution: str
    status: str
    running: tuple[JobRun, ...] = ()

    @property
    def is_at_work(self) -> bool:
        """Return whether the execution has not ended."""
        return self.status in AT_WORK

    @property
    def is_over(self) -> bool:
        """Return whether neither the execution nor a job is at work, so that its lease may be taken over."""
        return not (self.is_at_work or self.running)

    def __str__(self) -> str:
        """Return the execution and its state."""
        if self.is_at_work:
            return f"execution {self.execution} is at work, and polls again at its end"
        ended = f"has ended as {self.status}" if self.status else "is not known to Step Functions (any more)"
        return f"execution {self.execution} {ended}" + "".join(f", but {run}" for run in self.running)


def holder_of(held: Lease, machine: StateMachine, glue: Any) -> Holder | None:
    """Return the execution that holds the lease; None when no execution does.

    A job does not end with the execution that started it, and two runs of one job would write one table.

    Raises:
        ClientError, BotoCoreError: AWS did not answer, so whether it is over is unknown.
    """
    execution = execution_of(held.holder)
    if execution is None:
        return None
    status = machine.find(execution).status
    return Holder(execution, status, () if status in AT_WORK else job_runs.at_work(glue))
