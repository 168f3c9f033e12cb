"""What people read about a run: pure functions from figures and failures to a subject and a body."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ledgerlake import places
from ledgerlake.ledger import COUNTS
from ledgerlake_airflow.failure import Failure

SUBJECT_LIMIT = 100  # SNS refuses longer ones, line breaks and anything but ASCII
_NAMED = 10  # keys of a kind in one letter


@dataclass(frozen=True)
class Letter:
    """A message to the topic's subscribers; the subject is cut to what SNS accepts."""

    title: str
    body: str

    @property
    def subject(self) -> str:
        line = " ".join(f"Ledgerlake: {self.title}".split())
        return line.encode("ascii", "replace").decode()[:SUBJECT_LIMIT]


@dataclass(frozen=True)
class RunFacts:
    """What is known about a run beside its figures and failures.

    Args:
        plan: what its plan returned; empty when it failed.
        dates: the first and the last date of a run by date; empty for a live run.
        missing: raw keys that were deleted between the plan and their turn.
        unknown: by dataset and raw key, columns that the contract does not have.
        note: what the person wrote who started it.
    """

    dag_id: str
    run_id: str
    plan: Mapping[str, Any] = field(default_factory=dict)
    dates: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    unknown: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)
    note: str = ""

    @property
    def batch_id(self) -> str:
        return self.plan.get("batch_id") or ""

    @property
    def deliveries(self) -> str:
        return "1 delivery" if self.plan["deliveries"] == 1 else f"{self.plan['deliveries']} deliveries"

    @property
    def days(self) -> str:
        """`of 2025-04-01`, `of 2025-04-01 to 2025-04-15`; nothing for a live run."""
        return f" of {' to '.join(sorted(set(self.dates)))}" if self.dates else ""


def figures_sql(batch_id: str) -> str:
    """The question to the ledger: one row per dataset of the batch, files and sums of rows."""
    sums = ", ".join(f"sum({name}) AS {name}" for name in COUNTS)
    return (
        f"SELECT dataset, count(*) AS files, {sums} FROM ledger "
        f"WHERE batch_id = '{batch_id}' GROUP BY dataset ORDER BY dataset"
    )


def of_success(facts: RunFacts, figures: Sequence[Mapping[str, str | None]], problem: str) -> Letter:
    """The ledger's figures of a batch that was loaded, checked and acknowledged."""
    count = f"{facts.deliveries}{facts.days}"
    lines = [f"Batch {facts.batch_id}: {count} loaded, archived and checked.", ""]
    lines += [_figures_line(row) for row in figures]
    if problem:
        lines.append(f"(The ledger could not be read: {problem})")
    rejecting = [str(row["dataset"]) for row in figures if _number(row, "rejected")]
    if rejecting:
        lines += ["", *(f"Why rows were rejected: ledgerlake rejects {name}" for name in rejecting)]
    lines += _oddities(facts)
    lines += ["", f"File by file: ledgerlake ledger {facts.batch_id}", *_said(facts)]
    return Letter(f"{count} loaded ({facts.batch_id})", "\n".join(lines))


def of_failure(facts: RunFacts, failed: Sequence[Failure], again_in_seconds: int = 0) -> Letter:
    """Which task failed, on which dataset, why, where its log is, and the command that continues."""
    lines = [f"Run {facts.run_id} of {facts.dag_id}{facts.days and f', for the deliveries{facts.days},'} failed."]
    if facts.batch_id:
        lines.append(f"Batch {facts.batch_id}: {facts.deliveries}.")
    lines += _failures(facts, failed)
    go_on = _live_goes_on(facts, again_in_seconds) if facts.dag_id == places.LIVE_DAG else _by_date_goes_on(facts)
    lines += ["", *go_on, *_said(facts)]
    return Letter(f"FAILED in {_where(failed)}{facts.days}", "\n".join(lines))


def of_quarantine(facts: RunFacts, failed: Sequence[Failure]) -> Letter:
    """So many rows were rejected that a person has to look; what else failed is in it too."""
    lines = [f"Batch {facts.batch_id} ({facts.deliveries}{facts.days}) is in quarantine: too many rows were rejected."]
    lines += _failures(facts, failed)
    lines += [
        "",
        "Its files stay in raw/, no other batch takes them, and nothing waits for it.",
        "If the rows are as they should be, let the batch through; the next live run goes on with it:",
        f"  ledgerlake accept {facts.batch_id}",
        "If they are not, have them delivered again under the same keys or others, and delete the files in raw/.",
        *_said(facts),
    ]
    return Letter(f"QUARANTINED {facts.batch_id}: {_where(failed)}", "\n".join(lines))


def without_report(facts: RunFacts, reason: str, log: str) -> Letter:
    """The run ended, and its report could not be made."""
    body = f"Run {facts.run_id} of {facts.dag_id} has ended, but its report failed: {reason}\nLog: {log}\n"
    return Letter("a run ended without its report", f"{body}\nWhat is open: ledgerlake status; ledgerlake ledger")


def _failures(facts: RunFacts, failed: Sequence[Failure]) -> list[str]:
    lines = []
    for failure in failed:
        lines += [
            "",
            f"Task:    {failure.task_id}",
            f"Dataset: {failure.dataset or ', '.join(facts.plan.get('datasets') or ()) or 'none was planned'}",
            f"Reason:  {failure.reason}",
            f"Log:     {failure.log}",
        ]
    return lines


def _where(failed: Sequence[Failure]) -> str:
    first = failed[0]
    where = f"{first.task_id} of {first.dataset}" if first.dataset else first.task_id
    return where + (f" and {len(failed) - 1} more" if len(failed) > 1 else "")


def _live_goes_on(facts: RunFacts, seconds: int) -> list[str]:
    kept = "The batch stays open: the next run goes on with it" if facts.batch_id else "The next run tries again"
    return [
        "To go on: mend the cause. No file is lost, and nothing is loaded twice.",
        f"{kept}, by itself, when the messages come back in {seconds} s.",
        "To see what happened:  ledgerlake logs",
        "To go on at once:      ledgerlake run --wait",
    ]


def _by_date_goes_on(facts: RunFacts) -> list[str]:
    if not facts.dates:
        return ["Nothing was begun. To go on: start another run, with a form that can be followed."]
    first, last = facts.dates
    kept = [f"The batch stays open: the next run of {places.LIVE_DAG} goes on with it."] if facts.batch_id else []
    return [
        "To go on: mend the cause. No file is lost, and nothing is loaded twice.",
        *kept,
        "To go on at once:      clear the failed task in Airflow, with those after it",
        f"Or process it anew:    ledgerlake backfill --from {first} --to {last}",
    ]


def _figures_line(row: Mapping[str, str | None]) -> str:
    fates = [f"{_number(row, name):,} {name}" for name in COUNTS[1:] if _number(row, name)]
    files = _number(row, "files")
    what = f"{files:,} file{'' if files == 1 else 's'}, {_number(row, 'rows_read'):,} rows read"
    return f"{row['dataset']}: {what}{': ' if fates else ''}{', '.join(fates)}"


def _number(row: Mapping[str, str | None], name: str) -> int:
    return int(float(row.get(name) or 0))


def _oddities(facts: RunFacts) -> list[str]:
    """What a person may want to tell the producer."""
    lines = [
        f"{name}: columns that its contract does not have were left out: {', '.join(columns)} ({_files(keys)})"
        for name, keys in facts.unknown.items()
        for columns in [sorted({column for found in keys.values() for column in found})]
    ]
    lines += [f"Deleted before it was read, nothing of it is loaded: {key}" for key in facts.missing[:_NAMED]]
    if len(facts.missing) > _NAMED:
        lines.append(f"… and {len(facts.missing) - _NAMED} more")
    why = "Outside every dataset's folder, or its name too long, read by no job"
    lines += [f"{why}: {key}" for key in facts.plan["strays"][:_NAMED]]
    return ["", *lines] if lines else []


def _files(keys: Mapping[str, Sequence[str]]) -> str:
    first = min(keys)
    return f"{len(keys)} files, {first} first" if len(keys) > 1 else first


def _said(facts: RunFacts) -> list[str]:
    return ["", f"Note on this run: {facts.note}"] if facts.note else []
