"""Rows whose every value is written plainly, of a large batch: their reader writes them into the stage, typed.

They are nearly all. Spark reads of them what the verdict needs, and all of them only to merge them; to make rows of
Spark of them, sort these by key and write them again was half of the time of a large file.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import reduce

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from ledgerlake.contracts import Dataset
from ledgerlake_spark.objects import s3
from ledgerlake_spark.plain_values import ARROW_TYPES, AS_WRITTEN
from ledgerlake_spark.texts import text_names
from ledgerlake_spark.typing_rules import text_of
from ledgerlake_spark.validation import validate

_ROWS = 1 << 20
"""Rows of an object: they are held in memory, in some sixty megabytes, until it is written."""
_VERSION = {"_source_row": pa.int64(), "_delivery": pa.int32()}
_NOTHING = {"_problem": "string", "_rows_read": "bigint", "_unknown": "string"}


def may_be_apart(dataset: Dataset) -> bool:
    """Whether plain values alone say all that a person is told of a row: shown ones must be texts as written."""
    shown = {name for rule in dataset.rules for name in rule.shows}
    return all(column.type in (*AS_WRITTEN, "string") for column in dataset.columns if column.name in shown)


@dataclass(frozen=True)
class PlainRows:
    """The plain rows of one attempt.

    Args:
        folder: in the bucket, `…/`.
    """

    dataset: Dataset
    bucket: str
    folder: str

    def begin(self) -> None:
        """Write an object without rows, so that there is a table also where no row is plain."""
        self.write(_schema(self.dataset).empty_table(), "none")

    def write(self, rows: pa.Table, name: str) -> None:
        """Write one object; written again, it is replaced whole."""
        body = io.BytesIO()
        pq.write_table(rows, body, use_dictionary=[*self.dataset.partition_by, "_delivery"])
        s3().put_object(Bucket=self.bucket, Key=f"{self.folder}{name}.parquet", Body=body.getvalue())

    def values(self, spark: SparkSession) -> DataFrame:
        """The contract's columns, `_delivery` and `_source_row`."""
        columns = (
            F.expr(text_of(column, self.dataset)).alias(column.name) if column.type == "string" else column.name
            for column in self.dataset.columns
        )
        return self._written(spark).select(*columns, *_VERSION)

    def judged(self, spark: SparkSession) -> DataFrame:
        """The rows as `validate` returns them."""
        nothing = dict.fromkeys(text_names(self.dataset), "string") | _NOTHING
        none = (F.lit(None).cast(kind).alias(name) for name, kind in nothing.items())
        return validate(self._written(spark).select("*", *none), self.dataset)

    def _written(self, spark: SparkSession) -> DataFrame:
        columns = ", ".join(f"`{column.name}` {column.type}" for column in self.dataset.columns)
        rows = spark.read.schema(f"{columns}, _source_row bigint, _delivery int")
        return rows.parquet(f"s3://{self.bucket}/{self.folder}")


class Kept:
    """The plain rows that one task has read.

    Args:
        task: names the objects; a task that is tried again writes the same ones.
    """

    def __init__(self, rows: PlainRows, task: int) -> None:
        self._rows, self._task = rows, task
        self._schema = _schema(rows.dataset)
        self._texts = text_names(rows.dataset)
        self._held: list[pa.RecordBatch] = []
        self._objects = 0

    def others(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Keep the plain rows of what was read; returns the others."""
        unusual = [batch[name] for name in ("_problem", *self._texts) if batch[name].null_count < batch.num_rows]
        other = reduce(pc.or_, map(pc.is_valid, unusual)) if unusual else None
        plain = batch.select(self._schema.names)
        self._held.append(plain if other is None else plain.filter(pc.invert(other)))
        if sum(held.num_rows for held in self._held) >= _ROWS:
            self.write()
        return batch.slice(0, 0) if other is None else batch.filter(other)

    def write(self) -> None:
        """Write what is held."""
        table = pa.Table.from_batches(self._held, self._schema)
        if table.num_rows:
            self._rows.write(table, f"{self._task:05}-{self._objects:05}")
        self._held, self._objects = [], self._objects + 1


def _schema(dataset: Dataset) -> pa.Schema:
    columns = {column.name: ARROW_TYPES[column.type] for column in dataset.columns}
    return pa.schema(list((columns | _VERSION).items()))
