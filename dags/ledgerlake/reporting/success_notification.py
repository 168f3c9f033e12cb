"""Notifications of a run that succeeded, and of files that no job reads.

Failures are in `failure_notification`. Both orchestrators publish the same notifications, except for what their
`Wording` holds: names, places of logs, and the commands that resume a run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ledgerlake.display import display_text
from ledgerlake.planning.unread import Unread
from ledgerlake.reporting.drift import absent_lines, rejected_lines
from ledgerlake.reporting.notification import NAMED, Notification
from ledgerlake.reporting.run_facts import RunFacts
from ledgerlake.tables.ledger import COUNTS


def figures_sql(batch_id: str) -> str:
    """Return the query that counts the files and rows of a batch in the ledger, one row a dataset."""
    sums = ", ".join(f"sum({name}) AS {name}" for name in COUNTS)
    return (
        f"SELECT dataset, count(*) AS files, {sums} FROM ledger "
        f"WHERE batch_id = '{batch_id}' GROUP BY dataset ORDER BY dataset"
    )


def success_notification(
    facts: RunFacts, figures: Sequence[Mapping[str, str | None]], problem: str, cost: str = ""
) -> Notification:
    """Report the ledger's figures of a batch that was loaded, checked and acknowledged.

    Args:
        problem: why the figures are missing; empty when they are there.
        cost: the line of `run_records`.
    """
    checked = "checked; some checks still fail" if facts.checks.still else "checked"
    lines = [f"Batch {facts.batch_id}: {facts.loaded}, archived and {checked}.", ""]
    lines += figures_lines(facts, figures, problem)
    lines += checks_lines(facts)
    lines += [*end_lines(facts, cost), *note_lines(facts)]
    return Notification.of(f"{facts.loaded} ({facts.batch_id})", lines, facts.batch_id)


def figures_lines(facts: RunFacts, figures: Sequence[Mapping[str, str | None]], problem: str) -> list[str]:
    """Return what became of the rows, and what the producer should know."""
    lines = [_figures_line(row) for row in figures]
    if problem:
        lines.append(f"(The ledger could not be read: {problem})")
    rejecting = [str(row["dataset"]) for row in figures if _number(row, "rejected")]
    if rejecting:
        lines += ["", *(f"Why rows were rejected: ledgerlake rejects {name}" for name in rejecting)]
    return lines + _producer_lines(facts)


def checks_lines(facts: RunFacts) -> list[str]:
    """Return the checks that fail since an earlier run, and those that pass again in this run."""
    lines = [f"Check {each.passes_again}." for each in facts.checks.closed]
    lines += [f"Check {each.still_open}" for each in facts.checks.still[:NAMED]]
    if len(facts.checks.still) > NAMED:
        lines.append(f"… and {len(facts.checks.still) - NAMED} more: ledgerlake status")
    return ["", *lines] if lines else []


def end_lines(facts: RunFacts, cost: str) -> list[str]:
    """Return the command that shows details, and the cost of the run."""
    return ["", f"File by file: ledgerlake ledger {facts.batch_id}", *([cost] if cost else [])]


def stray_files_notification(unread: Unread) -> Notification:
    """Name the files that no job reads, when there is nothing else to report."""
    count = len(unread.strays)
    lines = [
        *unread.lines(),
        "",
        "They stay where they are, and no later notification names them. Deliver them again into the right folder,",
        "and delete them where they are. What waits: ledgerlake status",
    ]
    return Notification.of(f"{count:,} file{'' if count == 1 else 's'} in raw/ that no job reads", lines)


def _figures_line(row: Mapping[str, str | None]) -> str:
    fates = [f"{_number(row, name):,} {name}" for name in COUNTS[3:] if _number(row, name)]
    if whole := _number(row, "files_rejected"):
        count = f"{whole:,} file{'' if whole == 1 else 's'} rejected whole"
        fates.append(f"{count} ({_number(row, 'lines_rejected'):,} lines of text)")
    files = _number(row, "files")
    counted = f"{files:,} file{'' if files == 1 else 's'}, {_number(row, 'rows_read'):,} rows read"
    return f"{row['dataset']}: {counted}{': ' if fates else ''}{', '.join(fates)}"


def _number(row: Mapping[str, str | None], name: str) -> int:
    return int(float(row.get(name) or 0))


def _producer_lines(facts: RunFacts) -> list[str]:
    """Return what the producer should know."""
    lines = rejected_lines(facts.rejected) + absent_lines(facts.absent)
    lines += [_unknown(name, keys) for name, keys in facts.unknown.items()]
    lines += [
        f"{name}: {number:,} blank {'row' if number == 1 else 'rows'} skipped in {_files(keys)}"
        for name, keys in facts.blank_rows.items()
        for number in [sum(keys.values())]
    ]
    lines += [f"Deleted before it was read; nothing of it is loaded: {key}" for key in facts.missing[:NAMED]]
    if facts.missing_count > NAMED:
        lines.append(f"… and {facts.missing_count - NAMED:,} more")
    lines += facts.unread.lines()
    return ["", *lines] if lines else []


def _unknown(dataset: str, keys: Mapping[str, Sequence[str]]) -> str:
    columns = sorted({column for names in keys.values() for column in names})
    named = ", ".join(map(display_text, columns[:NAMED]))
    more = f", and {len(columns) - NAMED:,} more" if len(columns) > NAMED else ""
    return f"{dataset}: columns that its contract does not have were left out: {named}{more} ({_files(keys)})"


def _files(keys: Mapping[str, object]) -> str:
    first = min(keys)
    return f"{len(keys):,} files, {first} first" if len(keys) > 1 else first


def note_lines(facts: RunFacts) -> list[str]:
    """Return the note of the person who started the run, as the last lines."""
    return ["", f"Note on this run: {facts.note}"] if facts.note else []
