"""One shape of job for every dataset: stage the verdict of a batch, then publish it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Any

from pyspark.sql import SparkSession

import ledgerlake
import ledgerlake_glue
from ledgerlake import keys
from ledgerlake.contracts import DATASETS, Dataset
from ledgerlake.intake.deliveries import Delivery
from ledgerlake.planning import batch as batches
from ledgerlake.planning import evidence, quarantine, stages
from ledgerlake.planning.manifest import Batch
from ledgerlake.tables.ledger import totals
from ledgerlake_glue import pruning
from ledgerlake_glue.conversion import convert_parked
from ledgerlake_glue.objects import s3
from ledgerlake_glue.publishing import complete, is_published, publish
from ledgerlake_glue.quality import enforce_quality_limit
from ledgerlake_glue.session import expect, prepare, start
from ledgerlake_glue.stage import Stage, Summary
from ledgerlake_glue.tables import LakeTable

_REPORTING = tuple(f"ledgerlake/{name}/" for name in ("reporting", "costs", "runs"))
"""Packages of the kernel that say what became of a run, and decide nothing of a row."""


def main(dataset: Dataset, argv: Sequence[str] | None = None) -> None:
    """Run as the Glue entry point: `--batch_id` and `--lake_bucket`; Glue's own arguments are ignored."""
    parser = argparse.ArgumentParser(description=dataset.doc)
    parser.add_argument("--batch_id", required=True)
    parser.add_argument("--lake_bucket", required=True)
    arguments, _ = parser.parse_known_args(argv)
    spark = start(dataset.job)
    try:
        counts = run(spark, dataset, arguments.batch_id, arguments.lake_bucket)
    finally:
        spark.stop()
    print(json.dumps({"dataset": dataset.name, "batch_id": arguments.batch_id, **counts}), flush=True)  # noqa: T201


def run(spark: SparkSession, dataset: Dataset, batch_id: str, bucket: str) -> dict[str, Any]:
    """Process the batch's deliveries of one dataset.

    Run again for the same batch, it resumes where it stopped; when all was published it changes
    nothing, unless code or contract have changed since: then the deliveries are processed again.

    Returns:
        The ledger's counts over all deliveries, and `unknown_columns` and `blank_rows` by raw key where there are any.

    Raises:
        LedgerlakeError: the batch is unknown, or a law would be broken.
    """
    prepare(spark)
    batch = batches.load(s3(), bucket, batch_id)
    evidence.require_parents(s3(), bucket, batch, dataset)
    needed = (dataset, *(DATASETS[reference.dataset] for reference in dataset.references))
    tables = {each.name: LakeTable(spark, each, f"s3://{bucket}/{keys.table_prefix(each.name)}") for each in needed}
    tables[dataset.name].prepare()
    expect(
        spark, batch.of(dataset.name), large_tables=any(table.size.bytes >= pruning.LARGE for table in tables.values())
    )
    completed = complete(spark, tables[dataset.name], bucket)
    stage = Stage(spark, dataset, batch_id, bucket)
    summary = stage.summary() or completed.get(batch_id)
    if summary is not None and _is_merged(stage, summary, tables[dataset.name]):
        publish(stage, summary, tables[dataset.name])  # its mark is lost
    convert_parked(spark, dataset, bucket)  # after both: what they complete is parked with the types of its time
    dropped = _dropped(batch.of(dataset.name), bucket)
    made_by = code_digest(dataset, dropped)
    if summary is None or summary.made_by != made_by or not is_published(stage, summary):
        if summary is None or not _still_good(stage, summary, tables, made_by):
            withdrew = _parents_withdrew(batch, dataset, bucket)
            summary = stage.make(batch.of(dataset.name), tables, made_by, parents_withdrew=withdrew, dropped=dropped)
        enforce_quality_limit(stage, summary, len(batch.of(dataset.name)), len(dropped))
        publish(stage, summary, tables[dataset.name])
    counts: dict[str, Any] = totals(list(summary.entries))
    by_file = {"unknown_columns": summary.unknown, "blank_rows": summary.blank_rows}
    return counts | {name: found for name, found in by_file.items() if found}


def code_digest(dataset: Dataset, dropped: Mapping[str, str] = MappingProxyType({})) -> str:
    """Digest what decides a row's fate: the contract, the modules of `deciding_modules`, and who dropped what.

    Args:
        dropped: deliveries of the batch that an operator has dropped, with the reasons.
    """
    decided = repr(sorted(dropped.items())).encode() if dropped else b""
    return sha256(_modules_digest() + repr(dataset).encode() + decided).hexdigest()[:16]


def _dropped(deliveries: Iterable[Delivery], bucket: str) -> dict[str, str]:
    """Return the deliveries that an operator has dropped, in this batch or before, with the reasons."""
    reasons = quarantine.dropped_deliveries(s3(), bucket)
    return {each.id: reasons[each.id] for each in deliveries if each.id in reasons}


@cache
def _modules_digest() -> bytes:
    """Digest the modules that this process runs, read once."""
    digest = sha256()
    for path, body in deciding_modules():
        digest.update(path.encode() + b"\0" + body)
    return digest.digest()


def deciding_modules() -> list[tuple[str, bytes]]:
    """Return path and body of every module that may decide a row's fate: of this library, and of most of the kernel."""
    kernel = sorted(_modules(files(ledgerlake), ledgerlake.__name__))
    ours = sorted(_modules(files(ledgerlake_glue), ledgerlake_glue.__name__))
    return [(path, body) for path, body in kernel if not path.startswith(_REPORTING)] + ours


def _modules(folder: Traversable, path: str) -> list[tuple[str, bytes]]:
    found = []
    for entry in folder.iterdir():
        if entry.is_dir():
            found += _modules(entry, f"{path}/{entry.name}")
        elif entry.name.endswith(".py"):
            found.append((f"{path}/{entry.name}", entry.read_bytes()))
    return found


def _is_merged(stage: Stage, summary: Summary, table: LakeTable) -> bool:
    """Return whether the table has the rows of a stage whose publication has not ended."""
    if is_published(stage, summary) or not stage.is_whole(summary):
        return False
    return table.committed(summary.attempt) is not None


def _still_good(stage: Stage, summary: Summary, tables: dict[str, LakeTable], made_by: str) -> bool:
    """Return whether the stage of an earlier try, which has published nothing, says what is to be done now.

    It is worth something only for the code and the tables that it was made with.
    """
    seen = {name: table.version() for name, table in tables.items()}
    return stage.is_whole(summary) and (summary.made_by, summary.seen) == (made_by, seen)


def _parents_withdrew(batch: Batch, dataset: Dataset, bucket: str) -> bool:
    """Return whether this batch has taken rows out of a parent's table, as far as can be known.

    A parent's job that ran has left a summary; if that is lost, rows may have been withdrawn.
    """
    parents = {reference.dataset for reference in dataset.references}.intersection(batch.datasets)
    summaries = [stages.summary(s3(), bucket, batch.batch_id, parent) for parent in parents]
    return any(summary is None or Summary.from_json(summary).total("withdrawn") for summary in summaries)
