"""Errors of a query in Athena's words, made from those of the parser and of DuckDB."""

from __future__ import annotations

import re

import duckdb
import sqlglot


class AthenaError(Exception):
    """The reason that a failed query states, as `CODE: line 1:1: what is wrong`."""


def table_not_found(database: str, table: str) -> AthenaError:
    """Return Athena's error for an unknown table."""
    return AthenaError(f"TABLE_NOT_FOUND: line 1:1: Table 'awsdatacatalog.{database}.{table}' does not exist")


def not_parsed(error: sqlglot.errors.SqlglotError) -> AthenaError:
    """Return Athena's error for a statement with a syntax error."""
    first = error.errors[0] if isinstance(error, sqlglot.errors.ParseError) and error.errors else {}
    place = f"line {first.get('line', 1)}:{first.get('col', 1)}"
    near = f" near '{first['highlight']}'" if first.get("highlight") else ""
    return AthenaError(f"SYNTAX_ERROR: {place}: {first.get('description') or _one_line(error)}{near}")


def not_run(error: duckdb.Error) -> AthenaError:
    """Return the Athena error for the class of a DuckDB error; its own text follows the code."""
    said = _one_line(error)
    if column := re.search(r'(?:Referenced column "(\w+)" not found|does not have a column named "(\w+)")', said):
        return AthenaError(f"COLUMN_NOT_FOUND: line 1:1: Column '{column[1] or column[2]}' cannot be resolved")
    if "division by zero" in said.lower():
        return AthenaError("DIVISION_BY_ZERO: Division by zero")
    codes = (
        (duckdb.ParserException, "SYNTAX_ERROR: line 1:1"),
        (duckdb.CatalogException, "FUNCTION_NOT_FOUND: line 1:1"),
        (duckdb.BinderException, "SYNTAX_ERROR: line 1:1"),
        (duckdb.ConversionException, "INVALID_CAST_ARGUMENT"),
        (duckdb.OutOfRangeException, "NUMERIC_VALUE_OUT_OF_RANGE"),
    )
    code = next((code for kind, code in codes if isinstance(error, kind)), "GENERIC_INTERNAL_ERROR")
    return AthenaError(f"{code}: {said}")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:1500]
