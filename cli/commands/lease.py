"""`lease show|release`: who is at work on the lake."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from cli.clients import connection
from cli.clients.airflow import Airflow
from cli.clients.connection import Connection
from cli.console import stdout
from cli.failures import Failed
from cli.rows import Rows
from cli.views.showing import Format, FormatOption, show
from cli.views.status import at_work
from cli.views.waiting import airflow_of
from ledgerlake import names
from ledgerlake.display import display_text
from ledgerlake.errors import DamagedControlObject
from ledgerlake.intake.deliveries import from_iso
from ledgerlake.planning import lease as leases
from ledgerlake.planning.batch import LIVE
from ledgerlake.planning.lease import Lease

lease = typer.Typer(help="Who is at work on the lake: one lease lets one run at a time.", no_args_is_help=True)
_RUNS = 50
_FREE = "free"
_UNKNOWN = "unknown"


@lease.command("show")
def show_lease(ctx: typer.Context, style: FormatOption = Format.TABLE) -> None:
    """Who holds the lease, since when, until when, and whether that run is still there.

    Example: ledgerlake lease show
    """
    lake = connection.of(ctx)
    held = _read(lake)
    if isinstance(held, DamagedControlObject):
        row = [_UNKNOWN, None, None, str(held)]
    elif held is None or not held.holder:
        row = [_FREE, None, None, "the next run takes it"]
    else:
        row = [held.holder, held.since, held.expires_at, state(held, datetime.now(UTC), airflow_of(lake))]
    show(Rows(("holder", "since", "expires_at", "state"), [row]), style)


def describe(lake: Connection, airflow: Airflow | None) -> str:
    """Return the lease in one line."""
    held = _read(lake)
    if isinstance(held, DamagedControlObject):
        return f"{_UNKNOWN}: {held}"
    if held is None or not held.holder:
        return _FREE
    return f"{held.holder} since {held.since}: {state(held, datetime.now(UTC), airflow)}"


def _read(lake: Connection) -> Lease | DamagedControlObject | None:
    """Return the lease, or what is wrong with it; None when it was never taken."""
    try:
        return leases.show(lake.s3, lake.bucket)
    except DamagedControlObject as damaged:
        return damaged


def state(held: Lease, now: datetime, airflow: Airflow | None) -> str:
    """Return whether the lease is in use, or stale: expired, or left behind by a run that has ended."""
    left = from_iso(held.expires_at) - now
    if left <= timedelta():
        return f"stale: expired {_long(-left)} ago; the next run takes it over"
    run, at_it = _run_of(held.holder, airflow) if airflow else ("", True)
    if not at_it:
        return f"stale: {run} has ended; expires in {_long(left)}, or: ledgerlake lease release"
    return f"{f'{run} is at work; ' if run else ''}expires in {_long(left)}, unless it is renewed"


def _run_of(holder: str, airflow: Airflow) -> tuple[str, bool]:
    """Which run the holder is, in words, and whether it is at work; of one that Airflow does not know ("", True)."""
    dag, _, run_id = holder.partition("/")
    if dag == LIVE:
        return "the live run", any(map(at_work, airflow.latest_runs()))
    for run in airflow.latest_runs(names.BY_DATE_DAG, _RUNS) if dag == f"airflow:{names.BY_DATE_DAG}" else ():
        if run.run_id == run_id:
            return f"the run of {run.day}" if run.day else "that run", run.active
    return "", True


def _long(time: timedelta) -> str:
    seconds = int(time.total_seconds())
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min"


@lease.command("release")
def release_lease(
    ctx: typer.Context,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Take the lease from a run that is dead. Two runs at once may fail, so make sure that it is.

    Example: ledgerlake lease release --yes
    """
    lake = connection.of(ctx)
    held = _read(lake)
    if held is None or (isinstance(held, Lease) and not held.holder):
        stdout.print("The lease is free.")
        return
    if not yes:
        typer.confirm(display_text(_question(held), None), abort=True)
    if not (leases.overwrite(lake.s3, lake.bucket) if isinstance(held, DamagedControlObject) else _take(lake, held)):
        raise Failed("the lease changed hands at this moment", remedy="ledgerlake lease show")
    stdout.print(f"The lease was taken from {_UNKNOWN if isinstance(held, DamagedControlObject) else held.holder}.")


def _question(held: Lease | DamagedControlObject) -> str:
    if isinstance(held, DamagedControlObject):
        return f"{held.seen}. Whoever held it is not known. Is no run at work?"
    return f"{held.holder} holds the lease since {held.since}. Is that run dead?"


def _take(lake: Connection, held: Lease) -> bool:
    return leases.release(lake.s3, lake.bucket, held.holder)
