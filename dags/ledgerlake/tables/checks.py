"""The checks that Athena runs after every batch, derived from the contracts.

They are about tables, not about a batch: whether a batch is published and archived, `evidence` says from S3.

Each is one query that returns the offending rows, at most 20 of a kind, as
(dataset, offending, detail); a check passes when it returns none.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ledgerlake.contracts import DATASETS, Dataset

LIMIT = 20
WHOLE_READING = "restored = 0 AND released = 0"


@dataclass(frozen=True)
class Check:
    """A question to Athena whose answer should be no row.

    Args:
        says: what holds when it passes; what is broken when it does not.
    """

    name: str
    says: str
    sql: str


def checks() -> tuple[Check, ...]:
    """Every check, over all datasets."""
    every = tuple(DATASETS.values())
    return (
        Check("primary_keys_unique", "every key has one row", _union(map(_keys, every))),
        Check("references_hold", "every row's parents are there", _union(_references(every))),
        Check("required_not_null", "no required column is NULL", _union(map(_required, every))),
        Check("counts_match_ledger", "tables, rejects and parking hold what the ledger says", _union(_counts(every))),
        Check("tables_not_empty", "every table whose rows were loaded has rows", _union(map(_empty, every))),
    )


def check(name: str) -> Check:
    """Return the check of that name; KeyError where there is none."""
    return {each.name: each for each in checks()}[name]


def _union(queries: Iterable[str]) -> str:
    return "\nUNION ALL\n".join(f"SELECT * FROM ({query})" for query in queries)


def _key(dataset: Dataset, alias: str) -> str:
    return " || ',' || ".join(f"coalesce(CAST({alias}.{name} AS varchar), 'NULL')" for name in dataset.key)


def _keys(dataset: Dataset) -> str:
    names = ", ".join(f"t.{name}" for name in dataset.key)
    return (
        f"SELECT '{dataset.name}' AS dataset, {_key(dataset, 't')} AS offending, "
        f"CAST(count(*) AS varchar) || ' rows of one key' AS detail "
        f"FROM {dataset.name} t GROUP BY {names} HAVING count(*) > 1 LIMIT {LIMIT}"
    )


def _references(datasets: tuple[Dataset, ...]) -> Iterable[str]:
    for dataset in datasets:
        for reference in dataset.references:
            parent = DATASETS[reference.dataset]
            yield (
                f"SELECT '{dataset.name}' AS dataset, {_key(dataset, 't')} AS offending, "
                f"'{reference.column} ' || coalesce(CAST(t.{reference.column} AS varchar), 'NULL') "
                f"|| ' is not in {parent.name}' AS detail "
                f"FROM {dataset.name} t LEFT JOIN {parent.name} p "
                f"ON {_comparable(parent, parent.key[0], 'p')} = {_comparable(dataset, reference.column, 't')} "
                f"WHERE p.{parent.key[0]} IS NULL LIMIT {LIMIT}"
            )


def _comparable(dataset: Dataset, name: str, alias: str) -> str:
    """Return the column, cast where a table may not be converted yet because its job has had nothing to do."""
    column = dataset.column(name)
    sql_type = "varchar" if column.type == "string" else column.type
    return f"CAST({alias}.{name} AS {sql_type})" if column.was else f"{alias}.{name}"


def _required(dataset: Dataset) -> str:
    null = " || ".join(f"CASE WHEN t.{name} IS NULL THEN '{name} ' ELSE '' END" for name in dataset.required)
    where = " OR ".join(f"t.{name} IS NULL" for name in dataset.required)
    return (
        f"SELECT '{dataset.name}' AS dataset, {_key(dataset, 't')} AS offending, "
        f"'NULL in ' || {null} AS detail FROM {dataset.name} t WHERE {where} LIMIT {LIMIT}"
    )


def _counts(datasets: tuple[Dataset, ...]) -> Iterable[str]:
    for dataset in datasets:
        for table, said in (
            (dataset.name, "inserted - withdrawn"),
            (f"rejected_{dataset.name}", "CASE WHEN finished_at = read_at THEN rejected ELSE 0 END"),
            (f"parked_{dataset.name}", "CASE WHEN finished_at >= read_at THEN parked - released ELSE 0 END"),
        ):
            yield (
                f"SELECT '{dataset.name}' AS dataset, '{table}' AS offending, "
                f"CAST(a.held AS varchar) || ' rows, but the ledger says ' || CAST(b.said AS varchar) AS detail "
                f"FROM (SELECT count(*) AS held FROM {table}) a "
                f"CROSS JOIN (SELECT coalesce(sum({said}), 0) AS said FROM {_entries(dataset)}) b "
                f"WHERE a.held <> b.said"
            )


def _entries(dataset: Dataset) -> str:
    """Return SQL for the ledger's entries, each with the time of its delivery's last whole reading.

    A delivery that is read again replaces its rejects and its parked rows, so what earlier entries
    say of these is history. An entry without restored or released rows is a whole reading.
    """
    return (
        "(SELECT *, max(CASE WHEN whole THEN finished_at END) OVER (PARTITION BY source_file, landed_at) AS read_at "
        f"FROM (SELECT *, {WHOLE_READING} AS whole FROM ledger WHERE dataset = '{dataset.name}'))"
    )


def _empty(dataset: Dataset) -> str:
    """No row, although the ledger says that some should be there: a table is empty while all its rows are rejected."""
    return (
        f"SELECT '{dataset.name}' AS dataset, '{dataset.name}' AS offending, "
        f"'no row, but ' || CAST(b.loaded AS varchar) || ' should be there' AS detail "
        f"FROM (SELECT count(*) AS held FROM {dataset.name}) a "
        f"CROSS JOIN (SELECT coalesce(sum(inserted - withdrawn), 0) AS loaded "
        f"FROM ledger WHERE dataset = '{dataset.name}') b "
        f"WHERE a.held = 0 AND b.loaded > 0"
    )
