"""One shape of job for every dataset: stage the verdict of a batch, then publish it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from pyspark.sql import SparkSession

import ledgerlake
import ledgerlake_spark
from ledgerlake import batch as batches
from ledgerlake import places
from ledgerlake.contracts import DATASETS, Dataset
from ledgerlake.errors import VerdictError
from ledgerlake.ledger import totals
from ledgerlake_spark.objects import s3
from ledgerlake_spark.publishing import publish
from ledgerlake_spark.stage import Stage, Summary
from ledgerlake_spark.tables import LakeTable


def main(dataset: Dataset, argv: Sequence[str] | None = None) -> None:
    """The Glue entry point: `--batch_id` and `--lake_bucket`; Glue's own arguments are ignored."""
    parser = argparse.ArgumentParser(description=dataset.doc)
    parser.add_argument("--batch_id", required=True)
    parser.add_argument("--lake_bucket", required=True)
    arguments, _ = parser.parse_known_args(argv)
    spark = SparkSession.builder.appName(dataset.job).getOrCreate()
    try:
        counts = run(spark, dataset, arguments.batch_id, arguments.lake_bucket)
    finally:
        spark.stop()
    print(json.dumps({"dataset": dataset.name, "batch_id": arguments.batch_id, **counts}), flush=True)  # noqa: T201


def run(spark: SparkSession, dataset: Dataset, batch_id: str, bucket: str) -> dict[str, Any]:
    """Process the batch's deliveries of one dataset; a second run of the same batch changes nothing.

    Returns:
        The ledger's counts over all deliveries, and `unknown_columns` by raw key where there are any.

    Raises:
        LedgerlakeError: the batch is unknown, or a law would be broken.
    """
    batch = batches.load(s3(), bucket, batch_id)
    tables = {
        name: LakeTable(spark, DATASETS[name], f"s3://{bucket}/{places.table_prefix(name)}")
        for name in (dataset.name, *(reference.dataset for reference in dataset.references))
    }
    tables[dataset.name].create_if_missing()
    stage = Stage(spark, dataset, batch_id, bucket)
    summary = _still_good(stage.summary(), tables, dataset, batch_id)
    resumed = summary is not None
    if summary is None:
        summary = stage.make(batch.of(dataset.name), tables, code_digest())
    publish(stage, summary, batch, tables[dataset.name], resumed=resumed)
    counts: dict[str, Any] = totals(list(summary.entries))
    return counts | ({"unknown_columns": summary.unknown} if summary.unknown else {})


def code_digest() -> str:
    """Of the code and contracts that decide a row's fate: every module of the kernel and of this library."""
    digest = sha256()
    for package in (ledgerlake, ledgerlake_spark):
        for path, body in sorted(_modules(files(package), package.__name__)):
            digest.update(path.encode() + b"\0" + body)
    return digest.hexdigest()[:16]


def _modules(folder: Traversable, path: str) -> list[tuple[str, bytes]]:
    found = []
    for entry in folder.iterdir():
        if entry.is_dir():
            found += _modules(entry, f"{path}/{entry.name}")
        elif entry.name.endswith(".py"):
            found.append((f"{path}/{entry.name}", entry.read_bytes()))
    return found


def _still_good(
    summary: Summary | None, tables: dict[str, LakeTable], dataset: Dataset, batch_id: str
) -> Summary | None:
    """The stage of an earlier try, if what it says is still what has to be done.

    Once the batch's MERGE is committed its stage is the truth about it, whatever changed since.
    Before, it is worth something only for the code and the tables that it was made with.

    Raises:
        VerdictError: the batch's commit did something else than its stage says.
    """
    if summary is None:
        return None
    done = tables[dataset.name].committed(batch_id)
    if done is None:
        current = {name: table.version() for name, table in tables.items()}
        return summary if (summary.made_by, summary.seen) == (code_digest(), current) else None
    if done != summary.expected():
        raise VerdictError(
            f"{dataset.name}: the commit of {batch_id} did {done}",
            expected=f"what its stage says, {summary.expected()}",
            remedy=f"compare {places.staging(batch_id, dataset.name)} with DESCRIBE HISTORY of the table",
        )
    return summary
