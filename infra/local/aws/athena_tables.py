"""The catalogue's tables as DuckDB relations: Delta by its log, Parquet by listing the prefix.

Columns are those of the catalogue, found by name and cast to its types; so an empty prefix is an
empty table, as in Athena.
"""

from __future__ import annotations

import io
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import boto3
import deltalake
import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from sqlglot import exp

from infra.local.aws.athena_errors import AthenaError, table_not_found
from infra.local.aws_clients import client_arguments, storage_options
from infra.local.home import Home

_CACHED = 2000
"""Parquet objects that are kept in memory; they are never changed under the same ETag."""
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
        return self.glue.get(f"{database}/{name}")

    def tables(self, database: str) -> list[str]:
        return sorted(key.partition("/")[2] for key in self.glue if key.startswith(f"{database}/"))

    def databases(self) -> list[str]:
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
        projected = ", ".join(_projection(column, rows.schema.names) for column in _columns(table))
        connection.execute(f'CREATE VIEW "{database}"."{name}" AS SELECT {projected} FROM "{source}"')

    def _rows(self, table: dict[str, Any]) -> Any:
        location = table["StorageDescriptor"]["Location"]
        if (table.get("Parameters") or {}).get("table_type", "").lower() == "delta":
            return deltalake.DeltaTable(
                location.rstrip("/"), storage_options=storage_options(self.home)
            ).to_pyarrow_dataset()
        return self._parquet(location)

    def _parquet(self, location: str) -> pa.Table:
        """All rows below `location`, with the columns that `key=value` folders name."""
        s3 = boto3.client("s3", **client_arguments(self.home))
        bucket, _, prefix = location.removeprefix("s3://").partition("/")
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        entries = [entry for page in pages for entry in page.get("Contents", [])]
        seen = [entry for entry in entries if not _hidden(entry["Key"].removeprefix(prefix))]
        parts = [_partitioned(_read(s3, bucket, entry), entry["Key"].removeprefix(prefix)) for entry in seen]
        return (
            pa.concat_tables(parts, promote_options="permissive") if parts else pa.table({"": pa.array([], pa.null())})
        )


def duckdb_type(hive: str) -> str:
    """`array<string>` and the like in DuckDB's words."""
    return exp.DataType.build(hive, dialect="hive").sql(dialect="duckdb")


def _columns(table: dict[str, Any]) -> list[dict[str, str]]:
    return [*table["StorageDescriptor"].get("Columns", []), *(table.get("PartitionKeys") or [])]


def _projection(column: dict[str, str], there: list[str]) -> str:
    name = column["Name"]
    found = next((each for each in there if each.lower() == name.lower()), None)
    value = f'"{found}"' if found else "NULL"
    return f'CAST({value} AS {duckdb_type(column["Type"])}) AS "{name}"'


def _hidden(relative: str) -> bool:
    """Athena ignores folders, and objects whose path has a part that begins with `_` or a dot."""
    return not relative or relative.endswith("/") or any(part.startswith(("_", ".")) for part in relative.split("/"))


def _read(s3: Any, bucket: str, entry: dict[str, Any]) -> pa.Table:
    place = (bucket, entry["Key"], entry["ETag"])
    if place not in _cache:
        _cache[place] = pq.read_table(io.BytesIO(s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read()))
        while len(_cache) > _CACHED:
            _cache.popitem(last=False)
    return _cache[place]


def _partitioned(rows: pa.Table, relative: str) -> pa.Table:
    for part in relative.split("/")[:-1]:
        name, equals, value = part.partition("=")
        if equals and name not in rows.schema.names:
            rows = rows.append_column(name, pa.array([value] * len(rows), pa.string()))
    return rows
