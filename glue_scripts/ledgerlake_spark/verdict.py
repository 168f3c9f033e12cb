"""The verdict: what is to become of every candidate row of a batch.

The tables are a function of the set of deliveries and of today's rules, never of the order or the
number of times in which they were processed. Per key, let *w* be the newest candidate whose
parents are there, and *t* the table's row:

- *w* is **inserted** when there is no *t*; **updated** when it is newer than *t*, or the same
  version with other content; **unchanged** when it is *t*; **superseded** when it is older;
- another candidate with a missing parent that is newer than *w* and *t* is **parked**;
- every other one is **superseded**.

Rejected rows and closing rows pass through, so that one pass over the files makes the whole stage.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from ledgerlake.contracts import Dataset

WRITES = ("inserted", "updated")
CLOSING = "closing"
WITHDRAWN = "withdrawn"
_LINEAGE = ("_delivery_id", "_source_file", "_landed_at")
_VERSION = ("_delivery", "_source_row")
_TABLE_VERSION = ("_landed_at", "_source_file", "_source_row")


def judge(
    candidates: DataFrame,
    table: DataFrame,
    parents: dict[str, DataFrame],
    dataset: Dataset,
    lineage: Sequence[Column] = (),
) -> DataFrame:
    """Give every row its fate.

    Args:
        candidates: the contract's typed columns, `_delivery`, `_source_row`, `_reasons` (NULL when
            valid), `_rows_read` (NULL but in closing rows), and the lineage `_source_file` and
            `_landed_at` of the delivery, unless these are given apart.
        table: the dataset's table as it stands, without the rows that are to be withdrawn.
        parents: by dataset name, their tables as this batch's jobs have left them.
        lineage: columns that follow from `_delivery`: they need not be sorted with the rows.

    Returns:
        The columns of `candidates` and the `lineage`, and `_fate`, `_missing` (array of the tables in which a
        parent is missing; NULL when none is) and `_was` (of an updated row, the partition of the table's row).
    """
    judged = _with_missing(candidates, parents, dataset)
    valid = "(_reasons is null and _rows_read is null)"
    # Rows without a say in the verdict are spread by their number: their keys may all be NULL.
    spread = F.expr(f"if({valid}, 0L, 1L + coalesce(_source_row, 0L))")
    window = Window.partitionBy(*dataset.key, spread)
    version = ", ".join(_VERSION)
    ready = F.expr(f"if({valid} and _missing is null, struct({version}), null)")
    ranked = judged.withColumn("_winner", F.max(ready).over(window))
    compared = _beside_table(ranked, table, dataset).select("*", *lineage)
    more = [name for name in compared.columns if name in _LINEAGE and name not in candidates.columns]
    judged = compared.withColumn("_fate", F.expr(_fate(dataset)))
    was = (
        f"if(_fate = 'updated', cast(`_t_{dataset.partition_by[0]}` as string), null)"
        if dataset.partition_by
        else "null"
    )
    return judged.select(
        *candidates.columns, *more, "_missing", "_fate", F.expr(f"cast({was} as string)").alias("_was")
    )


def _with_missing(candidates: DataFrame, parents: dict[str, DataFrame], dataset: Dataset) -> DataFrame:
    if not dataset.references:
        return candidates.withColumn("_missing", F.lit(None).cast("array<string>"))

    def mark(rows: DataFrame, number: int) -> DataFrame:
        reference = dataset.references[number]
        keys = parents[reference.dataset].columns[:1]
        there = parents[reference.dataset].select(F.col(keys[0]).alias(f"_parent_{number}"))
        return rows.join(there, F.col(reference.column) == F.col(f"_parent_{number}"), "left")

    marked = reduce(mark, range(len(dataset.references)), candidates)
    there = " and ".join(f"_parent_{n} is not null" for n in range(len(dataset.references)))
    names = ", ".join(f"if(_parent_{n} is null, '{ref.dataset}', null)" for n, ref in enumerate(dataset.references))
    # Of most rows nothing is missing: an array for each of them would cost more than all the rest of the verdict.
    missing = f"if({there}, null, array_distinct(filter(array({names}), name -> name is not null)))"
    known = marked.withColumn("_missing", F.expr(missing))
    return known.select(*candidates.columns, "_missing")


def _beside_table(rows: DataFrame, table: DataFrame, dataset: Dataset) -> DataFrame:
    there = table.select(
        *(F.col(name).alias(f"_t_{name}") for name in dataset.column_names),
        F.struct(*_TABLE_VERSION).alias("_t_version"),
    )
    condition = [F.col(name) == F.col(f"_t_{name}") for name in dataset.key]
    return rows.join(there, condition, "left")


def _fate(dataset: Dataset) -> str:
    version = f"struct({', '.join(_TABLE_VERSION)})"
    same = " and ".join(f"`{name}` <=> `_t_{name}`" for name in dataset.column_names)
    winner = f"_winner is not null and struct({', '.join(_VERSION)}) = _winner"
    newer_than_winner = f"(_winner is null or struct({', '.join(_VERSION)}) > _winner)"
    newer_than_table = f"(_t_version is null or {version} > _t_version)"
    return f"""case
        when _rows_read is not null then '{CLOSING}'
        when _reasons is not null then 'rejected'
        when {winner} then case
            when _t_version is null then 'inserted'
            when {version} > _t_version then 'updated'
            when {version} < _t_version then 'superseded'
            when {same} then 'unchanged'
            else 'updated' end
        when _missing is not null and {newer_than_winner} and {newer_than_table} then 'parked'
        else 'superseded' end"""
