"""Notifications of a failed run or a quarantined batch: the failure, its place, and the next step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ledgerlake.errors import LedgerlakeError
from ledgerlake.reporting.failures import Failure
from ledgerlake.reporting.notification import Notification
from ledgerlake.reporting.run_facts import STEP_FUNCTIONS, RunFacts
from ledgerlake.reporting.success_notification import checks_lines, end_lines, figures_lines, note_lines


def failure_notification(facts: RunFacts, failed: Sequence[Failure], retry_in_seconds: int = 0) -> Notification:
    """Name each failed task, its dataset, reason and log, and the command that resumes the run."""
    lines = [f"Run {facts.run_id} of {facts.workflow}{facts.days and f', for the deliveries{facts.days},'} failed."]
    if facts.batch_id:
        lines.append(f"Batch {facts.batch_id}: {facts.deliveries}.")
    lines += _failures(facts, failed)
    lines += [*checks_lines(facts), "", *_next_steps(facts, retry_in_seconds), *note_lines(facts)]
    return Notification.of(f"FAILED in {_where(failed)}{facts.days}", lines, facts.batch_id)


def unfinished_notification(facts: RunFacts, missing: LedgerlakeError, retry_in_seconds: int = 0) -> Notification:
    """Report a batch that is not finished although no step failed: somebody marked a task or the run as successful."""
    lines = [
        f"Run {facts.run_id} of {facts.workflow}{facts.days and f', for the deliveries{facts.days},'} ended without a "
        "failed step, but its batch is not finished.",
        f"Batch {facts.batch_id}: {facts.deliveries}.",
        "",
        f"Found:    {missing.seen}",
        f"Expected: {missing.expected}",
        f"Resume:   {missing.remedy}",
        *checks_lines(facts),
        "",
        *_next_steps(facts, retry_in_seconds),
        *note_lines(facts),
    ]
    return Notification.of(f"NOT FINISHED {facts.batch_id}{facts.days}", lines, facts.batch_id)


def checks_notification(
    facts: RunFacts,
    failed: Sequence[Failure],
    figures: Sequence[Mapping[str, str | None]],
    problem: str,
    cost: str = "",
) -> Notification:
    """Report a finished batch with a check that failed for the first time, or whose query failed."""
    lines = [f"Batch {facts.batch_id}: {facts.loaded} and archived, but not every check has passed."]
    lines += _failures(facts, failed)
    lines += ["", *figures_lines(facts, figures, problem), *checks_lines(facts), "", *_CHECKS_NEXT_STEPS]
    lines.append(f"To run all checks again:      {facts.wording.reprocess}, for any day with deliveries")
    lines += [*end_lines(facts, cost), *note_lines(facts)]
    return Notification.of(f"CHECK FAILED: {_where(failed)} ({facts.batch_id})", lines, facts.batch_id)


_CHECKS_NEXT_STEPS = (
    "The batch is closed, and nothing waits for this: newer deliveries are processed as usual.",
    "A failed check stays open until it passes in a later run. Until then `ledgerlake status` and later notifications",
    "show it. A check whose query failed runs again in the next run.",
    "What to do, check by check:   docs/trouble/a-check-failed.md",
)


def quarantine_notification(facts: RunFacts, failed: Sequence[Failure]) -> Notification:
    """Report a batch that needs manual review because too many rows were rejected, and what else failed."""
    lines = [f"Batch {facts.batch_id} ({facts.deliveries}{facts.days}) is in quarantine: too many rows were rejected."]
    lines += _failures(facts, failed)
    lines += [
        "",
        "Its files stay in raw/, no other batch takes them, and nothing waits for it.",
        "If the rows are right, accept the batch; the next live run resumes it:",
        f"  ledgerlake accept {facts.batch_id}",
        "If they are wrong, drop the batch: each of its files is rejected whole, with your reason, and archived:",
        f"  ledgerlake drop {facts.batch_id} --reason 'the wrong file'",
        "Corrected files are processed when they are delivered, before or after that, under the same or other keys.",
        *note_lines(facts),
    ]
    return Notification.of(f"QUARANTINED {facts.batch_id}: {_where(failed)}", lines, facts.batch_id)


def missing_report_notification(facts: RunFacts, reason: str, log: str) -> Notification:
    """Report a run that ended, and whose report failed."""
    lines = [
        f"Run {facts.run_id} of {facts.workflow} has ended, but its report failed: {reason}",
        f"Log: {log}",
        "",
        "Open batches: ledgerlake status; ledgerlake ledger",
    ]
    return Notification.of("a run ended without its report", lines, facts.batch_id)


def _failures(facts: RunFacts, failed: Sequence[Failure]) -> list[str]:
    lines = []
    for failure in failed:
        lines += [
            "",
            f"Task:    {failure.step}",
            f"Dataset: {failure.dataset or ', '.join(facts.plan.get('datasets') or ()) or 'none was planned'}",
            f"Reason:  {failure.reason}",
            f"Log:     {failure.log}",
        ]
    return lines


def _where(failed: Sequence[Failure]) -> str:
    first = failed[0]
    where = f"{first.step} of {first.dataset}" if first.dataset else first.step
    return where + (f" and {len(failed) - 1} more" if len(failed) > 1 else "")


def _next_steps(facts: RunFacts, retry_in_seconds: int) -> list[str]:
    return _live_next_steps(facts, retry_in_seconds) if facts.live else _by_date_next_steps(facts)


def _live_next_steps(facts: RunFacts, seconds: int) -> list[str]:
    retry = "The batch stays open: the next run resumes it" if facts.batch_id else "The next run tries again"
    return [
        "Next step: fix the cause. No file is lost, and nothing is loaded twice.",
        f"{retry} automatically, when the messages reappear in {seconds} s.",
        f"To see what happened:  {facts.wording.logs}",
        f"To resume at once:     {facts.wording.run}",
    ]


def _by_date_next_steps(facts: RunFacts) -> list[str]:
    if not facts.dates:
        return [f"Nothing was started. Next step: start another run, with {facts.wording.request} that is valid."]
    first, last = facts.dates
    retry = [f"The batch stays open: the next run of {facts.wording.live} resumes it."] if facts.batch_id else []
    return [
        "Next step: fix the cause. No file is lost, and nothing is loaded twice.",
        *retry,
        f"To resume at once:     {facts.wording.resume}",
        f"Or process it again:   ledgerlake backfill --from {first} --to {last}",
    ]


def dead_execution_notification(execution: str, status: str, since: str) -> Notification:
    """Report an execution that ended without a report and without releasing the lease.

    Args:
        status: the status in Step Functions; empty when no such execution is found.
        since: when the execution acquired the lease.
    """
    end = f"ended as {status}" if status else "is not known to Step Functions (any more)"
    lines = [
        f"Execution {execution} of {STEP_FUNCTIONS.live} {end} without a report. It had held the lease since {since}.",
        "The lease is free again. No file is lost, and nothing is loaded twice: if its batch is open, the next",
        "execution resumes it automatically.",
        "",
        f"To see what happened:  {STEP_FUNCTIONS.logs}",
        f"To resume at once:     {STEP_FUNCTIONS.run}",
    ]
    return Notification.of(f"execution {execution} {end}", lines)
