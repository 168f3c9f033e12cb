"""A batch's files as one DataFrame of text: each file is parsed by Arrow in one Spark task."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import IntegerType, LongType, StringType, StructField, StructType

from ledgerlake.contracts import Dataset
from ledgerlake.deliveries import Delivery
from ledgerlake_spark.csv_files import BrokenFile, Rows
from ledgerlake_spark.objects import Missing, open_delivery

_TASKS_PER_CORE = 4
"""A task costs as much as reading a megabyte, so many small files share one; large ones spread out."""

MISSING_FILE = "missing_file: the object was deleted after the batch was planned"


def read_deliveries(
    spark: SparkSession,
    dataset: Dataset,
    deliveries: Mapping[int, Delivery],
    bucket: str,
    broken: Mapping[int, str] | None = None,
) -> DataFrame:
    """Every row of the given deliveries as text, and one closing row for each delivery.

    Args:
        deliveries: by the number that stands for them in `_delivery`.
        broken: deliveries found unreadable in an earlier pass, with the reason; they are not opened.

    Returns:
        The contract's columns as text; `_delivery`; `_source_row` (from 1; NULL in closing rows);
        `_problem` (why the row, or in a closing row the file, could not be read);
        `_rows_read` (in closing rows only) and `_unknown` (in closing rows: a JSON list of the
        file's columns that the contract does not have).
    """
    tasks = _dealt(deliveries, _TASKS_PER_CORE * spark.sparkContext.defaultParallelism)
    files = spark.range(0, len(tasks), 1, len(tasks))
    return files.mapInArrow(_reader(dataset, bucket, tasks, broken or {}), _schema(dataset))


def _dealt(deliveries: Mapping[int, Delivery], most: int) -> list[list[tuple[int, Delivery]]]:
    """The deliveries of each task with their numbers, the large files dealt out first."""
    largest_first = sorted(deliveries.items(), key=lambda entry: -entry[1].size)
    tasks = max(1, min(most, len(deliveries)))
    return [largest_first[task::tasks] for task in range(tasks)]


def _schema(dataset: Dataset) -> StructType:
    return StructType(
        [
            *(StructField(name, StringType()) for name in dataset.column_names),
            StructField("_source_row", LongType()),
            StructField("_problem", StringType()),
            StructField("_delivery", IntegerType()),
            StructField("_rows_read", LongType()),
            StructField("_unknown", StringType()),
        ]
    )


def _reader(
    dataset: Dataset, bucket: str, tasks: list[list[tuple[int, Delivery]]], broken: Mapping[int, str]
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for task in batch["id"].to_pylist():
                for number, delivery in tasks[task]:
                    yield from _read_one(dataset, bucket, number, delivery, broken.get(number))

    return read


def _read_one(
    dataset: Dataset, bucket: str, number: int, delivery: Delivery, broken: str | None
) -> Iterator[pa.RecordBatch]:
    rows = Rows(lambda: open_delivery(bucket, delivery), dataset)
    problem = broken or _unknown_format(dataset, delivery)
    if problem is None:
        try:
            for batch in rows:
                yield _with_delivery(batch, number)
        except BrokenFile as error:
            problem = str(error)
        except Missing:
            problem = MISSING_FILE
    yield _closing_row(dataset, number, rows, problem)


def _unknown_format(dataset: Dataset, delivery: Delivery) -> str | None:
    if delivery.key.lower().endswith(dataset.formats):
        return None
    return f"unknown_format: {delivery.key.rpartition('/')[2]} does not end in {' or '.join(dataset.formats)}"


def _with_delivery(batch: pa.RecordBatch, number: int) -> pa.RecordBatch:
    size = batch.num_rows
    constant = [
        pa.repeat(pa.scalar(number, pa.int32()), size),
        pa.nulls(size, pa.int64()),
        pa.nulls(size, pa.string()),
    ]
    return pa.RecordBatch.from_arrays(
        [*batch.columns, *constant], [*batch.schema.names, "_delivery", "_rows_read", "_unknown"]
    )


def _closing_row(dataset: Dataset, number: int, rows: Rows, problem: str | None) -> pa.RecordBatch:
    texts = [pa.nulls(1, pa.string()) for _ in dataset.columns]
    return pa.RecordBatch.from_arrays(
        [
            *texts,
            pa.nulls(1, pa.int64()),
            pa.array([problem], pa.string()),
            pa.array([number], pa.int32()),
            pa.array([rows.count], pa.int64()),
            pa.array([json.dumps(rows.unknown)], pa.string()),
        ],
        [*dataset.column_names, "_source_row", "_problem", "_delivery", "_rows_read", "_unknown"],
    )
