"""Printing rows: a table for people, JSON or CSV (nothing else on stdout) for programs."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table


class Format(StrEnum):
    """How rows are printed."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


FormatOption = Annotated[Format, typer.Option("--format", "-f", help="table for people, json or csv for programs.")]

_WIDTH_OF_A_LOG = 160

# Without a terminal rich assumes 80 columns, in which a ledger cannot be read.
stdout = Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH_OF_A_LOG)


@dataclass(frozen=True)
class Rows:
    """Rows of one shape; None is NULL.

    Args:
        totals: printed below a table and nowhere else.
        kinds: Athena's types of the columns, where the values are its texts; JSON has numbers then.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]] = field(default_factory=tuple)
    totals: Sequence[Any] | None = None
    kinds: Sequence[str] = ()


def show(found: Rows, style: Format, *, title: str | None = None) -> None:
    """Print `found` on stdout. JSON is one array of objects."""
    if style is Format.JSON:
        kinds = found.kinds or [""] * len(found.columns)
        rows = [dict(zip(found.columns, map(_typed, row, kinds), strict=True)) for row in found.rows]
        sys.stdout.write(json.dumps(rows, indent=1, ensure_ascii=False) + "\n")
    elif style is Format.CSV:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(found.columns)
        writer.writerows(found.rows)
    else:
        stdout.print(_table(found, title))


def _typed(value: Any, kind: str) -> Any:
    if not isinstance(value, str):
        return value
    if kind in ("tinyint", "smallint", "integer", "int", "bigint"):
        return int(value)
    if kind in ("float", "real", "double"):
        return float(value)
    return value == "true" if kind == "boolean" else value


def _table(found: Rows, title: str | None) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", header_style="bold cyan")
    for index, column in enumerate(found.columns):
        numeric = bool(found.rows) and all(_is_number(row[index]) for row in found.rows)
        table.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in found.rows:
        table.add_row(*map(_cell, row))
    if found.totals is not None:
        table.add_section()
        table.add_row(*map(_cell, found.totals), style="bold")
    table.caption = None if found.rows else "no rows"
    return table


def _cell(value: Any) -> str:
    return "[dim]NULL[/]" if value is None else escape(str(value))


def _is_number(value: Any) -> bool:
    if value is None:
        return True
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True
