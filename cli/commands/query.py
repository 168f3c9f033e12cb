"""`query`, `ledger`, `rejects`: what the lake holds, asked of Athena."""

from __future__ import annotations

import re
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.clients import connection
from cli.clients.athena import ask
from cli.clients.connection import Connection
from cli.console import stdout
from cli.failures import UsageError
from cli.rows import Rows
from cli.views.showing import Format, FormatOption, show
from ledgerlake import keys
from ledgerlake.contracts import DATASETS
from ledgerlake.planning.stages import absent_columns, summaries
from ledgerlake.reporting.drift import absent_lines
from ledgerlake.tables.ledger import COUNTS

_BATCH_ID = re.compile(r"[0-9A-Za-z-]+")


def query(
    ctx: typer.Context,
    sql: Annotated[str, typer.Argument(help="A statement in Athena's SQL, or a .sql file with one.", metavar="SQL")],
    style: FormatOption = Format.TABLE,
) -> None:
    """Ask Athena about the tables of ecommerce_dwh.

    Example: ledgerlake query "SELECT date, sum(total_amount) FROM orders GROUP BY 1 ORDER BY 1"

    Example: ledgerlake query sql/analytics/top_products.sql --format csv
    """
    show(ask(connection.of(ctx), statement(sql)), style)


def statement(sql: str) -> str:
    """Return `sql` itself, or what is in the file of that name when it ends in `.sql`.

    Raises:
        UsageError: there is no such file.
    """
    if not sql.endswith(".sql"):
        return sql
    if not Path(sql).is_file():
        raise UsageError(f"{sql}: no such file", expected="a statement, or a .sql file that exists")
    return Path(sql).read_text(encoding="utf-8").strip().rstrip(";")


def ledger(
    ctx: typer.Context,
    batch: Annotated[str | None, typer.Argument(help="Only this batch.", metavar="[BATCH]")] = None,
    style: FormatOption = Format.TABLE,
) -> None:
    """Show what became of every row of every delivery.

    rows_read + released = inserted + updated + unchanged + superseded + rejected + parked.

    Example: ledgerlake ledger 20250401T080000Z-1a2b3c4d
    """
    lake = connection.of(ctx)
    show_ledger(read_ledger(lake, batch), style)
    if batch is not None and style is Format.TABLE:
        for line in absent_lines(absent_columns(summaries(lake.s3, lake.bucket, batch))):
            stdout.print(line, soft_wrap=True)


def show_ledger(found: Rows, style: Format) -> None:
    """Print it; for people one table a batch, without the columns that are zero throughout."""
    if style is not Format.TABLE:
        show(found, style)
        return
    for title, rows in by_batch(found):
        show(rows, style, title=title)


def by_batch(found: Rows) -> list[tuple[str, Rows]]:
    """(title, rows with totals), oldest batch first; a delivery is named by its key below `raw/`."""
    if not found.rows:
        return [("The ledger is empty: nothing has been processed yet", Rows(("delivery",)))]
    tables = []
    for batch_id, group in groupby(found.rows, key=lambda row: row[0]):
        rows = [list(row) for row in group]
        counts = [index for index, name in enumerate(COUNTS, start=3) if _is_shown(name, index, rows)]
        short = [[_below_raw(row[2]), *(row[index] for index in counts)] for row in rows]
        totals = ["total", *(sum(row[index] or 0 for row in rows) for index in counts)]
        columns = ["delivery", *(found.columns[index] for index in counts)]
        tables.append((f"What became of every row of batch {batch_id}", Rows(columns, short, totals)))
    return tables


def _is_shown(name: str, index: int, rows: list[list[Any]]) -> bool:
    return name == "rows_read" or any(row[index] for row in rows)


def _below_raw(key: str | None) -> str:
    return (key or "").removeprefix(keys.RAW)


def read_ledger(lake: Connection, batch: str | None = None) -> Rows:
    """(batch_id, dataset, source_file, then `COUNTS` as numbers), one row per batch, dataset and delivery.

    Raises:
        UsageError: the text is not a batch id, or the ledger knows no such batch.
    """
    where = of_batch(batch, "ledgerlake ledger") if batch is not None else ""
    found = ask(
        lake,
        f"SELECT batch_id, dataset, source_file, {', '.join(COUNTS)} FROM ledger {where}"
        f"ORDER BY batch_id, dataset, source_file",
    )
    if batch and not found.rows:
        raise UsageError(f"the ledger knows no batch {batch}", remedy="ledgerlake ledger lists them")
    return Rows(found.columns, [[*row[:3], *(value and int(value) for value in row[3:])] for row in found.rows])


def of_batch(batch: str, listed_by: str) -> str:
    """Return the SQL that leaves only the rows of the batch.

    Args:
        listed_by: the command that shows the ids there are.

    Raises:
        UsageError: the text is not a batch id.
    """
    if not _BATCH_ID.fullmatch(batch):
        raise UsageError(f"{batch!r} is not a batch", expected=f"an id as `{listed_by}` lists them")
    return f"WHERE batch_id = '{batch}' "


def rejects(
    ctx: typer.Context,
    dataset: Annotated[str | None, typer.Argument(help="Only of this dataset.", metavar="[DATASET]")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="Rows shown per dataset.")] = 10,
    style: FormatOption = Format.TABLE,
) -> None:
    """Rejected rows as they were delivered, each with all its reasons, and the most frequent reasons.

    As JSON or CSV only the rows are printed. Correct the rows and deliver them again under any name.

    Example: ledgerlake rejects orders --limit 3
    """
    lake = connection.of(ctx)
    if style is Format.TABLE:
        show(top_reasons(lake, dataset), style, title="Reasons, most frequent first")
    show_rejects(sample_rejects(lake, dataset, limit), style)


def show_rejects(found: Rows, style: Format) -> None:
    """Print them; for people a file is named by its key below `raw/`, which begins with the dataset."""
    if style is not Format.TABLE:
        show(found, style)
        return
    short = [[_below_raw(row[1]), row[2], *row[3:]] for row in found.rows]
    columns = ("delivery", "row", "reasons", "as delivered")
    show(Rows(columns, short), style, title="Rejected rows as delivered, newest files first")


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
        raise UsageError(f"there is no dataset {dataset!r}", expected=f"one of {', '.join(DATASETS)}")
    return [dataset]
