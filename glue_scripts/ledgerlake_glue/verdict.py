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

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from ledgerlake.contracts import Dataset

WRITES = ("inserted", "updated")
CLOSING = "closing"
WITHDRAWN = "withdrawn"
_LINEAGE = ("_delivery_id", "_source_file", "_landed_at")
_VERSION = ("_delivery", "_source_row")
_PACKED = "shiftleft(cast(_delivery as bigint), 40) | _source_row"
"""A version as one number: up to eight million deliveries of up to a million million rows."""
_HAS_A_SAY = "(_reasons is null and _rows_read is null)"
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
        lineage: `_source_file` and `_landed_at` as columns that follow from `_delivery`: they need not be sorted
            with the rows.

    Returns:
        The columns of `candidates`, and `_fate`, `_missing` (array of the tables in which a
        parent is missing; NULL when none is), `_was` (of an updated row, the partition of the table's row) and `_lost`
        (of an updated row, the optional columns whose value it takes away).
    """
    judged = _with_missing(candidates, parents, dataset)
    packed, unpacked = _more(judged, dataset)
    ready = F.expr(f"if({_HAS_A_SAY} and _missing is null, {_PACKED}, null)").alias("_ready")
    slim = judged.select(*_groups(dataset), *packed, ready)
    window = Window.partitionBy(*(name for name in slim.columns if name.startswith("_group_")))
    version = F.expr(_PACKED).alias("_version")
    ranked = slim.withColumn("_winner", F.max("_ready").over(window)).select(*unpacked, version, "_winner")
    compared = _beside_table(ranked, table, dataset).select("*", *lineage)
    judged = compared.withColumn("_fate", F.expr(_fate(dataset)))
    was = (
        f"if(_fate = 'updated', cast(`_t_{dataset.partition_by[0]}` as string), null)"
        if dataset.partition_by
        else "null"
    )
    more = (F.expr(f"cast({was} as string)").alias("_was"), F.expr(_lost(dataset)).alias("_lost"))
    return judged.select(*candidates.columns, "_missing", "_fate", *more)


def _lost(dataset: Dataset) -> str:
    """Return SQL for the optional columns in which an updated row had a value and has none now; NULL for most rows."""
    gone = {
        column.name: f"(`_t_{column.name}` is not null and `{column.name}` is null)"
        for column in dataset.columns
        if not column.required
    }
    if not gone:
        return "cast(null as array<string>)"
    names = ", ".join(f"if({lost}, '{name}', null)" for name, lost in gone.items())
    some = f"filter(array({names}), name -> name is not null)"
    return f"if(_fate = 'updated' and ({' or '.join(gone.values())}), {some}, null)"


def _groups(dataset: Dataset) -> list[Column]:
    """Return what the candidates of one key have in common.

    Rows without a say are spread by their number, as their keys may all be NULL; it does not matter whose
    company they are in. A single number is sorted fastest.
    """
    if len(dataset.key) == 1 and dataset.column(dataset.key[0]).type in ("bigint", "int"):
        return [F.expr(f"if({_HAS_A_SAY}, `{dataset.key[0]}`, coalesce(_source_row, 0L))").alias("_group_0")]
    keys = [F.expr(f"if({_HAS_A_SAY}, `{name}`, null)").alias(f"_group_{n}") for n, name in enumerate(dataset.key, 1)]
    return [F.expr(f"if({_HAS_A_SAY}, 0L, 1L + coalesce(_source_row, 0L))").alias("_group_0"), *keys]


def _more(rows: DataFrame, dataset: Dataset) -> tuple[list[Column | str], list[Column | str]]:
    """Pack what few rows have as one column `_more` while all rows are sorted; and how to have it back from there."""
    kept = {*dataset.column_names, *_LINEAGE, *_VERSION}
    types = {name: kind for name, kind in rows.dtypes if name not in kept}
    flags = [name for name, kind in types.items() if kind == "boolean"]
    none = " and ".join([f"{name} is null" for name in types if name not in flags] + [f"not {name}" for name in flags])
    packed = F.expr(f"if({none}, null, struct({', '.join(types)}))").alias("_more")
    back = [
        F.expr(f"coalesce(_more.{name}, false)" if name in flags else f"_more.{name}").alias(name) for name in types
    ]
    others = [name for name in rows.columns if name in kept]
    return [*others, packed], [*others, *back]


def _with_missing(candidates: DataFrame, parents: dict[str, DataFrame], dataset: Dataset) -> DataFrame:
    if not dataset.references:
        return candidates.withColumn("_missing", F.lit(None).cast("array<string>"))

    keys = {f"parents_{n}": parents[reference.dataset] for n, reference in enumerate(dataset.references)}
    found = ", ".join(
        f"coalesce({{rows}}.`{reference.column}` in (select `{parents[reference.dataset].columns[0]}`"
        f" from {{parents_{n}}}), false) as _parent_{n}"
        for n, reference in enumerate(dataset.references)
    )
    # Unlike a join this cannot make two rows of one, should a damaged table hold a parent twice.
    marked = candidates.sparkSession.sql(f"select {{rows}}.*, {found} from {{rows}}", rows=candidates, **keys)  # type: ignore[arg-type]
    there = " and ".join(f"_parent_{n}" for n in range(len(dataset.references)))
    names = ", ".join(f"if(_parent_{n}, null, '{ref.dataset}')" for n, ref in enumerate(dataset.references))
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
    winner = "_winner is not null and _version = _winner"
    newer_than_winner = "(_winner is null or _version > _winner)"
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
