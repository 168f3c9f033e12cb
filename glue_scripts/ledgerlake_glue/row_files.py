"""Rejects and parked rows: one Parquet object for each delivery, replaced whole.

What a delivery's rejects are follows from the delivery and today's rules alone, and an object is
replaced in one step; so a retry, or processing the delivery again, leaves exactly one truth.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame

from ledgerlake import keys
from ledgerlake.contracts import Dataset
from ledgerlake.intake.deliveries import Delivery
from ledgerlake.storage.objects import delete
from ledgerlake.storage.resumable import Missing, StorageFailed
from ledgerlake_glue import without_pandas
from ledgerlake_glue.objects import open_delivery, s3
from ledgerlake_glue.originals import originals

_WRITTEN = "delivery_id string, rows long"
_REJECTED = pa.schema(
    [
        ("batch_id", pa.string()),
        ("source_file", pa.string()),
        ("source_row", pa.int64()),
        ("landed_at", pa.timestamp("us", "UTC")),
        ("original", pa.string()),
        ("reasons", pa.list_(pa.string())),
    ]
)


def write_rejected(
    rejected: DataFrame, dataset: Dataset, deliveries: Iterable[Delivery], bucket: str
) -> dict[str, int]:
    """Write the rejects of each delivery, with the text of each row as it was delivered.

    Args:
        rejected: `_delivery_id`, and the columns of the table `rejected_<dataset>` without `original`.
        deliveries: those the rows may be of.

    Returns:
        Rows written, by delivery id; a delivery without rejects is not in it.
    """
    known = {delivery.id: delivery for delivery in deliveries}

    def texts_of(delivery: Delivery, numbers: list[int]) -> dict[int, str]:
        try:
            with open_delivery(bucket, delivery) as stream:
                return originals(stream, numbers, dataset.delimiter)
        except Missing:  # deleted since its rows were staged; the reasons are known all the same
            return {}

    def part(delivery_id: str, rows: pa.Table) -> pa.Table:
        numbers = [number for number in rows["source_row"].to_pylist() if number is not None]
        texts = texts_of(known[delivery_id], numbers) if numbers else {}
        original = pa.array([texts.get(number) for number in rows["source_row"].to_pylist()], pa.string())
        return rows.append_column("original", original).select(_REJECTED.names).cast(_REJECTED)

    return _write(rejected, part, lambda delivery_id: keys.rejected_part(dataset.name, delivery_id), bucket)


def write_parked(
    parked: DataFrame, dataset: Dataset, bucket: str, part: Callable[[str, str], str] = keys.parked_part
) -> dict[str, int]:
    """Write the rows of each delivery that are parked now.

    Args:
        parked: `_delivery_id`, and the columns of the table `parked_<dataset>`.
        part: the key of an object, by the names of dataset and delivery.

    Returns:
        Rows written, by delivery id.
    """
    return _write(parked, lambda _, rows: rows, lambda delivery_id: part(dataset.name, delivery_id), bucket)


def remove(keys: Iterable[str], bucket: str) -> None:
    """Remove parts of deliveries that have no such rows any more; one that is not there is fine.

    Raises:
        StorageFailed: S3 refused to remove some, again and again.
    """
    if errors := delete(s3(), bucket, [{"Key": key} for key in keys]):
        raise StorageFailed(
            f"{len(errors)} objects of {bucket} could not be removed: {errors[0]['Key']} ({errors[0]['Code']})",
            expected="S3 to remove what is out of date",
            remedy="retry the run",
        )


def _write(
    rows: DataFrame, part: Callable[[str, pa.Table], pa.Table], key_of: Callable[[str], str], bucket: str
) -> dict[str, int]:
    def write(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        without_pandas.forbid()
        for delivery_id, table in _by_delivery(batches):
            body = io.BytesIO()
            pq.write_table(part(delivery_id, table), body, compression="zstd")
            s3().put_object(Bucket=bucket, Key=key_of(delivery_id), Body=body.getvalue())
            yield pa.RecordBatch.from_pydict({"delivery_id": [delivery_id], "rows": [table.num_rows]})

    together = rows.repartition("_delivery_id").sortWithinPartitions("_delivery_id")
    return {row.delivery_id: row.rows for row in together.mapInArrow(write, _WRITTEN).collect()}  # type: ignore[arg-type]


def _by_delivery(batches: Iterator[pa.RecordBatch]) -> Iterator[tuple[str, pa.Table]]:
    """Return the rows of each delivery as one table; they come sorted by delivery."""
    pieces = ((piece["_delivery_id"][0].as_py(), piece) for batch in batches for piece in _runs(batch))
    for delivery_id, group in groupby(pieces, key=lambda piece: piece[0]):
        yield delivery_id, pa.Table.from_batches([piece for _, piece in group]).drop_columns(["_delivery_id"])


def _runs(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    ids = batch["_delivery_id"].to_pylist()
    start = 0
    for _, run in groupby(ids):
        length = len(list(run))
        yield batch.slice(start, length)
        start += length
