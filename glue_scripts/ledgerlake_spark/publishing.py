"""From a complete stage to what readers see: rejects, table, parking, ledger.

Each step may be repeated; a crash between two leaves what the next try completes.
"""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ledgerlake import places
from ledgerlake.batch import Batch
from ledgerlake.catalogue import delta_columns, ledger_table, parked_table
from ledgerlake.deliveries import from_iso
from ledgerlake.errors import ConservationError
from ledgerlake.ledger import LedgerEntry
from ledgerlake_spark.objects import s3
from ledgerlake_spark.parts import remove, write_parked, write_rejected
from ledgerlake_spark.stage import Stage, Summary
from ledgerlake_spark.tables import LakeTable
from ledgerlake_spark.verdict import CLOSING, WRITES


def publish(stage: Stage, summary: Summary, batch: Batch, table: LakeTable, *, resumed: bool) -> None:
    """Publish everything that the stage holds.

    Args:
        resumed: the stage was made by an earlier try, which may have published some of it.

    Raises:
        VerdictError: the MERGE did something else than the verdict says.
        ConservationError: other rows were written as rejected than were counted.
    """
    _rejects(stage, summary, batch)
    _merge(stage, summary, table, resumed)
    _parking(stage, summary, batch)
    _ledger(stage, summary)


def _rejects(stage: Stage, summary: Summary, batch: Batch) -> None:
    deliveries = batch.of(stage.dataset.name)
    expected = {entry.source_file: entry.rejected for entry in summary.entries if entry.rejected}
    written: dict[str, int] = {}
    if expected:
        written = write_rejected(_rejected_rows(stage), stage.dataset, deliveries, stage.bucket)
    if sum(written.values()) != sum(expected.values()):
        raise ConservationError(
            f"{stage.dataset.name}: {sum(written.values())} rejects were written",
            expected=f"{sum(expected.values())}, as the ledger counts them",
            remedy="let the run try again",
        )
    clean = [delivery.id for delivery in deliveries if delivery.id not in written]
    remove([places.rejected_part(stage.dataset.name, delivery) for delivery in clean], stage.bucket)


def _rejected_rows(stage: Stage) -> DataFrame:
    rows = stage.rows("rejected", CLOSING).where("_fate = 'rejected' or _problem is not null")
    return rows.select(
        "_delivery_id",
        F.lit(stage.batch_id).alias("batch_id"),
        F.col("_source_file").alias("source_file"),
        F.col("_source_row").alias("source_row"),
        F.col("_landed_at").alias("landed_at"),
        F.coalesce("_reasons", F.array("_problem")).alias("reasons"),
    )


def _merge(stage: Stage, summary: Summary, table: LakeTable, resumed: bool) -> None:
    if not any(summary.expected().values()):
        return  # a MERGE without rows would still be a commit
    if resumed and table.committed(stage.batch_id) is not None:
        return  # by an earlier try, which died after it
    columns = [name for name, _ in delta_columns(stage.dataset)]
    rows = stage.rows(*WRITES).withColumn("_batch_id", F.lit(stage.batch_id)).select(*columns)
    table.merge(rows, stage.batch_id, summary.expected())


def _parking(stage: Stage, summary: Summary, batch: Batch) -> None:
    touched = {delivery.id for delivery in batch.of(stage.dataset.name)} | set(summary.restored)
    if not stage.dataset.references or not touched:
        return
    columns = [name for name, _ in parked_table(stage.dataset).columns if name not in ("_batch_id", "missing")]
    rows = stage.rows("parked").select(
        "_delivery_id",
        *columns,
        F.coalesce("_parked_in", F.lit(stage.batch_id)).alias("_batch_id"),
        F.col("_missing").alias("missing"),
    )
    written = write_parked(rows, stage.dataset, stage.bucket)
    remove([places.parked_part(stage.dataset.name, delivery) for delivery in touched - set(written)], stage.bucket)


def _ledger(stage: Stage, summary: Summary) -> None:
    if not summary.entries:
        return
    body = io.BytesIO()
    pq.write_table(ledger_rows(summary.entries, datetime.now(UTC)), body, compression="zstd")
    key = places.ledger_part(stage.dataset.name, stage.batch_id)
    s3().put_object(Bucket=stage.bucket, Key=key, Body=body.getvalue())


def ledger_rows(entries: tuple[LedgerEntry, ...], finished_at: datetime) -> pa.Table:
    """The entries as the table `ledger` holds them; its partition column is in the path."""
    kinds = {"string": pa.string(), "bigint": pa.int64(), "timestamp": pa.timestamp("us", "UTC")}
    columns = {
        name: pa.array([_value(entry, name, finished_at) for entry in entries], kinds[kind])
        for name, kind in ledger_table().columns
    }
    return pa.table(columns)


def _value(entry: LedgerEntry, name: str, finished_at: datetime) -> object:
    if name == "finished_at":
        return finished_at
    return from_iso(entry.landed_at) if name == "landed_at" else getattr(entry, name)
