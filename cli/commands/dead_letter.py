"""`dead-letters show|redrive`: messages that were received again and again, and never acknowledged."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from cli.clients import connection
from cli.clients.dead_letters import DeadLetter, DeadLetterQueue
from cli.console import stderr, stdout
from cli.rows import Rows
from cli.views.showing import Format, FormatOption, show
from ledgerlake import names

dead_letters = typer.Typer(
    help="Messages that five runs have received and none could acknowledge.", no_args_is_help=True
)
_COLUMNS = ("sent_at", "received", "about", "body")
_REMEDY = (
    "A message only says that something may have landed: the files themselves are in raw/ or archived/.",
    "Why runs failed: ledgerlake logs. When that is mended: ledgerlake dead-letters redrive",
)


@dead_letters.command("show")
def show_dead_letters(
    ctx: typer.Context,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="Messages shown.")] = 10,
    style: FormatOption = Format.TABLE,
) -> None:
    """How many there are, and what is in them. They stay where they are.

    Example: ledgerlake dead-letters show --limit 3
    """
    letters = DeadLetterQueue.of(connection.of(ctx))
    count = letters.count()
    found = letters.peek(limit)
    if style is Format.TABLE and not found and not count:
        stdout.print("There are no dead letters.")
        return
    title = f"{names.DEAD_LETTER_QUEUE}: {max(count, len(found))} messages"
    show(Rows(_COLUMNS, [_row(letter) for letter in found]), style, title=title)
    if style is Format.TABLE:
        for line in _REMEDY:
            stderr.print(line)


@dead_letters.command("redrive")
def redrive(ctx: typer.Context) -> None:
    """Move them back to the queue, which wakes the pipeline; safe to repeat.

    Example: ledgerlake dead-letters redrive
    """
    moved = DeadLetterQueue.of(connection.of(ctx)).redrive()
    if not moved:
        stdout.print("There are no dead letters.")
        return
    stdout.print(f"{moved} messages are back in {names.QUEUE}; the pipeline looks at once.")
    stdout.print("To see what becomes of them: ledgerlake wait")


def _row(letter: DeadLetter) -> list[Any]:
    return [letter.sent_at, letter.received, letter.about, letter.body]
