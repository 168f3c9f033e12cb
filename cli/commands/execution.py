"""`executions`: what the state machine has done, and what it is doing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from cli.clients import connection
from cli.clients.executions import Execution, Executions
from cli.rows import Rows
from cli.views.showing import Format, FormatOption, show

_COLUMNS = ("execution", "status", "started", "seconds", "error")


def executions(
    ctx: typer.Context,
    name: Annotated[
        str | None, typer.Argument(help="An execution's name, or its beginning, or `last`.", metavar="[NAME]")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=200, help="Executions listed.")] = 15,
    style: FormatOption = Format.TABLE,
) -> None:
    """List the executions of EcommerceETLPipeline, newest first, or the states that one went through.

    Example: ledgerlake executions last
    """
    found = Executions(connection.of(ctx))
    if name is None:
        show(Rows(_COLUMNS, [_row(found, each) for each in found.latest(limit)]), style)
        return
    steps = [
        (step.state, f"{step.entered:%Y-%m-%d %H:%M:%S}", step.error or None)
        for step in found.steps(found.choose(name))
    ]
    show(Rows(("state", "entered", "error"), steps), style)


def _row(found: Executions, execution: Execution) -> list[object]:
    seconds = ((execution.ended or datetime.now(UTC)) - execution.started).total_seconds()
    error = found.why(execution) if execution.failed else None
    return [execution.name, execution.status, f"{execution.started:%Y-%m-%d %H:%M:%S}", round(seconds, 1), error]
