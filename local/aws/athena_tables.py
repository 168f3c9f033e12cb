"""The catalogue's tables as DuckDB relations: Delta by its log, Parquet and lines of JSON by listing the prefix.

Columns are those of the catalogue, found by name and cast to its types; so an empty prefix is an
empty table, as in Athena.
"""

from __future__ import annotations

import io
import json
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import boto3
import deltalake
import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from sqlglot import exp

from local.aws.athena_errors import AthenaError, table_not_found
from local.aws_clients import client_arguments, storage_options
from local.home import Home

_CACHED = 2000
"""Objects that are kept in memory; they are never changed under the same ETag."""
_cache: OrderedDict[tuple[str, str, str], pa.Table] = OrderedDict()


@dataclass(frozen=True)
class Catalogue:
    """The tables of the local Glue.

    Args:
        glue: `<database>/<table>` → the table as GetTable returns it.
    """

    glue: dict[str, dict[str, Any]]
    database_names: tuple[str, ...]
    home: Home

    @classmethod
    def of_server(cls, home: Home) -> Catalogue:
        """As it is now, in the server's own memory."""
        from ministack.services import glue

        return cls(dict(glue._tables.items()), tuple(glue._databases.keys()), home)

    def find(self, database: str, name: str) -> dict[str, Any] | None:
        """Return the table as Glue has it; None where there is none."""
        return self.glue.get(f"{database}/{name}")

    def tables(self, database: str) -> list[str]:
        """Return the names of the tables of a database, sorted."""
        return sorted(key.partition("/")[2] for key in self.glue if key.startswith(f"{database}/"))

    def databases(self) -> list[str]:
        """Return the names of the databases, sorted."""
        return sorted(self.database_names)

    def register(self, connection: duckdb.DuckDBPyConnection, database: str, name: str) -> None:
        """Make the table known to `connection` as `database.name`.

        Raises:
            AthenaError: the catalogue has no such table, or its files cannot be read.
        """
        table = self.find(database, name)
        if table is None:
            raise table_not_found(database, name)
        try:
            rows = self._rows(table)
        except Exception as error:
            raise AthenaError(f"HIVE_CANNOT_OPEN_SPLIT: {database}.{name}: {' '.join(str(error).split())}") from error
        source = f"{database} {name}"
        connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{database}"')
        connection.register(source, rows)
        projected = ", ".join(_projection(name, kind, rows.schema.names) for name, kind in _types(table).items())
        connection.execute(f'CREATE VIEW "{database}"."{name}" AS SELECT {projected} FROM "{source}"')

    def schema(self, tables: Iterable[tuple[str, str]]) -> dict[str, dict[str, dict[str, str]]]:
        """Database → table → column → type in Trino's words, of those of `tables` that are there."""
        found: dict[str, dict[str, dict[str, str]]] = {}
        for database, name in tables:
            if table := self.find(database, name):
                found.setdefault(database, {})[name] = _types(table)
        return found

    def _rows(self, table: dict[str, Any]) -> Any:
        location = table["StorageDescriptor"]["Location"]
        if _is_delta(table):
            return deltalake.DeltaTable(
                location.rstrip("/"), storage_options=storage_options(self.home)
            ).to_pyarrow_dataset()
        return self._files(location, _is_json(table))

    def _files(self, location: str, as_json: bool) -> pa.Table:
        """All rows below `location`, with the columns that `key=value` folders name."""
        s3 = boto3.client("s3", **client_arguments(self.home))
        bucket, _, prefix = location.removeprefix("s3://").partition("/")
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        entries = [entry for page in pages for entry in page.get("Contents", [])]
        seen = [entry for entry in entries if not _hidden(entry["Key"].removeprefix(prefix))]
        read = _read_json if as_json else _read_parquet
        parts = [_partitioned(_read(s3, bucket, entry, read), entry["Key"].removeprefix(prefix)) for entry in seen]
        return (
            pa.concat_tables(parts, promote_options="permissive") if parts else pa.table({"": pa.array([], pa.null())})
        )


def duckdb_type(hive: str) -> str:
    """`array<string>` and the like in DuckDB's words."""
    dialect = "trino" if hive.endswith("time zone") else "hive"
    return exp.DataType.build(hive, dialect=dialect).sql(dialect="duckdb")


def _is_delta(table: dict[str, Any]) -> bool:
    return bool((table.get("Parameters") or {}).get("table_type", "").lower() == "delta")


def _is_json(table: dict[str, Any]) -> bool:
    serde = table["StorageDescriptor"].get("SerdeInfo") or {}
    return str(serde.get("SerializationLibrary", "")).endswith("JsonSerDe")


def _types(table: dict[str, Any]) -> dict[str, str]:
    """Column → type. A timestamp of Delta is a moment, so Athena gives it with its zone."""
    zoned = {"timestamp": "timestamp with time zone"} if _is_delta(table) else {}
    return {each["Name"]: zoned.get(each["Type"].lower(), each["Type"]) for each in _columns(table)}


def _columns(table: dict[str, Any]) -> list[dict[str, str]]:
    return [*table["StorageDescriptor"].get("Columns", []), *(table.get("PartitionKeys") or [])]


def _projection(name: str, kind: str, there: list[str]) -> str:
    found = next((each for each in there if each.lower() == name.lower()), None)
    value = f'"{found}"' if found else "NULL"
    if kind.startswith("timestamp"):  # Athena has milliseconds, rounded
        value = f"date_trunc('millisecond', CAST({value} AS {duckdb_type(kind)}) + INTERVAL 500 MICROSECOND)"
    return f'CAST({value} AS {duckdb_type(kind)}) AS "{name}"'


def _hidden(relative: str) -> bool:
    """Athena ignores folders, and objects whose path has a part that begins with `_` or a dot."""
    return not relative or relative.endswith("/") or any(part.startswith(("_", ".")) for part in relative.split("/"))


def _read(s3: Any, bucket: str, entry: Any, read: Callable[[bytes], pa.Table]) -> pa.Table:
    place = (bucket, entry["Key"], entry["ETag"])
    if place not in _cache:
        _cache[place] = read(s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read())
        while len(_cache) > _CACHED:
            _cache.popitem(last=False)
    return _cache[place]


def _read_parquet(body: bytes) -> pa.Table:
    return pq.read_table(io.BytesIO(body))


def _read_json(body: bytes) -> pa.Table:
    """One row a line."""
    return pa.Table.from_pylist([json.loads(line) for line in body.splitlines() if line.strip()])


def _partitioned(rows: pa.Table, relative: str) -> pa.Table:
    for part in relative.split("/")[:-1]:
        name, equals, value = part.partition("=")
        if equals and name not in rows.schema.names:
            rows = rows.append_column(name, pa.array([value] * len(rows), pa.string()))
    return rows
