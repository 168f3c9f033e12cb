"""Dispatch of executions: poll `raw/`, plan a batch and start the execution that loads it.

An execution releases the lease before it polls again, so no delivery is missed.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ledgerlake.errors import LeaseTaken
from ledgerlake.intake.deliveries import Waiting
from ledgerlake.planning import batch, lease
from ledgerlake.planning.unread import take_unreported
from ledgerlake.reporting.failure_notification import dead_execution_notification
from ledgerlake.reporting.notification import Notification
from ledgerlake.reporting.success_notification import stray_files_notification
from ledgerlake.runs import dead_executions
from ledgerlake.runs.executions import LIVE, StateMachine, is_dispatch
from ledgerlake.settings import Settings

log = logging.getLogger(__name__)

LEASE_SECONDS = 120
"""A dispatch that dies while it plans keeps others waiting for this long."""
_TRIES = 5
_PAUSE = 2.0  # seconds; about as long as another dispatch takes to plan


@dataclass(frozen=True)
class Outcome:
    """The outcome of a dispatch.

    Args:
        message: the outcome in words, for the log.
        is_covered: whether a later poll of what waits is certain; otherwise the messages must be redelivered.
        batch_id: the batch that is loaded, if there is one.
        execution: the execution that is at work.
        planned: whether `raw/` was listed under the lease, so that files outside the batch are still awaited.
    """

    message: str
    is_covered: bool = True
    batch_id: str | None = None
    execution: str | None = None
    planned: bool = False


@dataclass(frozen=True)
class Dispatcher:
    """One dispatch with its clients and settings.

    Args:
        glue: the client that shows whether a job still runs after its execution ended.
        holder: the dispatch's name in the lease.
        notify: publishes a notification.
    """

    s3: Any
    bucket: str
    settings: Settings
    machine: StateMachine
    glue: Any
    holder: str
    notify: Callable[[Notification], None]

    def dispatch(self) -> Outcome:
        """Plan a batch or resume an open one, and start an execution for it.

        Raises:
            ClientError, BotoCoreError: AWS refused; a planned batch stays open, and the next dispatch resumes it.
        """
        busy = self._acquire_lease()
        if busy is not None:
            return busy
        try:
            plan = self._plan()
        finally:
            lease.release(self.s3, self.bucket, self.holder)
        if plan.batch is None:
            self._notify_of_stray_files(plan)
            return Outcome(plan.reason, is_covered=not plan.too_recent)
        batch_id = plan.batch.batch_id
        started = self.machine.start(batch_id, self.settings)
        if started.rests_until:
            message = f"execution {started.name} has failed; its batch is retried at {started.rests_until:%H:%M:%S} UTC"
            return Outcome(message, batch_id=batch_id)
        message = f"execution {started.name} {'was started before' if started.before else 'is started'}: {plan.reason}"
        return Outcome(message, batch_id=batch_id, execution=started.name, planned=not started.before)

    def _notify_of_stray_files(self, plan: batch.Plan) -> None:
        """Report files that no job reads, since no execution starts that would report them."""
        unread = Waiting((), plan.unread.strays, plan.unread.ignored)
        unreported = take_unreported(self.s3, self.bucket, unread, self.holder, strays_only=True)
        if unreported.strays:
            self._send(stray_files_notification(unreported))

    def _send(self, notification: Notification) -> None:
        log.warning("%s", notification.title)
        try:
            self.notify(notification)
        except (BotoCoreError, ClientError):
            log.exception("The notification could not be sent: %s", notification.title)

    def _plan(self) -> batch.Plan:
        """Plan a batch, and wait for files that landed within this second."""
        for _ in range(_TRIES):
            plan = batch.plan(self.s3, self.bucket, self.settings, owner=LIVE)
            if not plan.too_recent:
                break
            time.sleep(_PAUSE)
        return plan

    def _acquire_lease(self) -> Outcome | None:
        """Acquire the lease; return the outcome of this dispatch if another holder keeps it."""
        message = f"other dispatches held the lease at each of {_TRIES} attempts"
        for _ in range(_TRIES):
            try:
                lease.acquire(self.s3, self.bucket, self.holder, LEASE_SECONDS)
                return None
            except LeaseTaken as taken:
                message = str(taken)
            held = lease.show(self.s3, self.bucket)
            if held is None or not held.holder or is_dispatch(held.holder):
                time.sleep(_PAUSE)
                continue
            holder = dead_executions.holder_of(held, self.machine, self.glue)
            if holder is None:
                break
            if holder.is_at_work:
                return Outcome(str(holder), execution=holder.execution)
            if not holder.is_over:
                return Outcome(str(holder), is_covered=False)
            if lease.take_over(self.s3, self.bucket, held, self.holder, LEASE_SECONDS):
                self._send(dead_execution_notification(holder.execution, holder.status, held.since))
                return None
        return Outcome(message, is_covered=False)
