"""Printing rows: a table for people, JSON or CSV (nothing else on stdout) for programs."""

from __future__ import annotations

import csv
import json
import re
import sys
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from cli.console import stdout, styled
from cli.rows import Rows
from ledgerlake.display import display_json, display_text


class Format(StrEnum):
    """How rows are printed."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


FormatOption = Annotated[Format, typer.Option("--format", "-f", help="table for people, json or csv for programs.")]

_NUMBER = re.compile(r"[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?")
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
"""With these a cell begins that a spreadsheet computes."""


def show(found: Rows, style: Format, *, title: str | None = None) -> None:
    """Print `found` on stdout.

    JSON is one array of objects, and exact: what would act on a terminal is escaped. In CSV, which people open with
    spreadsheets, it is made visible, and a text that would be a formula has an apostrophe before it.
    """
    if style is Format.JSON:
        kinds = found.kinds or [""] * len(found.columns)
        rows = [dict(zip(found.columns, map(_typed, row, kinds), strict=True)) for row in found.rows]
        sys.stdout.write(display_json(json.dumps(rows, indent=1, ensure_ascii=False)) + "\n")
    elif style is Format.CSV:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(map(_csv_cell, found.columns))
        writer.writerows(map(_csv_cell, row) for row in found.rows)
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
    table = Table(title=title and styled(title), title_justify="left", title_style="bold", header_style="bold cyan")
    for index, column in enumerate(found.columns):
        numeric = bool(found.rows) and all(_is_number(row[index]) for row in found.rows)
        table.add_column(styled(column), justify="right" if numeric else "left", overflow="fold")
    for row in found.rows:
        table.add_row(*map(_cell, row))
    if found.totals is not None:
        table.add_section()
        table.add_row(*map(_cell, found.totals), style="bold")
    table.caption = None if found.rows else "no rows"
    return table


def _cell(value: Any) -> Text:
    return Text("NULL", style="dim") if value is None else Text(display_text(value, None))


def _csv_cell(value: Any) -> Any:
    """Return a value as a spreadsheet may have it; numbers stay what they are."""
    if not isinstance(value, str):
        return value
    text = display_text(value, None)
    return f"'{text}" if text.lstrip().startswith(_FORMULA) and not _NUMBER.fullmatch(text) else text


def _is_number(value: Any) -> bool:
    if value is None:
        return True
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True
