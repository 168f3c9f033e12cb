"""Outcome of a run, judged by what is in S3, alike for both orchestrators.

The states of tasks show where a run failed. They do not prove success, since anybody can mark a task.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from ledgerlake.errors import LedgerlakeError, NotClosed
from ledgerlake.planning import batch as batches
from ledgerlake.planning import quarantine
from ledgerlake.planning.evidence import require_finished
from ledgerlake.reporting import check_failures
from ledgerlake.reporting.check_failures import CheckFailure
from ledgerlake.reporting.failures import LONGEST, Failure
from ledgerlake.reporting.run_facts import RunFacts

CHECKS = "checks."
"""The prefix of a check's name as a step of a run."""
CHECK_FAILED = "CheckFailed"


class Ending(Enum):
    """Ways in which a run ends."""

    QUIET = "there was nothing to do"
    QUARANTINED = "its batch is set aside"
    FAILED = "a step failed, and the batch stays open"
    UNFINISHED = "no step failed, but the batch is not published, archived or closed"
    CHECKS_FAILED = "its batch is done, and a check failed for the first time or its query failed"
    SUCCEEDED = "its batch is done, and no check failed for the first time"

    @property
    def done(self) -> bool:
        """Return whether the batch is published and archived."""
        return self in (Ending.CHECKS_FAILED, Ending.SUCCEEDED)


@dataclass(frozen=True)
class Ended:
    """The outcome of a run.

    Args:
        facts: includes the check failures that the run observed.
        failed: the failures to report, including check failures first observed by this run.
        missing: what an unfinished batch lacks.
    """

    ending: Ending
    facts: RunFacts
    failed: tuple[Failure, ...] = ()
    missing: LedgerlakeError | None = None


def judge(s3: Any, bucket: str, facts: RunFacts, failed: Sequence[Failure], log: str, *, closed: bool) -> Ended:
    """Judge a run at its end.

    Args:
        failed: the steps that failed, in the order of the run.
        log: where the findings of checks are read.
        closed: whether an earlier step of the run should have closed the batch.
    """
    observed = check_failures.of_run(s3, bucket, facts.run_id)
    facts = replace(facts, checks=observed)
    set_aside = quarantine.quarantined(s3, bucket).get(facts.batch_id) if facts.batch_id else None
    if set_aside:
        reason = Failure("the quality limit", str(set_aside.get("why", "")), log)
        return Ended(Ending.QUARANTINED, facts, tuple(failed) or (reason,))
    if any(not each.step.startswith(CHECKS) for each in failed):
        return Ended(Ending.FAILED, facts, tuple(failed))
    if not facts.batch_id:
        return Ended(Ending.QUIET, facts)
    if missing := _missing(s3, bucket, facts.batch_id, closed=closed):
        return Ended(Ending.UNFINISHED, facts, tuple(failed), missing)
    failures = _of_checks(failed, observed.first, log)
    return Ended(Ending.CHECKS_FAILED if failures else Ending.SUCCEEDED, facts, failures)


def failure_of(failure: CheckFailure, log: str) -> Failure:
    """Return the failure of a check as a failed step of a run."""
    reason = f"{failure.step}: {failure.dataset}: {failure.finding}"
    return Failure(failure.step, reason[:LONGEST], log, CHECK_FAILED, failure.dataset)


def _missing(s3: Any, bucket: str, batch_id: str, *, closed: bool) -> LedgerlakeError | None:
    try:
        require_finished(s3, bucket, batches.load(s3, bucket, batch_id))
    except LedgerlakeError as error:  # it is not published or not archived, or its manifest is lost
        return error
    if closed and batch_id in batches.open_batches(s3, bucket):
        return NotClosed(
            f"batch {batch_id} is published and archived, but was not closed",
            expected="the last step of its run to close it, and to delete its messages",
            remedy="ledgerlake run --wait resumes the batch, changes nothing in it, and closes it",
        )
    return None


def _of_checks(failed: Sequence[Failure], first: Sequence[CheckFailure], log: str) -> tuple[Failure, ...]:
    """Return the checks that failed, then those whose query failed."""
    logs = {each.step: each.log for each in failed}
    observed = tuple(failure_of(each, logs.get(each.step, log)) for each in first)
    return observed + tuple(each for each in failed if each.step not in {one.step for one in first})
