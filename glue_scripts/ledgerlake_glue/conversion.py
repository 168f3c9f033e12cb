"""Conversion of a table and of its parked rows to the types of a contract that has changed some.

Only the job that writes a table converts it. Others read its rows as if they were converted already, so parents and
children may follow one contract in any order.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from ledgerlake.contracts import Dataset
from ledgerlake.errors import ContractError
from ledgerlake.keys import parked_prefix
from ledgerlake_glue.objects import s3
from ledgerlake_glue.parking import read_parked
from ledgerlake_glue.row_files import write_parked

_FOOTER = 1 << 16
_NAMES = {
    pa.int32(): "int",
    pa.int64(): "bigint",
    pa.float64(): "double",
    pa.bool_(): "boolean",
    pa.date32(): "date",
    pa.string(): "string",
}


def earlier_types(dataset: Dataset, there: Mapping[str, str]) -> dict[str, str]:
    """Return the columns that still have a type of an earlier contract, with that type.

    Args:
        there: types by column, as Spark names them.
    """
    return {column.name: there[column.name] for column in dataset.columns if there.get(column.name) in column.was}


def converted(rows: DataFrame, dataset: Dataset) -> DataFrame:
    """Return the rows with the contract's types."""
    changed = earlier_types(dataset, dict(rows.dtypes))
    if not changed:
        return rows
    return rows.select(
        *(_converted(dataset, name, changed[name]) if name in changed else F.col(name) for name in rows.columns)
    )


def convert_table(rows: DataFrame, dataset: Dataset, path: str) -> None:
    """Write the table again with the contract's types, in one commit; a retry finds the types changed.

    Args:
        rows: the whole table as it is stored.

    Raises:
        ContractError: a value has no equal of the new type; nothing is written.
    """
    changed = earlier_types(dataset, dict(rows.dtypes))
    _check_lossless(rows, dataset, changed)
    types = {name: [was, dataset.column(name).type] for name, was in changed.items()}
    writer = converted(rows, dataset).write.format("delta").mode("overwrite").option("overwriteSchema", "true")
    writer.option("userMetadata", json.dumps({"types": types})).partitionBy(*dataset.partition_by).save(path)


def convert_parked(spark: SparkSession, dataset: Dataset, bucket: str) -> None:
    """Write the parts of the parking that have earlier types again, each in one step."""
    if not dataset.references or not any(column.was for column in dataset.columns):
        return
    parts: dict[tuple[tuple[str, str], ...], list[str]] = {}
    pages = s3().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=parked_prefix(dataset.name))
    keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
    with ThreadPoolExecutor() as pool:
        for key, there in zip(keys, pool.map(lambda key: _stored_types(bucket, key), keys), strict=True):
            if changed := earlier_types(dataset, there):
                parts.setdefault(tuple(changed.items()), []).append(key)
    for types, group in parts.items():
        rows = read_parked(spark, dataset, bucket, group, dict(types))
        _check_lossless(rows, dataset, dict(types))
        write_parked(converted(rows, dataset), dataset, bucket)


def _check_lossless(rows: DataFrame, dataset: Dataset, changed: Mapping[str, str]) -> None:
    """Compare every value with what comes back of its new form; the change of a double depends on its values."""
    lost = [
        F.expr(f"count_if(not (cast({_sql(name, was, dataset.column(name).type)} as {was}) <=> `{name}`))").alias(name)
        for name, was in changed.items()
    ]
    counts = rows.agg(*lost).collect()[0].asDict()
    if wrong := [f"{count} values of {name}, {changed[name]}," for name, count in counts.items() if count]:
        types = ", ".join(f"{name} {dataset.column(name).type}" for name in changed)
        raise ContractError(
            f"{dataset.name}: {' and '.join(wrong)} have no equal of the new type",
            expected=f"values that fit {types}",
            remedy="give the column a type that is wide enough, or keep it and add a new, optional one beside it",
        )


def _converted(dataset: Dataset, name: str, was: str) -> Column:
    column = dataset.column(name)
    return F.expr(_sql(name, was, column.type)).alias(name, metadata={"comment": column.doc})


def _sql(name: str, was: str, now: str) -> str:
    if was.startswith("decimal") and now == "string":
        # A cast would write small numbers with an exponent.
        scale = was.rpartition(",")[2].rstrip(")")
        return f"replace(format_number(`{name}`, {scale}), ',', '')"
    # The shortest text of a double is the number that was meant: 0.1, and not 0.1000000000000000055.
    value = f"cast(`{name}` as string)" if was == "double" else f"`{name}`"
    return f"cast({value} as {now})"


def _stored_types(bucket: str, key: str) -> dict[str, str]:
    """Return the types in a Parquet object, read from its footer."""
    footer = s3().get_object(Bucket=bucket, Key=key, Range=f"bytes=-{_FOOTER}")["Body"].read()
    size = int.from_bytes(footer[-8:-4], "little") + 8
    if size > len(footer):
        footer = s3().get_object(Bucket=bucket, Key=key, Range=f"bytes=-{size}")["Body"].read()
    return {field.name: _spark_name(field.type) for field in pq.read_schema(pa.BufferReader(footer))}


def _spark_name(kind: pa.DataType) -> str:
    if pa.types.is_decimal(kind):
        return f"decimal({kind.precision},{kind.scale})"
    return "timestamp" if pa.types.is_timestamp(kind) else _NAMES.get(kind, str(kind))
