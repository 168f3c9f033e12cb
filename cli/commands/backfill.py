"""`backfill`: have the deliveries of past days processed again, by Airflow."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any

import typer

from cli.clients import connection
from cli.clients.airflow import Airflow, Backfill
from cli.clients.airflow_transport import Refused
from cli.clients.connection import Connection
from cli.commands.delivery import TimeoutOption
from cli.console import stderr, stdout
from cli.failures import Failed, LakeUnavailable, UsageError
from cli.rows import Rows
from cli.views.backfilling import Outcome, failures_of, figures, follow
from cli.views.showing import Format, FormatOption, show
from cli.views.waiting import airflow_at
from ledgerlake import keys, names
from ledgerlake.contracts import DATASETS
from ledgerlake.errors import SelectionError
from ledgerlake.intake.raw_keys import named_date
from ledgerlake.planning import by_date

_DAY = ["%Y-%m-%d"]
_LOOK_SECONDS, _PATIENCE_SECONDS = 5, 60
"""Until Airflow has seen that a backfill is over, which it looks for every half minute."""
_CANCEL = "ledgerlake backfill --cancel"
_FOUND = ("date", "dataset", "delivery", "where", "landed_at", "bytes")


@dataclass(frozen=True)
class Days:
    """What is to be processed again: both days included, and all datasets if none is named."""

    first: date
    last: date
    datasets: tuple[str, ...] = ()

    @property
    def each(self) -> list[date]:
        """Return every day of the range."""
        return [self.first + timedelta(days=number) for number in range((self.last - self.first).days + 1)]

    def __str__(self) -> str:
        return f"{self.first}" if self.first == self.last else f"{self.first} to {self.last}"


def backfill(
    ctx: typer.Context,
    first: Annotated[
        datetime | None, typer.Option("--from", formats=_DAY, metavar="DATE", help="The first day.")
    ] = None,
    last: Annotated[
        datetime | None, typer.Option("--to", formats=_DAY, metavar="DATE", help="The last day, included.")
    ] = None,
    dataset: Annotated[
        list[str] | None, typer.Option("--dataset", metavar="NAME", help="Only this one; may be repeated.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what each day would process.")] = False,
    max_active: Annotated[int, typer.Option("--max-active", min=1, max=16, help="Days at a time.")] = 4,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Return as soon as it has begun.")] = False,
    unpause: Annotated[bool, typer.Option("--unpause", help="Unpause the DAG first.")] = False,
    cancel: Annotated[bool, typer.Option("--cancel", help="Cancel the backfill that is going on.")] = False,
    timeout: TimeoutOption = 7200,
    style: FormatOption = Format.TABLE,
) -> None:
    """Process the deliveries of past days again, with the contracts and the code of today.

    A delivery's day is the date in its name, else the UTC day on which it landed. Safe at any time and
    any number of times: a row that comes out as it is stays untouched, and newer rows are never replaced.

    Example: ledgerlake backfill --from 2025-04-01 --to 2025-04-15

    Example: ledgerlake backfill --from 2025-04-01 --to 2025-04-03 --dataset orders --dry-run
    """
    if cancel:
        _cancel(connection.of(ctx))
        return
    days = chosen(first, last, dataset or ())
    lake = connection.of(ctx)
    if dry_run:
        show(would_process(lake, days), style, title=f"A backfill of {days} would process")
        return
    airflow = airflow_at(lake)
    begun = start(airflow, days, max_active, unpause=unpause)
    many = f"{len(days.each)} days, {max_active} at a time" if len(days.each) > 1 else "1 day"
    stderr.print(f"Backfill {begun.backfill_id} of {days} has begun: {many}.")
    if no_wait:
        stderr.print(f"To see it: ledgerlake wait. To stop it: {_CANCEL}")
        return
    _show(lake, airflow, follow_to_the_end(lake, airflow, days, begun, timeout), style)


def chosen(first: datetime | None, last: datetime | None, datasets: Sequence[str]) -> Days:
    """Return the days that the options name.

    Raises:
        UsageError: a date is missing, they are the wrong way round, or a day is not over yet; or there
            is no such dataset.
    """
    if first is None or last is None:
        raise UsageError(
            "the days are missing",
            expected="--from and --to",
            remedy="ledgerlake backfill --from 2025-04-01 --to 2025-04-15",
        )
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    if last.date() > yesterday >= first.date() or first.date() > yesterday:
        raise UsageError(
            f"{last.date()} is not over yet",
            expected=f"days up to yesterday, {yesterday} (UTC): a day's run begins when the day is over",
            remedy="what is delivered today is processed as it comes; ledgerlake wait",
        )
    days = Days(first.date(), last.date(), tuple(dict.fromkeys(datasets)))
    try:
        _selection(days)
    except SelectionError as error:
        raise UsageError(error.seen, expected=error.expected) from error
    return days


def _selection(days: Days, *, waiting: bool = True, archived: bool = True) -> by_date.Selection:
    return by_date.Selection(days.first, days.last, days.datasets, waiting=waiting, archived=archived)


def would_process(lake: Connection, days: Days) -> Rows:
    """Return the deliveries of each day, as S3 alone shows them; a day without any has one row that says so."""
    rows: list[list[Any]] = []
    for where, selection in (
        ("raw", _selection(days, archived=False)),
        ("archived", _selection(days, waiting=False)),
    ):
        for each in by_date.find(lake.s3, lake.bucket, selection):
            undated = where == "raw" and named_date(each.key) is None
            day = "any" if undated else str(by_date.date_of(each))
            key = each.key.removeprefix(keys.RAW)
            rows.append([day, each.dataset, key, where, each.landed_at, each.size])
    found = {row[0] for row in rows}
    rows += [[str(day), None, None, "nothing", None, None] for day in days.each if str(day) not in found]
    order = list(DATASETS)
    rows.sort(key=lambda row: (row[0], order.index(row[1]) if row[1] else 0, row[4] or ""))
    return Rows(_FOUND, rows)


def start(airflow: Airflow, days: Days, max_active: int, *, unpause: bool) -> Backfill:
    """Have Airflow begin.

    Raises:
        LakeUnavailable: Airflow does not answer, or does not know the DAG.
        Failed: the DAG is paused, another backfill is running, or Airflow refuses the days.
    """
    try:
        _check_paused(airflow, days, unpause=unpause)
        _wait_for_the_last_one(airflow)
        conf = {"datasets": list(days.datasets)} if days.datasets else {}
        return airflow.start_backfill(days.first, days.last, conf, max_active)
    except Refused as error:
        if error.status == HTTPStatus.NOT_FOUND:
            raise LakeUnavailable(
                f"{airflow.name} does not know the DAG {names.BY_DATE_DAG}",
                expected="it to be read from dags/, which takes Airflow half a minute after its start",
                remedy="ledgerlake up, and then again",
            ) from error
        if error.status == HTTPStatus.CONFLICT:
            raise _another(airflow) from error
        raise


def _wait_for_the_last_one(airflow: Airflow) -> None:
    """One whose days are all done, but that is not closed yet: until then Airflow refuses the next one."""
    until = time.monotonic() + _PATIENCE_SECONDS
    while (last := airflow.active_backfill()) and time.monotonic() < until:
        if any(run.active for run in airflow.runs_of_days(last.first, last.last).values()):
            return
        stderr.print(f"Waiting until Airflow sees that backfill {last.backfill_id} is over …")
        time.sleep(_LOOK_SECONDS)


def _check_paused(airflow: Airflow, days: Days, *, unpause: bool) -> None:
    if not airflow.is_paused(names.BY_DATE_DAG):
        return
    if not unpause:
        raise Failed(
            f"the DAG {names.BY_DATE_DAG} is paused, so its runs would be queued and never begin",
            expected="it to be on; its daily run then begins too, and sweeps up what waits in raw/",
            remedy=f"ledgerlake backfill --from {days.first} --to {days.last} --unpause",
        )
    airflow.unpause(names.BY_DATE_DAG)


def _another(airflow: Airflow) -> Failed:
    """Airflow runs one backfill of a DAG at a time."""
    going_on = airflow.active_backfill()
    which = f"backfill {going_on.backfill_id} of {going_on.first} to {going_on.last}" if going_on else "another one"
    return Failed(
        f"{which} is going on",
        expected="one at a time: Airflow allows no second one of the same DAG",
        remedy=f"ledgerlake wait, then again; or stop it: {_CANCEL}",
    )


def follow_to_the_end(lake: Connection, airflow: Airflow, days: Days, begun: Backfill, timeout: float) -> list[Outcome]:
    """Return what became of each day; Ctrl-C leaves the backfill alone, and says so."""
    try:
        return follow(lake, airflow, days.each, begun, timeout=timeout, console=stderr)
    except KeyboardInterrupt:
        stderr.print()
        stderr.print(f"Backfill {begun.backfill_id} continues without this command.")
        stderr.print(f"To see it: ledgerlake wait. To stop it: {_CANCEL}")
        raise


def _show(lake: Connection, airflow: Airflow, outcomes: list[Outcome], style: Format) -> None:
    show(figures(lake, outcomes, style), style, title="What became of every row, by day")
    if failed := failures_of(airflow, outcomes):
        first, *_, last = [*failed, *failed]
        raise Failed(
            f"{len(failed)} of {len(outcomes)} days failed: "
            + "; ".join(f"{day} {why}" for day, why in failed.items()),
            expected="every day to be processed; nothing is lost, and the other days are done",
            remedy=f"fix the cause, then: ledgerlake backfill --from {first} --to {last}",
        )


def _cancel(lake: Connection) -> None:
    airflow = airflow_at(lake)
    going_on = airflow.active_backfill()
    if going_on is None:
        stdout.print("No backfill is going on.")
        return
    airflow.cancel_backfill(going_on)
    stdout.print(f"Backfill {going_on.backfill_id} of {going_on.first} to {going_on.last} is cancelled.")
    stdout.print("Days that have begun are processed to their end; days that have not are marked as failed.")
