"""What people read about a run: pure functions from figures and failures to a subject and a body."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ledgerlake import places
from ledgerlake.ledger import FATES
from ledgerlake_airflow.failure import Failure

SUBJECT_LIMIT = 100  # SNS refuses longer ones, line breaks and anything but ASCII
_COUNTS = ("rows_read", "released", *FATES, "withdrawn")


@dataclass(frozen=True)
class Letter:
    """A message to the topic's subscribers; the subject is cut to what SNS accepts."""

    title: str
    body: str

    @property
    def subject(self) -> str:
        line = " ".join(f"Ledgerlake: {self.title}".split())
        return line.encode("ascii", "replace").decode()[:SUBJECT_LIMIT]


def figures_sql(batch_id: str) -> str:
    """The question to the ledger: one row per dataset of the batch, files and sums of rows."""
    sums = ", ".join(f"sum({name}) AS {name}" for name in _COUNTS)
    return (
        f"SELECT dataset, count(*) AS files, {sums} FROM ledger "
        f"WHERE batch_id = '{batch_id}' GROUP BY dataset ORDER BY dataset"
    )


def of_success(plan: Mapping[str, Any], figures: Sequence[Mapping[str, str | None]], problem: str, note: str) -> Letter:
    """The ledger's figures of a batch that was loaded, checked and acknowledged."""
    count = _deliveries(plan)
    lines = [f"Batch {plan['batch_id']}: {count} loaded, archived and checked.", ""]
    lines += [_figures_line(row) for row in figures]
    if problem:
        lines.append(f"(The ledger could not be read: {problem})")
    rejecting = [str(row["dataset"]) for row in figures if _number(row, "rejected")]
    if rejecting:
        lines += ["", *(f"Why rows were rejected: ledgerlake rejects {name}" for name in rejecting)]
    lines += ["", f"File by file: ledgerlake ledger {plan['batch_id']}", *_strays(plan), *_said(note)]
    return Letter(f"{count} loaded ({plan['batch_id']})", "\n".join(lines))


def of_failure(
    run_id: str, plan: Mapping[str, Any], failed: Sequence[Failure], again_in_seconds: int, note: str
) -> Letter:
    """Which task failed, on which dataset, why, where its log is, and the command that continues."""
    lines = [f"Run {run_id} of {places.LIVE_DAG} failed."]
    if plan.get("batch_id"):
        lines.append(f"Batch {plan['batch_id']}: {_deliveries(plan)}.")
    for failure in failed:
        lines += [
            "",
            f"Task:    {failure.task_id}",
            f"Dataset: {failure.dataset or _all(plan)}",
            f"Reason:  {failure.reason}",
            f"Log:     {failure.log}",
        ]
    lines += ["", *_how_to_go_on(plan, again_in_seconds), *_said(note)]
    first = failed[0]
    where = f"{first.task_id} of {first.dataset}" if first.dataset else first.task_id
    more = f" and {len(failed) - 1} more" if len(failed) > 1 else ""
    return Letter(f"FAILED in {where}{more}", "\n".join(lines))


def without_report(run_id: str, reason: str, log: str) -> Letter:
    """The run ended, and its report could not be made."""
    body = f"Run {run_id} of {places.LIVE_DAG} has ended, but its report failed: {reason}\nLog: {log}\n"
    return Letter("a run ended without its report", f"{body}\nWhat is open: ledgerlake status; ledgerlake ledger")


def _how_to_go_on(plan: Mapping[str, Any], seconds: int) -> list[str]:
    kept = "The batch stays open: the next run goes on with it" if plan.get("batch_id") else "The next run tries again"
    return [
        "To go on: mend the cause. No file is lost, and nothing is loaded twice.",
        f"{kept}, by itself, when the messages come back in {seconds} s.",
        "To see what happened:  ledgerlake logs",
        "To go on at once:      ledgerlake run --wait",
    ]


def _figures_line(row: Mapping[str, str | None]) -> str:
    fates = [f"{_number(row, name):,} {name}" for name in _COUNTS[1:] if _number(row, name)]
    files = _number(row, "files")
    what = f"{files:,} file{'' if files == 1 else 's'}, {_number(row, 'rows_read'):,} rows read"
    return f"{row['dataset']}: {what}{': ' if fates else ''}{', '.join(fates)}"


def _number(row: Mapping[str, str | None], name: str) -> int:
    return int(float(row.get(name) or 0))


def _deliveries(plan: Mapping[str, Any]) -> str:
    return "1 delivery" if plan["deliveries"] == 1 else f"{plan['deliveries']} deliveries"


def _all(plan: Mapping[str, Any]) -> str:
    return ", ".join(plan.get("datasets") or ()) or "none was planned"


def _strays(plan: Mapping[str, Any]) -> list[str]:
    return [f"Outside every dataset's folder, read by no job: {key}" for key in plan["strays"][:10]]


def _said(note: str) -> list[str]:
    return ["", f"Note on this run: {note}"] if note else []
