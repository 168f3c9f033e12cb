"""Values and result files as Athena writes them."""

from __future__ import annotations

import json
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import boto3

_TYPES = {
    "BOOLEAN": "boolean",
    "TINYINT": "tinyint",
    "SMALLINT": "smallint",
    "INTEGER": "integer",
    "BIGINT": "bigint",
    "HUGEINT": "bigint",
    "FLOAT": "float",
    "DOUBLE": "double",
    "DECIMAL": "decimal",
    "BLOB": "varbinary",
    "DATE": "date",
    "TIMESTAMP": "timestamp",
    "TIMESTAMP WITH TIME ZONE": "timestamp with time zone",
    "STRUCT": "row",
    "MAP": "map",
}


def type_name(duckdb: str) -> str:
    """Athena's name of a DuckDB type; varchar for what it does not know."""
    return "array" if duckdb.endswith("[]") else _TYPES.get(duckdb.partition("(")[0], "varchar")


def text(value: Any) -> str | None:
    """Return a value as Athena writes it; None for NULL."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _double(value)
    if isinstance(value, datetime):
        zone = " UTC" if value.tzinfo else ""
        # The %Y of strftime writes the year 1 as 1.
        return f"{value.year:04d}{value:-%m-%d %H:%M:%S}.{value.microsecond // 1000:03d}{zone}"
    return _structured(value)


def _structured(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(text(each) or "null" for each in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}={text(each) or 'null'}" for name, each in value.items()) + "}"
    if isinstance(value, bytes):
        return value.hex(" ")
    if isinstance(value, date):
        return value.isoformat()
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def _double(value: float) -> str:
    """As Java writes it: an exponent below 0.001 and from ten million on."""
    if value != value or value in (float("inf"), float("-inf")):
        return {"inf": "Infinity", "-inf": "-Infinity"}.get(str(value), "NaN")
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        return repr(value)
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    number = "".join(map(str, digits))
    return f"{'-' * sign}{number[0]}.{number[1:] or '0'}E{int(exponent) + len(number) - 1}"


def put(client: dict[str, Any], location: str, results: dict[str, Any]) -> None:
    """Write the CSV at `location`, an s3:// URI, and its metadata beside it."""
    bucket, _, key = location.removeprefix("s3://").partition("/")
    s3 = boto3.client("s3", **client)
    lines = [results["columns"], *results["rows"]]
    s3.put_object(Bucket=bucket, Key=key, Body="".join(map(_line, lines)).encode(), ContentType="text/csv")
    s3.put_object(Bucket=bucket, Key=f"{key}.metadata", Body=json.dumps(results["columns"]).encode())


def _line(values: list[str | None]) -> str:
    """Athena quotes every value, and leaves NULL empty."""
    return ",".join("" if value is None else '"' + value.replace('"', '""') + '"' for value in values) + "\n"
