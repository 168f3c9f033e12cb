"""The tables of `ecommerce_dwh`: names, columns and places, derived from the contracts.

The crawler registers the Delta tables; the others are plain Parquet, and the records of runs are lines of
JSON. These are declared with the infrastructure, so that they can be queried from the first minute.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ledgerlake import keys, names
from ledgerlake.contracts import DATASETS, Dataset
from ledgerlake.tables.ledger import COUNTS
from ledgerlake.tables.runs import COLUMNS

_NAMED = 10
"""So many columns are named in a message."""

LINEAGE = (
    ("_source_file", "string"),
    ("_source_row", "bigint"),
    ("_landed_at", "timestamp"),
    ("_batch_id", "string"),
)


@dataclass(frozen=True)
class Table:
    """One table of the catalogue.

    Args:
        columns: (name, type) in Hive's words, without the partition columns.
        prefix: where its files are, ending in a slash.
        partitions: (name, type) of Hive partitions; Delta tables keep theirs in the log.
        kind: how its files are written: `delta`, `parquet` or `json`.
    """

    name: str
    doc: str
    columns: tuple[tuple[str, str], ...]
    prefix: str
    partitions: tuple[tuple[str, str], ...] = ()
    kind: str = "parquet"


def delta_columns(dataset: Dataset) -> tuple[tuple[str, str], ...]:
    """(name, type) of the dataset's table: its contract's columns, then the lineage."""
    return (*((column.name, column.type) for column in dataset.columns), *LINEAGE)


def delta_tables() -> tuple[Table, ...]:
    """One per dataset; the crawler's targets."""
    return tuple(
        Table(dataset.name, dataset.doc, delta_columns(dataset), keys.table_prefix(dataset.name), kind="delta")
        for dataset in DATASETS.values()
    )


def declared_tables() -> tuple[Table, ...]:
    """Those that no crawler registers: the ledger, the records of runs; per dataset its rejects and its parked rows."""
    return (
        ledger_table(),
        runs_table(),
        *(table(dataset) for dataset in DATASETS.values() for table in (rejected_table, parked_table)),
    )


def ledger_table() -> Table:
    """Return the table of the ledger."""
    return Table(
        "ledger",
        "What became of every row of every delivery, one row per batch, dataset and delivery.",
        (
            ("batch_id", "string"),
            ("source_file", "string"),
            ("landed_at", "timestamp"),
            *((name, "bigint") for name in COUNTS),
            ("finished_at", "timestamp"),
        ),
        keys.LEDGER,
        partitions=(("dataset", "string"),),
    )


def runs_table() -> Table:
    """Return the table of the records of runs."""
    return Table(
        "runs",
        "What every run that finished a batch has used, and what that cost, by the prices of the day that is named.",
        COLUMNS,
        keys.RUNS,
        kind="json",
    )


def rejected_table(dataset: Dataset) -> Table:
    """Return the table of a dataset's rejects."""
    return Table(
        f"rejected_{dataset.name}",
        f"Rows of {dataset.name} that broke a rule, as delivered, each with all its reasons.",
        (
            ("batch_id", "string"),
            ("source_file", "string"),
            ("source_row", "bigint"),
            ("landed_at", "timestamp"),
            ("original", "string"),
            ("reasons", "array<string>"),
        ),
        keys.rejected_prefix(dataset.name),
    )


def parked_table(dataset: Dataset) -> Table:
    """Return the table of a dataset's parked rows."""
    return Table(
        f"parked_{dataset.name}",
        f"Valid rows of {dataset.name} that wait for a parent, and the tables it is missing in.",
        (*delta_columns(dataset), ("missing", "array<string>")),
        keys.parked_prefix(dataset.name),
    )


def differences(glue: Any) -> list[str]:
    """Return the differences between the Glue catalogue and the contracts, in words.

    The order of columns does not count: a crawler may put those of the partition last.
    """
    pages = glue.get_paginator("get_tables").paginate(DatabaseName=names.DATABASE)
    found = {table["Name"]: _columns(table) for page in pages for table in page["TableList"]}
    lines = []
    for table in delta_tables():
        if table.name not in found:
            lines.append(f"{table.name} is not in {names.DATABASE}")
        elif found[table.name] != dict(table.columns):
            changed = [" ".join(one) for one in sorted(set(found[table.name].items()) ^ set(table.columns))]
            named = ", ".join(changed[:_NAMED])
            more = f", and {len(changed) - _NAMED:,} more" if len(changed) > _NAMED else ""
            lines.append(f"{table.name} differs from its contract in {named}{more}")
    return lines


def _columns(table: dict[str, Any]) -> dict[str, str]:
    declared = [*table.get("StorageDescriptor", {}).get("Columns", []), *table.get("PartitionKeys", [])]
    return {column["Name"]: column.get("Type", "") for column in declared}
