"""`quarantined`, `accept` and `drop`: batches that wait for a manual review."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.clients import connection
from cli.clients.connection import Connection
from cli.commands.delivery import TimeoutOption, wait_here, wake
from cli.console import stderr, stdout
from cli.failures import UsageError
from cli.rows import Rows
from cli.views.showing import Format, FormatOption, show
from cli.views.status import seen
from ledgerlake.errors import BatchNotFound, QuarantineError
from ledgerlake.planning import quarantine
from ledgerlake.planning.manifest import readable

_COLUMNS = ("batch", "since", "deliveries", "why")


def quarantined(ctx: typer.Context, style: FormatOption = Format.TABLE) -> None:
    """Show the batches in quarantine: since when, and why.

    More of their rows were rejected than the contract of a dataset allows, so nothing of that dataset was
    changed. Their files wait in raw/, and no other batch takes them.

    Example: ledgerlake quarantined
    """
    lake = connection.of(ctx)
    found = quarantine.quarantined(lake.s3, lake.bucket)
    rows = [[name, body["since"], _deliveries(lake, name), seen(body["why"])] for name, body in found.items()]
    show(Rows(_COLUMNS, rows), style)
    if rows and style is Format.TABLE:
        stderr.print("To let one through as it is: ledgerlake accept BATCH")
        stderr.print("To reject all of it: ledgerlake drop BATCH --reason REASON")


def _deliveries(lake: Connection, batch_id: str) -> int | None:
    """How many it has; None of a lost one."""
    loaded = next(readable(lake.s3, lake.bucket, [batch_id]), None)
    return len(loaded.deliveries) if loaded else None


def accept(
    ctx: typer.Context,
    batch: Annotated[str, typer.Argument(help="Its id, as `ledgerlake quarantined` lists it.", metavar="BATCH")],
    wait: Annotated[bool, typer.Option("--wait", help="Then wait until the lake has come to rest.")] = False,
    timeout: TimeoutOption = 1800,
) -> None:
    """Let a quarantined batch through as it is: its good rows are loaded, its bad ones rejected.

    Example: ledgerlake accept 20250402T080000Z-1a2b3c4d --wait
    """
    lake = connection.of(ctx)
    try:
        quarantine.accept(lake.s3, lake.bucket, batch)
    except BatchNotFound as error:
        raise UsageError(error.seen, expected=error.expected, remedy="ledgerlake quarantined") from error
    wake(lake)
    stdout.print(f"Batch {batch} is accepted; the next run of the pipeline resumes it.")
    if wait:
        wait_here(lake, timeout)


def drop(
    ctx: typer.Context,
    batch: Annotated[str, typer.Argument(help="Its id, as `ledgerlake quarantined` lists it.", metavar="BATCH")],
    reason: Annotated[str, typer.Option("--reason", help="Why, in a few words; every reject of it carries them.")],
    wait: Annotated[bool, typer.Option("--wait", help="Then wait until the lake has come to rest.")] = False,
    timeout: TimeoutOption = 1800,
) -> None:
    """Reject all of a quarantined batch: each of its files whole, with your reason; then they are archived.

    What the batch has loaded already, of another dataset, is taken back. A backfill does not bring the files
    back: only another delivery of them does.

    Example: ledgerlake drop 20250402T080000Z-1a2b3c4d --reason 'the file of another shop' --wait
    """
    lake = connection.of(ctx)
    try:
        quarantine.drop(lake.s3, lake.bucket, batch, reason)
    except (BatchNotFound, QuarantineError) as error:
        raise UsageError(error.seen, expected=error.expected, remedy="ledgerlake quarantined") from error
    wake(lake)
    stdout.print(f"Batch {batch} is dropped: the next run rejects its files whole and archives them.")
    if wait:
        wait_here(lake, timeout)
