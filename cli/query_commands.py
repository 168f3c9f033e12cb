"""`query`, `ledger`, `rejects`: what the lake holds, asked of Athena."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from cli import connection
from cli.athena import ask
from cli.connection import Connection
from cli.failures import Mistyped
from cli.showing import Format, FormatOption, Rows, show
from ledgerlake.contracts import DATASETS
from ledgerlake.ledger import FATES

COUNTS = ("rows_read", "released", *FATES, "withdrawn")
_BATCH_ID = re.compile(r"[0-9A-Za-z-]+")


def query(
    ctx: typer.Context,
    sql: Annotated[str, typer.Argument(help="One statement in Athena's SQL.", metavar="SQL")],
    style: FormatOption = Format.TABLE,
) -> None:
    """Ask Athena about the tables of ecommerce_dwh.

    Example: ledgerlake query "SELECT date, sum(total_amount) FROM orders GROUP BY 1 ORDER BY 1"
    """
    show(ask(connection.of(ctx), sql), style)


def ledger(
    ctx: typer.Context,
    batch: Annotated[str | None, typer.Argument(help="Only this batch.", metavar="[BATCH]")] = None,
    style: FormatOption = Format.TABLE,
) -> None:
    """What became of every row of every delivery.

    rows_read + released = inserted + updated + unchanged + superseded + rejected + parked.

    Example: ledgerlake ledger 20250401T080000Z-1a2b3c4d
    """
    show(read_ledger(connection.of(ctx), batch), style, title="What became of every row")


def read_ledger(lake: Connection, batch: str | None = None) -> Rows:
    """One row per batch, dataset and delivery; totals below.

    Raises:
        Mistyped: the text is not a batch id, or the ledger knows no such batch.
    """
    if batch is not None and not _BATCH_ID.fullmatch(batch):
        raise Mistyped(f"{batch!r} is not a batch", expected="an id as `ledgerlake ledger` lists them")
    where = f"WHERE batch_id = '{batch}' " if batch else ""
    found = ask(
        lake,
        f"SELECT batch_id, dataset, source_file, {', '.join(COUNTS)} FROM ledger {where}"
        f"ORDER BY batch_id, dataset, source_file",
    )
    if batch and not found.rows:
        raise Mistyped(f"the ledger knows no batch {batch}", remedy="ledgerlake ledger lists them")
    return with_totals(found)


def with_totals(found: Rows) -> Rows:
    """The same rows with the sums of their counts below, and the counts as numbers."""
    names = len(found.columns) - len(COUNTS)
    rows = [[*row[:names], *(int(count) for count in row[names:])] for row in found.rows]
    sums = [sum(row[index] for row in rows) for index in range(names, len(found.columns))]
    return Rows(found.columns, rows, ["total", *[""] * (names - 1), *sums])


def rejects(
    ctx: typer.Context,
    dataset: Annotated[str | None, typer.Argument(help="Only of this dataset.", metavar="[DATASET]")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="Rows shown per dataset.")] = 10,
    style: FormatOption = Format.TABLE,
) -> None:
    """Rejected rows as they were delivered, each with all its reasons, and the most frequent reasons.

    As JSON or CSV only the rows are printed. Mend the rows and deliver them again under any name.

    Example: ledgerlake rejects orders --limit 3
    """
    lake = connection.of(ctx)
    if style is Format.TABLE:
        show(top_reasons(lake, dataset), style, title="Reasons, most frequent first")
    show(sample_rejects(lake, dataset, limit), style, title="Rows as delivered, newest first")


def top_reasons(lake: Connection, dataset: str | None = None, limit: int = 15) -> Rows:
    """(dataset, reason without its value, rows), most frequent first."""
    union = " UNION ALL ".join(
        f"SELECT '{name}' AS dataset, reason FROM rejected_{name} CROSS JOIN UNNEST(reasons) AS t(reason)"
        for name in _datasets(dataset)
    )
    return ask(
        lake,
        f"SELECT dataset, split_part(reason, '=', 1) AS reason, count(*) AS broken_rows FROM ({union}) AS every_reason "
        f"GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT {limit}",
    )


def sample_rejects(lake: Connection, dataset: str | None, limit: int) -> Rows:
    """(dataset, source_file, source_row, reasons, original); source_row is NULL for a whole file."""
    every = [
        f"(SELECT '{name}' AS dataset, source_file, source_row, array_join(reasons, '; ') AS reasons, original "
        f"FROM rejected_{name} ORDER BY landed_at DESC, source_file, source_row LIMIT {limit})"
        for name in _datasets(dataset)
    ]
    return ask(lake, " UNION ALL ".join(f"SELECT * FROM {each} AS {chr(97 + n)}" for n, each in enumerate(every)))


def _datasets(dataset: str | None) -> list[str]:
    if dataset is None:
        return list(DATASETS)
    if dataset not in DATASETS:
        raise Mistyped(f"there is no dataset {dataset!r}", expected=f"one of {', '.join(DATASETS)}")
    return [dataset]
