"""A batch's files as one DataFrame: each file, or section of one, is parsed by Arrow in one Spark task.

Its values are typed there as far as they are written plainly.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from ledgerlake.contracts import Column, Dataset
from ledgerlake.intake.deliveries import Delivery
from ledgerlake_glue import without_pandas
from ledgerlake_glue.csv_files import BrokenFile, Rows, Section
from ledgerlake_glue.exact_values import decimals, inexact
from ledgerlake_glue.objects import Missing, open_delivery
from ledgerlake_glue.plain_values import AS_WRITTEN, arrow_type, left_over, plain
from ledgerlake_glue.rejected_files import lines_rejected

_TASKS_PER_CORE = 4
"""A task costs as much as reading a megabyte, so many small files share one; large ones spread out."""

MISSING_FILE = "missing_file: the object was deleted after the batch was planned"


def read_deliveries(
    spark: SparkSession,
    dataset: Dataset,
    deliveries: Mapping[int, Delivery],
    bucket: str,
    broken: Mapping[int, str] | None = None,
    sections: Mapping[int, Sequence[Section]] | None = None,
) -> DataFrame:
    """Every row of the given deliveries, and a closing row for each delivery, or each section of it.

    Args:
        deliveries: by the number that stands for them in `_delivery`.
        broken: deliveries found unreadable in an earlier pass, with the reason; they are not opened.
        sections: of deliveries that several tasks read.

    Returns:
        The contract's columns, typed where their text is plain, else NULL; for each column that is no text,
        `_text_<column>`: its text where that is not plain or is to be shown, else NULL; `_delivery`;
        `_source_row` (from 1; NULL in closing rows); `_problem` (why the row, or in a closing row the file,
        could not be read); in closing rows only `_rows_read`, `_blank_rows`, `_unknown` and `_absent` (JSON lists:
        the file's columns that the contract does not have, and optional ones that the file does not have) and
        `_lines` (those of a file that is rejected whole, NULL where it is no text); `_inexact`, the reasons to
        reject values of which only a part would be kept.
    """
    broken, sections = broken or {}, sections or {}
    readings = [
        Reading(number, delivery, section, broken.get(number))
        for number, delivery in deliveries.items()
        for section in sections.get(number, (None,))
    ]
    tasks = _dealt(readings, _TASKS_PER_CORE * spark.sparkContext.defaultParallelism)
    files = spark.range(0, len(tasks), 1, len(tasks))
    return files.mapInArrow(_reader(dataset, bucket, tasks), _schema(dataset))  # type: ignore[arg-type]


@dataclass(frozen=True)
class Reading:
    """What is read in one go.

    Args:
        number: stands for the delivery.
        section: of it; None for the whole.
        broken: why it cannot be read, if that is known already.
    """

    number: int
    delivery: Delivery
    section: Section | None
    broken: str | None

    @property
    def size(self) -> int:
        """In bytes."""
        return self.section.stop - self.section.start if self.section else self.delivery.size


def _dealt(readings: Sequence[Reading], most: int) -> list[list[Reading]]:
    """Return the files of each task, the large ones dealt out first."""
    largest_first = sorted(readings, key=lambda reading: -reading.size)
    tasks = max(1, min(most, len(readings)))
    return [largest_first[task::tasks] for task in range(tasks)]


def _schema(dataset: Dataset) -> str:
    names = ", ".join(f"`{column.name}` {column.type}" for column in dataset.columns)
    texts = "".join(f", `{text_name(column)}` string" for column in dataset.columns if column.type != "string")
    others = (
        "_source_row bigint, _problem string, _delivery int, _rows_read bigint, _blank_rows bigint, _unknown string, "
        "_inexact array<string>, _absent string, _lines bigint"
    )
    return f"{names}{texts}, {others}"


def text_name(column: Column) -> str:
    """Return the column beside one that is no text, for texts that are not plain."""
    return f"_text_{column.name}"


def _reader(
    dataset: Dataset, bucket: str, tasks: list[list[Reading]]
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        without_pandas.forbid()
        for batch in batches:
            for task in batch["id"].to_pylist():
                for reading in tasks[task]:
                    yield from _read_one(dataset, bucket, reading)

    return read


def _read_one(dataset: Dataset, bucket: str, reading: Reading) -> Iterator[pa.RecordBatch]:
    stream = partial(open_delivery, bucket, reading.delivery)
    rows = Rows(stream, dataset, reading.section, reading.delivery.key)
    problem = reading.broken or _unknown_format(dataset, reading.delivery)
    if problem is None:
        try:
            for batch in rows:
                yield _with_delivery(dataset, batch, reading.number)
        except BrokenFile as error:
            problem = str(error)
        except Missing:
            problem = MISSING_FILE
    lines = lines_rejected(stream) if problem else 0
    yield _closing_row(dataset, reading.number, rows, problem, lines)


def _unknown_format(dataset: Dataset, delivery: Delivery) -> str | None:
    if delivery.key.lower().endswith(dataset.formats):
        return None
    return f"unknown_format: {delivery.key.rpartition('/')[2]} does not end in {' or '.join(dataset.formats)}"


def _with_delivery(dataset: Dataset, batch: pa.RecordBatch, number: int) -> pa.RecordBatch:
    size = batch.num_rows
    typed = [_typed(dataset, column, batch[column.name]) for column in dataset.columns]
    return _record_batch(
        dataset,
        [values for values, _ in typed],
        [texts for _, texts in typed if texts is not None],
        _source_row=batch["_source_row"],
        _problem=batch["_problem"],
        _delivery=pa.repeat(pa.scalar(number, pa.int32()), size),
        _rows_read=pa.nulls(size, pa.int64()),
        _blank_rows=pa.nulls(size, pa.int64()),
        _unknown=pa.nulls(size, pa.string()),
        _inexact=_inexact(dataset, batch),
        _absent=pa.nulls(size, pa.string()),
        _lines=pa.nulls(size, pa.int64()),
    )


def _inexact(dataset: Dataset, batch: pa.RecordBatch) -> pa.Array:
    """Of each row the reasons to reject values of which only a part would be kept, NULL where there are none."""
    found: dict[int, list[str]] = {}
    for column in dataset.columns:
        for place, reason in inexact(batch[column.name], column, dataset):
            found.setdefault(place, []).append(reason)
    kind = pa.list_(pa.string())
    return pa.array(map(found.get, range(batch.num_rows)), kind) if found else pa.nulls(batch.num_rows, kind)


def _typed(dataset: Dataset, column: Column, texts: pa.Array) -> tuple[pa.Array, pa.Array | None]:
    """Return the plain values of a column, and the texts that Spark needs; a column of text is left as it is."""
    if column.type == "string":
        return texts, None
    values = decimals(texts, column, dataset) if column.digits else plain(texts, column, dataset.null_words)
    is_shown = column.type not in AS_WRITTEN and any(column.name in rule.shows for rule in dataset.rules)
    return values, texts if is_shown else left_over(texts, values)


def _closing_row(dataset: Dataset, number: int, rows: Rows, problem: str | None, lines: int | None) -> pa.RecordBatch:
    return _record_batch(
        dataset,
        [pa.nulls(1, arrow_type(column)) for column in dataset.columns],
        [pa.nulls(1, pa.string()) for column in dataset.columns if column.type != "string"],
        _source_row=pa.nulls(1, pa.int64()),
        _problem=pa.array([problem], pa.string()),
        _delivery=pa.array([number], pa.int32()),
        _rows_read=pa.array([rows.count], pa.int64()),
        _blank_rows=pa.array([rows.blank_rows], pa.int64()),
        _unknown=pa.array([json.dumps(rows.unknown)], pa.string()),
        _inexact=pa.nulls(1, pa.list_(pa.string())),
        _absent=pa.array([json.dumps(rows.absent)], pa.string()),
        _lines=pa.array([lines], pa.int64()),
    )


def _record_batch(
    dataset: Dataset, values: list[pa.Array], texts: list[pa.Array], **others: pa.Array
) -> pa.RecordBatch:
    text_names = [text_name(column) for column in dataset.columns if column.type != "string"]
    names = [*dataset.column_names, *text_names, *others]
    return pa.RecordBatch.from_arrays([*values, *texts, *others.values()], names)
