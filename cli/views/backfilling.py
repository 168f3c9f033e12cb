"""Following a backfill: what each of its days does, and in the end what became of its rows."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from rich.console import Console

from cli.clients.airflow import Airflow, Backfill, Run
from cli.clients.athena import ask
from cli.clients.connection import Connection
from cli.failures import TimedOut
from cli.rows import Rows
from cli.views.showing import Format
from cli.views.status import WAITS, first_failure, holder_of, progress
from cli.views.waiting import Display, holder, reason
from ledgerlake import keys, names
from ledgerlake.errors import DamagedControlObject
from ledgerlake.planning import control
from ledgerlake.planning.batch import LIVE
from ledgerlake.tables.ledger import COUNTS

_POLL_SECONDS = 2
_CLOCKS = timedelta(minutes=2)
"""By so much the clocks of Airflow and its tasks may differ."""


@dataclass(frozen=True)
class Outcome:
    """One day of a backfill that is over.

    Args:
        run: None where Airflow made none.
        batches: that the run has planned; none where there was nothing to do.
    """

    day: date
    run: Run | None
    batches: tuple[str, ...] = ()

    @property
    def state(self) -> str:
        """Return the state of the day in a word or two."""
        if self.run is None:
            return "no run"
        if self.run.state == "failed":
            return "failed"
        return "done" if self.batches else "nothing to do"


def follow(
    lake: Connection, airflow: Airflow, days: Sequence[date], begun: Backfill, *, timeout: float, console: Console
) -> list[Outcome]:
    """Show a line for each day until all are over.

    Raises:
        TimedOut: after `timeout` seconds; the backfill continues.
    """
    until = time.monotonic() + timeout
    with Display(console) as display:
        while True:
            runs = airflow.runs_of_days(days[0], days[-1])
            display.show(lines(days, runs, holder(lake)))
            left = [day for day in days if day in runs and runs[day].active]
            if not left:
                break
            if time.monotonic() > until:
                raise TimedOut(
                    f"after {timeout:.0f} s {len(left)} of {len(days)} days are not done",
                    expected=f"backfill {begun.backfill_id} to end; it continues without this command",
                    remedy="ledgerlake wait --timeout SECONDS",
                )
            time.sleep(_POLL_SECONDS)
    batches = _batches(lake, begun)
    return [_outcome(day, runs.get(day), batches) for day in days]


def lines(days: Sequence[date], runs: dict[date, Run], held_by: str) -> list[str]:
    """One line a day.

    Args:
        held_by: who has the lease; named where a day waits for it.
    """
    of_days = {holder_of(run): f"the run of {day}" for day, run in runs.items()}
    known = of_days | {LIVE: "a live run", "": ""}
    return [f"{day}  {_line(runs.get(day), held_by, known.get(held_by, held_by))}" for day in days]


def _line(run: Run | None, held_by: str, named: str) -> str:
    if run is None:
        return "no run"
    if not run.active:
        failed = first_failure(run.tasks)
        return "done" if run.state == "success" else f"failed{f' in {failed.task_id}' if failed else ''}"
    said = progress(run, held_by)
    return f"{said}: {named} is at work" if said == WAITS and named else said


def _batches(lake: Connection, begun: Backfill) -> dict[str, tuple[str, ...]]:
    """Return the batches that runs of the by-date DAG have planned since the backfill began, by run."""
    since = f"{keys.BATCHES}{begun.created_at - _CLOCKS:%Y%m%dT%H%M%SZ}"
    pages = lake.s3.get_paginator("list_objects_v2").paginate(
        Bucket=lake.bucket, Prefix=keys.BATCHES, Delimiter="/", StartAfter=since
    )
    found: dict[str, tuple[str, ...]] = {}
    for key in (entry["Key"] for page in pages for entry in page.get("Contents", [])):
        manifest = _manifest(lake, key)
        dag, _, run_id = str(manifest.get("owner", "")).partition("/")
        if dag == f"airflow:{names.BY_DATE_DAG}":
            found[run_id] = (*found.get(run_id, ()), str(manifest["batch_id"]))
    return found


def _manifest(lake: Connection, key: str) -> dict[str, Any]:
    """Return the manifest of that key; nothing of one that cannot be read."""
    try:
        found = control.read(lake.s3, lake.bucket, control.MANIFEST, key)
    except DamagedControlObject:
        return {}
    return found.value if found else {}


def _outcome(day: date, run: Run | None, batches: dict[str, tuple[str, ...]]) -> Outcome:
    return Outcome(day, run, batches.get(run.run_id, ()) if run else ())


def figures(lake: Connection, outcomes: Sequence[Outcome], style: Format) -> Rows:
    """(date, state, batch, then the ledger's sums of that batch), and their totals.

    For people, columns that are zero throughout are left out.
    """
    sums = _sums(lake, [batch_id for each in outcomes for batch_id in each.batches])
    rows: list[list[Any]] = [
        [str(each.day), each.state, batch_id, *sums.get(batch_id or "", [0] * len(COUNTS))]
        for each in outcomes
        for batch_id in each.batches or (None,)
    ]
    totals = [sum(row[index] for row in rows) for index in range(3, 3 + len(COUNTS))]
    shown = [
        index for index, name in enumerate(COUNTS) if style is not Format.TABLE or name == "rows_read" or totals[index]
    ]
    return Rows(
        ("date", "state", "batch", *(COUNTS[index] for index in shown)),
        [[*row[:3], *(row[3 + index] for index in shown)] for row in rows],
        ["total", "", "", *(totals[index] for index in shown)],
    )


def _sums(lake: Connection, batch_ids: list[str]) -> dict[str, list[int]]:
    if not batch_ids:
        return {}
    columns = ", ".join(f"sum({name}) AS {name}" for name in COUNTS)
    wanted = ", ".join(f"'{batch_id}'" for batch_id in batch_ids)
    found = ask(lake, f"SELECT batch_id, {columns} FROM ledger WHERE batch_id IN ({wanted}) GROUP BY batch_id")
    return {str(row[0]): [int(text or 0) for text in row[1:]] for row in found.rows}


def failures_of(airflow: Airflow, outcomes: Sequence[Outcome]) -> dict[date, str]:
    """Return the days that failed: in which task, and why."""
    found: dict[date, str] = {}
    for each in outcomes:
        if each.run is None or each.run.state != "failed":
            continue
        task = first_failure(each.run.tasks)
        found[each.day] = f"in {task.task_id}: {reason(airflow, each.run)}" if task else "before any of its tasks began"
    return found
