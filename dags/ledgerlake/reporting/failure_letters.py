"""What people read about a run that failed, or whose batch was set aside: what, where, and how to go on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ledgerlake.errors import LedgerlakeError
from ledgerlake.reporting.failures import Failure
from ledgerlake.reporting.letters import STEP_FUNCTIONS, Letter, RunFacts, checks_lines, end_lines, figures_lines, said


def of_failure(facts: RunFacts, failed: Sequence[Failure], again_in_seconds: int = 0) -> Letter:
    """Which task failed, on which dataset, why, where its log is, and the command that continues."""
    lines = [f"Run {facts.run_id} of {facts.workflow}{facts.days and f', for the deliveries{facts.days},'} failed."]
    if facts.batch_id:
        lines.append(f"Batch {facts.batch_id}: {facts.deliveries}.")
    lines += _failures(facts, failed)
    go_on = _live_goes_on(facts, again_in_seconds) if facts.live else _by_date_goes_on(facts)
    lines += [*checks_lines(facts), "", *go_on, *said(facts)]
    return Letter.of(f"FAILED in {_where(failed)}{facts.days}", lines, facts.batch_id)


def of_unfinished(facts: RunFacts, missing: LedgerlakeError, again_in_seconds: int = 0) -> Letter:
    """No step failed, but the batch is not done: a person marked a task or the run as successful."""
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
        *(_live_goes_on(facts, again_in_seconds) if facts.live else _by_date_goes_on(facts)),
        *said(facts),
    ]
    return Letter.of(f"NOT FINISHED {facts.batch_id}{facts.days}", lines, facts.batch_id)


def of_checks(
    facts: RunFacts,
    failed: Sequence[Failure],
    figures: Sequence[Mapping[str, str | None]],
    problem: str,
    cost: str = "",
) -> Letter:
    """A batch is done, and a check has failed for the first time, or was not answered."""
    lines = [f"Batch {facts.batch_id}: {facts.loaded} and archived, but not every check has passed."]
    lines += _failures(facts, failed)
    lines += ["", *figures_lines(facts, figures, problem), *checks_lines(facts), "", *_CHECKS_GO_ON]
    lines.append(f"To ask all checks again:      {facts.words.again}, for any day with deliveries")
    lines += [*end_lines(facts, cost), *said(facts)]
    return Letter.of(f"CHECK FAILED: {_where(failed)} ({facts.batch_id})", lines, facts.batch_id)


_CHECKS_GO_ON = (
    "The batch is closed, and nothing waits for this: newer deliveries are processed as ever.",
    "A check that has failed stays open, and is shown by `ledgerlake status` and in later notifications, until a run",
    "sees it pass; one that was not answered is asked again by the next run.",
    "What to do, check by check:   docs/trouble/a-check-failed.md",
)


def of_quarantine(facts: RunFacts, failed: Sequence[Failure]) -> Letter:
    """So many rows were rejected that a person has to look; what else failed is in it too."""
    lines = [f"Batch {facts.batch_id} ({facts.deliveries}{facts.days}) is in quarantine: too many rows were rejected."]
    lines += _failures(facts, failed)
    lines += [
        "",
        "Its files stay in raw/, no other batch takes them, and nothing waits for it.",
        "If the rows are as they should be, let the batch through; the next live run goes on with it:",
        f"  ledgerlake accept {facts.batch_id}",
        "If they are not, drop the batch: each of its files is rejected whole, with your reason, and archived:",
        f"  ledgerlake drop {facts.batch_id} --reason 'the wrong file'",
        "Right files are processed as soon as they are delivered, before or after that, under the same keys or others.",
        *said(facts),
    ]
    return Letter.of(f"QUARANTINED {facts.batch_id}: {_where(failed)}", lines, facts.batch_id)


def without_report(facts: RunFacts, reason: str, log: str) -> Letter:
    """The run ended, and its report could not be made."""
    lines = [
        f"Run {facts.run_id} of {facts.workflow} has ended, but its report failed: {reason}",
        f"Log: {log}",
        "",
        "What is open: ledgerlake status; ledgerlake ledger",
    ]
    return Letter.of("a run ended without its report", lines, facts.batch_id)


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


def _live_goes_on(facts: RunFacts, seconds: int) -> list[str]:
    kept = "The batch stays open: the next run goes on with it" if facts.batch_id else "The next run tries again"
    return [
        "To go on: mend the cause. No file is lost, and nothing is loaded twice.",
        f"{kept}, by itself, when the messages come back in {seconds} s.",
        f"To see what happened:  {facts.words.see}",
        f"To go on at once:      {facts.words.go_on}",
    ]


def _by_date_goes_on(facts: RunFacts) -> list[str]:
    if not facts.dates:
        return [f"Nothing was begun. To go on: start another run, with {facts.words.asked_by} that can be followed."]
    first, last = facts.dates
    kept = [f"The batch stays open: the next run of {facts.words.live} goes on with it."] if facts.batch_id else []
    return [
        "To go on: mend the cause. No file is lost, and nothing is loaded twice.",
        *kept,
        f"To go on at once:      {facts.words.resume}",
        f"Or process it anew:    ledgerlake backfill --from {first} --to {last}",
    ]


def of_dead_execution(execution: str, status: str, since: str) -> Letter:
    """An execution ended without a report, and without giving the lake back.

    Args:
        status: as Step Functions says; empty when it does not know the execution.
        since: when it took the lease.
    """
    became = f"ended as {status}" if status else "is not known to Step Functions (any more)"
    lines = [
        f"Execution {execution} of {STEP_FUNCTIONS.live} {became} without a report, and held the lake since {since}.",
        "The lake is free again. No file is lost, and nothing is loaded twice: if its batch is open, the next",
        "execution goes on with it by itself.",
        "",
        f"To see what happened:  {STEP_FUNCTIONS.see}",
        f"To go on at once:      {STEP_FUNCTIONS.go_on}",
    ]
    return Letter.of(f"execution {execution} {became}", lines)
