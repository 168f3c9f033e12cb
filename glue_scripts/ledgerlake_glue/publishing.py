"""From a complete stage to what readers see: rejects, table, parking, ledger.

Each step may be repeated; a crash between two leaves what the next try completes.
"""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from ledgerlake import keys
from ledgerlake.errors import ConservationError, VerdictError
from ledgerlake.intake.deliveries import from_iso
from ledgerlake.planning import batch as batches
from ledgerlake.planning.batch import Batch
from ledgerlake.planning.evidence import ledger_metadata
from ledgerlake.storage.objects import exists
from ledgerlake.tables.catalogue import delta_columns, ledger_table
from ledgerlake.tables.ledger import LedgerEntry
from ledgerlake_glue import preparation
from ledgerlake_glue.objects import s3
from ledgerlake_glue.preparation import Prepared
from ledgerlake_glue.row_files import remove, write_rejected
from ledgerlake_glue.stage import Stage, Summary
from ledgerlake_glue.tables import DELETE, REPLACE, WRITE, LakeTable, only_inserts
from ledgerlake_glue.verdict import CLOSING, WITHDRAWN, WRITES


def publish(stage: Stage, summary: Summary, table: LakeTable) -> None:
    """Publish everything that the stage holds.

    A mark in `control/` says that it has begun; `complete` finishes what a dead job has begun.

    Raises:
        VerdictError: the MERGE did something else than the verdict says.
        ConservationError: other rows were written as rejected than were counted.
    """
    preparation.begin(stage, summary)
    _publish(stage, summary, table, merged=False)


def complete(spark: SparkSession, table: LakeTable, bucket: str) -> dict[str, Summary]:
    """Finish the publication that an earlier job has begun, of whatever batch it was.

    A verdict holds for the table as it was; so nothing may come between its steps. One whose MERGE
    is not committed yet, and that the table has moved past, or of which rows have expired, is dropped:
    its batch is still open. Once the MERGE is committed, nothing of the stage is needed any more.

    Returns:
        By the batch's id, the summary of what was finished; empty when nothing was left to be finished.

    Raises:
        VerdictError: the MERGE did something else than the verdict says.
        ConservationError: the table has rows of which nothing is left to make the ledger from.
    """
    found = preparation.read(spark, table.dataset, bucket)
    if found is None:
        return {}
    stage, prepared = found
    summary = prepared.summary if prepared else stage.summary()
    if summary is None or is_published(stage, summary):
        preparation.end(stage)
        return {}
    done = table.committed(summary.attempt)
    if done is not None and done != summary.expected():
        raise VerdictError(
            f"{table.dataset.name}: the commit of {stage.batch_id} did {done}",
            expected=f"what its stage says, {summary.expected()}",
            remedy=f"compare {keys.staging(stage.batch_id, table.dataset.name)} with DESCRIBE HISTORY of the table; "
            "RESTORE the version before that commit, then retry the run",
        )
    is_current = summary.seen[table.dataset.name] == table.version()
    if prepared and (done is not None or (is_current and not any(summary.expected().values()))):
        _finish(stage, prepared)
    elif (done is not None or is_current) and stage.is_whole(summary):
        _publish(stage, summary, table, merged=done is not None)
    elif done is not None:
        raise ConservationError(
            f"{table.dataset.name}: the table has the rows of {stage.batch_id}, and the ledger does not; "
            "its stage has expired, and so has what was prepared for it",
            expected=f"one of them, below {keys.prepared(table.dataset.name)}",
            remedy="RESTORE the version before that commit, which DESCRIBE HISTORY shows, then retry the run",
        )
    else:
        preparation.end(stage)
        return {}
    return {stage.batch_id: summary}


def is_published(stage: Stage, summary: Summary) -> bool:
    """Return whether everything of the stage has been published: the ledger's part comes last."""
    return not summary.entries or exists(s3(), stage.bucket, _ledger_part(stage, summary))


def _publish(stage: Stage, summary: Summary, table: LakeTable, *, merged: bool) -> None:
    _rejects(stage, summary, batches.load(s3(), stage.bucket, stage.batch_id))
    prepared = preparation.prepare(stage, summary)
    if not merged and any(summary.expected().values()):  # a MERGE without rows would still be a commit
        _merge(stage, summary, table)
    _finish(stage, prepared)


def _finish(stage: Stage, prepared: Prepared) -> None:
    """Publish what follows the MERGE, without the stage: it may have expired."""
    preparation.park(stage, prepared)
    _ledger(stage, prepared.summary, batches.load(s3(), stage.bucket, stage.batch_id))
    preparation.end(stage)


def _rejects(stage: Stage, summary: Summary, batch: Batch) -> None:
    deliveries = batch.of(stage.dataset.name)
    expected = summary.total("rejected")
    written: dict[str, int] = {}
    if expected:
        written = write_rejected(_rejected_rows(stage, summary), stage.dataset, deliveries, stage.bucket)
    if sum(written.values()) != expected:
        raise ConservationError(
            f"{stage.dataset.name}: {sum(written.values())} rejects were written",
            expected=f"{expected}, as the ledger counts them",
            remedy="retry the run",
        )
    clean = [delivery.id for delivery in deliveries if delivery.id not in written]
    remove([keys.rejected_part(stage.dataset.name, delivery) for delivery in clean], stage.bucket)


def _rejected_rows(stage: Stage, summary: Summary) -> DataFrame:
    rows = stage.rows(summary, "rejected", CLOSING).where("_fate = 'rejected' or _problem is not null")
    return rows.select(
        "_delivery_id",
        F.lit(stage.batch_id).alias("batch_id"),
        F.col("_source_file").alias("source_file"),
        F.col("_source_row").alias("source_row"),
        F.col("_landed_at").alias("landed_at"),
        F.coalesce("_reasons", F.array("_problem")).alias("reasons"),
    )


def _merge(stage: Stage, summary: Summary, table: LakeTable) -> None:
    columns = [*(name for name, _ in delta_columns(stage.dataset)), "_action"]
    together = stage.dataset.partition_by if only_inserts(summary.expected()) else ()
    written = stage.rows(summary, *WRITES, together=together)
    written = written.withColumn("_action", F.expr(f"if(_replaces, '{REPLACE}', '{WRITE}')"))
    rows = written.withColumn("_batch_id", F.lit(stage.batch_id)).select(*columns)
    if summary.total("withdrawn"):
        gone = stage.rows(summary, WITHDRAWN).withColumn("_batch_id", F.lit(stage.batch_id))
        gone = gone.join(rows.where(f"_action = '{REPLACE}'"), list(stage.dataset.key), "left_anti")
        rows = rows.unionByName(gone.withColumn("_action", F.lit(DELETE)).select(*columns))
    table.merge(rows, stage.batch_id, summary.attempt, summary.expected(), summary.touched)


def _ledger(stage: Stage, summary: Summary, batch: Batch) -> None:
    """Write the part of the ledger; its metadata say which deliveries of the batch it covers."""
    if not summary.entries:
        return
    entered = {(entry.source_file, entry.landed_at) for entry in summary.entries}
    covered = [each.id for each in batch.of(stage.dataset.name) if (each.key, each.landed_at) in entered]
    body = io.BytesIO()
    pq.write_table(ledger_rows(summary.entries, datetime.now(UTC)), body, compression="zstd")
    metadata = ledger_metadata(covered)
    s3().put_object(Bucket=stage.bucket, Key=_ledger_part(stage, summary), Body=body.getvalue(), Metadata=metadata)


def _ledger_part(stage: Stage, summary: Summary) -> str:
    return keys.ledger_part(stage.dataset.name, stage.batch_id, summary.attempt)


def ledger_rows(entries: tuple[LedgerEntry, ...], finished_at: datetime) -> pa.Table:
    """Return the entries as the table `ledger` holds them; its partition column is in the path."""
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
