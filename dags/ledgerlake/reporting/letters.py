"""What people read about a run that went well: pure functions from figures to a subject and a body.

Those about failures are in `failure_letters`. Both orchestrators send the same letters, apart from what their
`Words` say: names, places of logs, and the commands with which a run goes on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ledgerlake import names
from ledgerlake.display import display_text
from ledgerlake.planning.unread import NONE_UNREAD, Unread
from ledgerlake.reporting.check_failures import Observed
from ledgerlake.reporting.drift import absent_lines, loaded, rejected_lines
from ledgerlake.reporting.message_size import fit
from ledgerlake.tables.ledger import COUNTS

SUBJECT_LIMIT = 100  # SNS refuses longer ones, line breaks and anything but ASCII
NAMED = 10
"""So many keys of a kind does a notification name; the others are counted."""


@dataclass(frozen=True)
class Letter:
    """A message to the topic's subscribers; the subject is cut to what SNS accepts."""

    title: str
    body: str

    @classmethod
    def of(cls, title: str, lines: Iterable[str], batch_id: str = "") -> Letter:
        """Return the message of these lines; no key or value in them makes further ones, or makes it too large.

        Args:
            batch_id: whose ledger shows what does not fit.
        """
        next_step = f"ledgerlake ledger {batch_id}" if batch_id else "ledgerlake status"
        return cls(title, fit(_subject(title), [display_text(line, None) for line in lines], next_step))

    @property
    def subject(self) -> str:
        return _subject(self.title)


def _subject(title: str) -> str:
    line = display_text(" ".join(f"Ledgerlake: {title}".split()), None)
    return line.encode("ascii", "replace").decode()[:SUBJECT_LIMIT]


@dataclass(frozen=True)
class Words:
    """What an orchestrator's letters say differently from the other's.

    Args:
        live: what is run for live deliveries, and goes on with batches that were left open.
        asked_by: what a person gives a run by date.
        see: the command that shows what happened.
        go_on: the command that starts a live run.
        resume: how a failed run by date goes on.
        again: the command that processes the deliveries of a day again.
    """

    live: str
    asked_by: str
    see: str
    go_on: str
    resume: str
    again: str


AIRFLOW = Words(
    live=names.LIVE_DAG,
    asked_by="a form",
    see="ledgerlake logs",
    go_on="ledgerlake run --wait",
    resume="clear the failed task in Airflow, with those after it",
    again="ledgerlake backfill --from DAY --to DAY",
)
STEP_FUNCTIONS = Words(
    live=names.STATE_MACHINE,
    asked_by="an input",
    see="ledgerlake executions",
    go_on="ledgerlake run --orchestrator step_functions",
    resume="ledgerlake run --orchestrator step_functions",
    again="ledgerlake run --orchestrator step_functions --from DAY --to DAY",
)


@dataclass(frozen=True)
class RunFacts:
    """What is known about a run beside its figures and failures.

    Args:
        workflow: the DAG, or the state machine.
        live: whether it is for live deliveries, not for dates.
        plan: what its plan returned; empty when it failed.
        dates: the first and the last date of a run by date; empty for a live run.
        missing: raw keys that were deleted between the plan and their turn, the first ten.
        missing_count: how many were.
        unknown: by dataset and raw key, columns that the contract does not have.
        blank_rows: by dataset and raw key, rows without any value, which were skipped.
        absent: by dataset, raw key and optional column that the file does not have, rows that lost a value by that.
        rejected: by raw key, why the file was rejected whole.
        unread: objects in `raw/` that no job reads, and of which people have not been notified.
        note: what the person wrote who started it.
        checks: failures of checks, as the run has seen them.
        dropped: why a person dropped the batch; empty when nobody did.
    """

    workflow: str
    run_id: str
    live: bool = True
    plan: Mapping[str, Any] = field(default_factory=dict)
    dates: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    missing_count: int = 0
    unknown: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)
    blank_rows: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    absent: Mapping[str, Mapping[str, Mapping[str, int]]] = field(default_factory=dict)
    rejected: Mapping[str, str] = field(default_factory=dict)
    unread: Unread = NONE_UNREAD
    note: str = ""
    checks: Observed = field(default_factory=Observed)
    dropped: str = ""
    words: Words = AIRFLOW

    @property
    def batch_id(self) -> str:
        return self.plan.get("batch_id") or ""

    @property
    def deliveries(self) -> str:
        return "1 delivery" if self.plan["deliveries"] == 1 else f"{self.plan['deliveries']} deliveries"

    @property
    def loaded(self) -> str:
        """What became of the deliveries of a batch that is done: `31 deliveries of 2025-04-01 loaded`."""
        if self.dropped:
            return f"{self.deliveries}{self.days} dropped ({self.dropped})"
        return loaded(self.plan["deliveries"], len(self.rejected), self.days)

    @property
    def days(self) -> str:
        """`of 2025-04-01`, `of 2025-04-01 to 2025-04-15`; nothing for a live run."""
        return f" of {' to '.join(sorted(set(self.dates)))}" if self.dates else ""


def missing_files(archived: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what `RunFacts` takes of deleted files.

    Args:
        archived: the answer of ArchiveETLFiles.
    """
    answer = archived or {}
    keys = answer.get("missing") or ()
    return {"missing": tuple(keys[:NAMED]), "missing_count": answer.get("missing_count", len(keys))}


def figures_sql(batch_id: str) -> str:
    """The question to the ledger: one row per dataset of the batch, files and sums of rows."""
    sums = ", ".join(f"sum({name}) AS {name}" for name in COUNTS)
    return (
        f"SELECT dataset, count(*) AS files, {sums} FROM ledger "
        f"WHERE batch_id = '{batch_id}' GROUP BY dataset ORDER BY dataset"
    )


def of_success(facts: RunFacts, figures: Sequence[Mapping[str, str | None]], problem: str, cost: str = "") -> Letter:
    """The ledger's figures of a batch that was loaded, checked and acknowledged.

    Args:
        problem: why there are no figures.
        cost: the line of `run_records`.
    """
    checked = "checked; some checks still fail" if facts.checks.still else "checked"
    lines = [f"Batch {facts.batch_id}: {facts.loaded}, archived and {checked}.", ""]
    lines += figures_lines(facts, figures, problem)
    lines += checks_lines(facts)
    lines += [*end_lines(facts, cost), *said(facts)]
    return Letter.of(f"{facts.loaded} ({facts.batch_id})", lines, facts.batch_id)


def figures_lines(facts: RunFacts, figures: Sequence[Mapping[str, str | None]], problem: str) -> list[str]:
    """What became of the rows, and what a person may want to tell the producer."""
    lines = [_figures_line(row) for row in figures]
    if problem:
        lines.append(f"(The ledger could not be read: {problem})")
    rejecting = [str(row["dataset"]) for row in figures if _number(row, "rejected")]
    if rejecting:
        lines += ["", *(f"Why rows were rejected: ledgerlake rejects {name}" for name in rejecting)]
    return lines + _oddities(facts)


def checks_lines(facts: RunFacts) -> list[str]:
    """Failures of checks that are open since an earlier run, and those that this run has seen to pass again."""
    lines = [f"Check {each.passes_again}." for each in facts.checks.closed]
    lines += [f"Check {each.still_open}" for each in facts.checks.still[:NAMED]]
    if len(facts.checks.still) > NAMED:
        lines.append(f"… and {len(facts.checks.still) - NAMED} more: ledgerlake status")
    return ["", *lines] if lines else []


def end_lines(facts: RunFacts, cost: str) -> list[str]:
    """Where to read on, and what the run cost."""
    return ["", f"File by file: ledgerlake ledger {facts.batch_id}", *([cost] if cost else [])]


def of_strays(unread: Unread) -> Letter:
    """Say which files no job reads, when nothing else is to be said."""
    count = len(unread.strays)
    lines = [
        *unread.lines(),
        "",
        "They stay where they are, and this is said once. Deliver them again into the folder that was meant, and",
        "delete them where they are. What waits: ledgerlake status",
    ]
    return Letter.of(f"{count:,} file{'' if count == 1 else 's'} in raw/ that no job reads", lines)


def _figures_line(row: Mapping[str, str | None]) -> str:
    fates = [f"{_number(row, name):,} {name}" for name in COUNTS[3:] if _number(row, name)]
    if whole := _number(row, "files_rejected"):
        count = f"{whole:,} file{'' if whole == 1 else 's'} rejected whole"
        fates.append(f"{count} ({_number(row, 'lines_rejected'):,} lines of text)")
    files = _number(row, "files")
    what = f"{files:,} file{'' if files == 1 else 's'}, {_number(row, 'rows_read'):,} rows read"
    return f"{row['dataset']}: {what}{': ' if fates else ''}{', '.join(fates)}"


def _number(row: Mapping[str, str | None], name: str) -> int:
    return int(float(row.get(name) or 0))


def _oddities(facts: RunFacts) -> list[str]:
    """What a person may want to tell the producer."""
    lines = rejected_lines(facts.rejected) + absent_lines(facts.absent)
    lines += [_unknown(name, keys) for name, keys in facts.unknown.items()]
    lines += [
        f"{name}: {number:,} blank {'row' if number == 1 else 'rows'} skipped in {_files(keys)}"
        for name, keys in facts.blank_rows.items()
        for number in [sum(keys.values())]
    ]
    lines += [f"Deleted before it was read, nothing of it is loaded: {key}" for key in facts.missing[:NAMED]]
    if facts.missing_count > NAMED:
        lines.append(f"… and {facts.missing_count - NAMED:,} more")
    lines += facts.unread.lines()
    return ["", *lines] if lines else []


def _unknown(dataset: str, keys: Mapping[str, Sequence[str]]) -> str:
    columns = sorted({column for found in keys.values() for column in found})
    named = ", ".join(map(display_text, columns[:NAMED]))
    more = f", and {len(columns) - NAMED:,} more" if len(columns) > NAMED else ""
    return f"{dataset}: columns that its contract does not have were left out: {named}{more} ({_files(keys)})"


def _files(keys: Mapping[str, object]) -> str:
    first = min(keys)
    return f"{len(keys):,} files, {first} first" if len(keys) > 1 else first


def said(facts: RunFacts) -> list[str]:
    """The note of the person who started the run, as the last lines."""
    return ["", f"Note on this run: {facts.note}"] if facts.note else []
