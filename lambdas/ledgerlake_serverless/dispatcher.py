"""A look of Step Functions at `raw/`: it makes sure that an execution is at work on what waits.

The lease is given back before an execution looks again, and a look that finds it taken precedes the look of
its holder; so there is no moment in which a delivery could be missed.
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
"""A look that dies while it plans keeps others waiting for so long."""
_TRIES = 5
_PAUSE = 2.0  # seconds; another look plans in about so many


@dataclass(frozen=True)
class Outcome:
    """What a look has come to.

    Args:
        says: in words.
        answered: whether somebody is bound to look again at what waits; else the messages have to come back.
        batch_id: of the batch that is gone on with, if there is one.
        execution: that is at work on it.
        planned: whether `raw/` was listed under the lease: what is not in the batch then has to be waited for.
    """

    says: str
    answered: bool = True
    batch_id: str | None = None
    execution: str | None = None
    planned: bool = False


@dataclass(frozen=True)
class Dispatcher:
    """Who looks, and what it needs to.

    Args:
        glue: says whether a job runs on after the execution that started it.
        holder: its name in the lease.
        tell: sends a notification.
    """

    s3: Any
    bucket: str
    settings: Settings
    machine: StateMachine
    glue: Any
    holder: str
    tell: Callable[[Notification], None]

    def dispatch(self) -> Outcome:
        """Plan, or find what an earlier run left open, and start an execution for it.

        Raises:
            ClientError, BotoCoreError: AWS refused; a batch that was planned stays open, and the next look finds it.
        """
        busy = self._acquire_lease()
        if busy is not None:
            return busy
        try:
            plan = self._plan()
        finally:
            lease.release(self.s3, self.bucket, self.holder)
        if plan.batch is None:
            self._notify_of_strays(plan)
            return Outcome(plan.reason, answered=not plan.too_recent)
        batch_id = plan.batch.batch_id
        started = self.machine.start(batch_id, self.settings)
        if started.rests_until:
            says = (
                f"execution {started.name} has failed; its batch is tried again at {started.rests_until:%H:%M:%S} UTC"
            )
            return Outcome(says, batch_id=batch_id)
        says = f"execution {started.name} {'was started before' if started.before else 'is started'}: {plan.reason}"
        return Outcome(says, batch_id=batch_id, execution=started.name, planned=not started.before)

    def _notify_of_strays(self, plan: batch.Plan) -> None:
        """Notify people of files that no job reads: no execution starts, whose report would."""
        found = Waiting((), plan.unread.strays, plan.unread.ignored)
        news = take_unreported(self.s3, self.bucket, found, self.holder, strays_only=True)
        if news.strays:
            self._send(stray_files_notification(news))

    def _send(self, notification: Notification) -> None:
        log.warning("%s", notification.title)
        try:
            self.tell(notification)
        except (BotoCoreError, ClientError):
            log.exception("The notification could not be sent: %s", notification.title)

    def _plan(self) -> batch.Plan:
        """Plan; what has landed in this second is waited for."""
        for _ in range(_TRIES):
            plan = batch.plan(self.s3, self.bucket, self.settings, owner=LIVE)
            if not plan.too_recent:
                break
            time.sleep(_PAUSE)
        return plan

    def _acquire_lease(self) -> Outcome | None:
        """Take the lease; when another has it, what that means for this look."""
        says = "others were quicker to take the lease, again and again"
        for _ in range(_TRIES):
            try:
                lease.acquire(self.s3, self.bucket, self.holder, LEASE_SECONDS)
                return None
            except LeaseTaken as taken:
                says = str(taken)
            held = lease.show(self.s3, self.bucket)
            if held is None or not held.holder or is_dispatch(held.holder):
                time.sleep(_PAUSE)
                continue
            found = dead_executions.holder_of(held, self.machine, self.glue)
            if found is None:
                break
            if found.is_at_work:
                return Outcome(str(found), execution=found.execution)
            if not found.is_over:
                return Outcome(str(found), answered=False)
            if lease.take_over(self.s3, self.bucket, held, self.holder, LEASE_SECONDS):
                self._send(dead_execution_notification(found.execution, found.status, held.since))
                return None
        return Outcome(says, answered=False)
