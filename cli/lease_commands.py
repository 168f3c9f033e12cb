"""`lease show|release`: who is at work on the lake."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from cli import connection
from cli.failures import Failed
from cli.showing import Format, FormatOption, Rows, show, stdout
from ledgerlake import lease as leases

lease = typer.Typer(help="Who is at work on the lake: runs take turns by one lease.", no_args_is_help=True)


@lease.command("show")
def show_lease(ctx: typer.Context, style: FormatOption = Format.TABLE) -> None:
    """Who holds the lease, since when, until when.

    Example: ledgerlake lease show
    """
    lake = connection.of(ctx)
    held = leases.show(lake.s3, lake.bucket)
    free = held is None or held.is_free(datetime.now(UTC))
    row = ["free", None, None] if free or held is None else [held.holder, held.since, held.expires_at]
    show(Rows(("holder", "since", "expires_at"), [row]), style)


@lease.command("release")
def release_lease(
    ctx: typer.Context,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Take the lease from a run that is dead. Two runs at once may fail, so make sure that it is.

    Example: ledgerlake lease release --yes
    """
    lake = connection.of(ctx)
    held = leases.show(lake.s3, lake.bucket)
    if held is None or not held.holder:
        stdout.print("The lease is free.")
        return
    if not yes:
        typer.confirm(f"{held.holder} holds the lease since {held.since}. Is that run dead?", abort=True)
    if not leases.release(lake.s3, lake.bucket, held.holder):
        raise Failed("the lease changed hands at this moment", remedy="ledgerlake lease show")
    stdout.print(f"The lease was taken from {held.holder}.")
