"""Preparation of a publication: all that follows its MERGE is written down before, where nothing expires.

`staging/` is emptied after some days. A batch that is taken up after that, with its rows in the table and none in
the ledger, cannot be judged again: the rows would be unchanged, and those that were released would not be parked.
So the mark in `control/publishing/` holds the summary, and the parked rows lie beside it.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from ledgerlake import keys
from ledgerlake.contracts import Dataset
from ledgerlake.planning import control
from ledgerlake.tables.catalogue import parked_table
from ledgerlake_glue.objects import s3
from ledgerlake_glue.row_files import remove, write_parked
from ledgerlake_glue.stage import Stage, Summary

_THREADS = 10  # as many as the client has connections


@dataclass(frozen=True)
class Prepared:
    """What was written down before the MERGE.

    Args:
        summary: of the stage.
        parked: deliveries with rows that are parked afterwards.
    """

    summary: Summary
    parked: tuple[str, ...]


def begin(stage: Stage, summary: Summary) -> None:
    """Mark that the stage is being published."""
    _mark(stage, {"batch_id": stage.batch_id, "attempt": summary.attempt})


def prepare(stage: Stage, summary: Summary) -> Prepared:
    """Write down what is needed after the MERGE."""
    remove(_parts(stage), stage.bucket)  # of an earlier publication that was dropped
    prepared = Prepared(summary, tuple(sorted(_write_parked(stage, summary))))
    mark = {"batch_id": stage.batch_id, "attempt": summary.attempt, "parked": prepared.parked}
    _mark(stage, {**mark, "summary": asdict(summary)})
    return prepared


def read(spark: SparkSession, dataset: Dataset, bucket: str) -> tuple[Stage, Prepared | None] | None:
    """Return the publication that has begun, and what was prepared for it; None when none has.

    A damaged mark is removed: the batch is still open, and its job resumes from its stage.
    """
    key = keys.publishing(dataset.name)
    mark = control.read_mark(s3(), bucket, control.PUBLISHING_MARK, key, {})
    if mark is None:
        return None
    stage = Stage(spark, dataset, mark.get("batch_id", ""), bucket)
    summary = Summary.from_json(mark["summary"]) if mark.get("summary") else None
    if summary is None:
        staged = stage.summary()
        if staged is None or staged.attempt != mark.get("attempt"):
            end(stage)
            return None
        return stage, None
    prepared = Prepared(summary, tuple(mark.get("parked") or ()))
    there = set(_parts(stage))
    is_whole = all(keys.prepared_part(dataset.name, delivery) in there for delivery in prepared.parked)
    return stage, prepared if is_whole else None


def park(stage: Stage, prepared: Prepared) -> None:
    """Let the parking hold what was prepared, and nothing else of the deliveries that the stage has judged."""
    name, touched = stage.dataset.name, set(prepared.summary.parking)
    if not stage.dataset.references or not touched:
        return

    def copy(delivery: str) -> None:
        source = {"Bucket": stage.bucket, "Key": keys.prepared_part(name, delivery)}
        s3().copy_object(Bucket=stage.bucket, Key=keys.parked_part(name, delivery), CopySource=source)

    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(copy, prepared.parked))
    remove([keys.parked_part(name, delivery) for delivery in touched - set(prepared.parked)], stage.bucket)


def end(stage: Stage) -> None:
    """Take the mark away, and what was prepared."""
    remove(_parts(stage), stage.bucket)
    s3().delete_object(Bucket=stage.bucket, Key=keys.publishing(stage.dataset.name))


def _mark(stage: Stage, mark: dict[str, object]) -> None:
    s3().put_object(Bucket=stage.bucket, Key=keys.publishing(stage.dataset.name), Body=json.dumps(mark).encode())


def _parts(stage: Stage) -> list[str]:
    if not stage.dataset.references:
        return []
    prefix = keys.prepared(stage.dataset.name)
    pages = s3().get_paginator("list_objects_v2").paginate(Bucket=stage.bucket, Prefix=prefix)
    return [entry["Key"] for page in pages for entry in page.get("Contents", [])]


def _write_parked(stage: Stage, summary: Summary) -> dict[str, int]:
    if not stage.dataset.references or not summary.parking:
        return {}
    columns = [name for name, _ in parked_table(stage.dataset).columns if name not in ("_batch_id", "missing")]
    rows = stage.rows(summary, "parked").select(
        "_delivery_id",
        *columns,
        F.coalesce("_parked_in", F.lit(stage.batch_id)).alias("_batch_id"),
        F.col("_missing").alias("missing"),
    )
    return write_parked(rows, stage.dataset, stage.bucket, keys.prepared_part)
