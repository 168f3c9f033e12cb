"""Withdrawal: rows of the table that today's rules no longer support, and what they have hidden.

A delivery that is processed again may find that a row it once brought into the table is not valid
any more, has another key now, or has lost its parent. Such a row is withdrawn. The newest older
version of its key that is valid takes its place; it lies in the archive. Children of a withdrawn
parent are withdrawn too, and judged anew with the content they have.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from ledgerlake import keys
from ledgerlake.contracts import Dataset
from ledgerlake.intake.deliveries import Delivery
from ledgerlake.planning.by_date import located
from ledgerlake.tables.checks import WHOLE_READING
from ledgerlake_glue.arrivals import Arrival, Arrivals
from ledgerlake_glue.objects import s3

SUPPORTING = ("inserted", "updated", "unchanged", "superseded")
VERSION = ("_landed_at", "_source_file", "_source_row")
_ISO = "yyyy-MM-dd'T'HH:mm:ss.SSSSSS'Z'"


@dataclass(frozen=True)
class Withdrawal:
    """What a job takes out of its table.

    Args:
        rows: of the table, with their lineage; one a key.
        orphans: those of them whose parent is gone; they are candidates again.
        hidden: deliveries in which older versions of their keys may be.
        arrivals: of the deliveries the rows came from.
    """

    rows: DataFrame
    orphans: DataFrame
    hidden: tuple[Delivery, ...]
    arrivals: tuple[Arrival, ...]


def find(
    dataset: Dataset,
    staged: DataFrame | None,
    table: DataFrame,
    arrivals: Arrivals,
    parents: dict[str, DataFrame] | None,
    bucket: str,
) -> Withdrawal | None:
    """Find what has to be withdrawn, now that the batch's deliveries have been read and judged.

    Args:
        staged: a first verdict, made without any withdrawal; None when the batch has no rows.
        arrivals: whose `batch` holds the deliveries that could be opened.
        parents: the keys of the parents' tables when rows of theirs were withdrawn, else None.

    Returns:
        None when nothing is to be withdrawn, as in every batch of new deliveries.
    """
    spark = table.sparkSession
    if not parents and (staged is None or _of_their_times(table, arrivals).isEmpty()):
        return None
    unsupported = _unsupported(dataset, staged, table, arrivals) if staged else table.limit(0)
    orphans = _orphans(dataset, table, parents, arrivals) if parents else table.limit(0)
    rows = unsupported.unionByName(orphans).cache()
    versions = rows.select(F.date_format("_landed_at", _ISO).alias("landed_at"), "_source_file").distinct().collect()
    if not versions:
        return None
    came = {(row._source_file, row.landed_at) for row in versions}
    last = max(landed_at for _, landed_at in came)
    hidden = _hidden(spark, dataset, table, arrivals, last, bucket)
    return Withdrawal(rows, orphans.cache(), hidden, tuple(_arrivals(dataset, came, arrivals, bucket)))


def older_versions(read: DataFrame, withdrawn: DataFrame, rejected: DataFrame | None, dataset: Dataset) -> DataFrame:
    """Of the rows of hidden deliveries those that a withdrawn row has hidden.

    Args:
        read: typed rows with `_reasons`, `_delivery_id` and lineage.
        rejected: `_delivery_id`, `_source_row` of rows that are rejects now; they stay what they are.
    """
    keys = withdrawn.select(*(F.col(name).alias(f"_w_{name}") for name in dataset.key), F.struct(*VERSION).alias("_w"))
    same = [F.col(name) == F.col(f"_w_{name}") for name in dataset.key]
    valid = read.where("_reasons is null and _rows_read is null").join(F.broadcast(keys), same)
    found = valid.where(F.struct(*VERSION) < F.col("_w")).select(*read.columns)
    return found if rejected is None else found.join(rejected, ["_delivery_id", "_source_row"], "left_anti")


def _unsupported(dataset: Dataset, staged: DataFrame, table: DataFrame, arrivals: Arrivals) -> DataFrame:
    """Rows of the batch's own deliveries that the batch does not bring again."""
    mine = _of_batch(table, arrivals)
    support = staged.where(F.col("_fate").isin(*SUPPORTING) & F.col("_missing").isNull())
    return mine.join(support.select(*dataset.key, *VERSION), [*dataset.key, *VERSION], "left_anti")


def _of_batch(table: DataFrame, arrivals: Arrivals) -> DataFrame:
    batch = arrivals.frame(table.sparkSession).where(F.col("_delivery_id").isin(*arrivals.batch_ids))
    near = _of_their_times(table, arrivals)
    return near.join(F.broadcast(batch), ["_source_file", "_landed_at"], "left_semi")


def _of_their_times(table: DataFrame, arrivals: Arrivals) -> DataFrame:
    """Rows that landed when the batch's deliveries did: none, and no file is opened, when every delivery is new."""
    times = [arrival.landed_at for arrival in arrivals.ordered if arrival.delivery_id in arrivals.batch_ids]
    if not times:
        return table.limit(0)
    return table.where(
        F.col("_landed_at").between(F.lit(min(times)).cast("timestamp"), F.lit(max(times)).cast("timestamp"))
    )


def _orphans(dataset: Dataset, table: DataFrame, parents: dict[str, DataFrame], arrivals: Arrivals) -> DataFrame:
    """Rows whose parent is gone; those of the batch's own deliveries are unsupported already."""
    marked = table
    for number, reference in enumerate(dataset.references):
        keys = parents[reference.dataset].distinct()
        there = keys.select(F.col(keys.columns[0]).alias(reference.column), F.lit(True).alias(f"_there_{number}"))
        marked = marked.join(there, reference.column, "left")
    gone = " or ".join(f"_there_{number} is null" for number in range(len(dataset.references)))
    orphans = marked.where(gone).select(*table.columns)
    mine = arrivals.frame(table.sparkSession).where(F.col("_delivery_id").isin(*arrivals.batch_ids))
    return orphans.join(F.broadcast(mine), ["_source_file", "_landed_at"], "left_anti").select(*table.columns)


def _hidden(
    spark: SparkSession, dataset: Dataset, table: DataFrame, arrivals: Arrivals, last: str, bucket: str
) -> tuple[Delivery, ...]:
    """Earlier deliveries with valid rows that are neither in the table nor parked.

    The ledger tells how many valid rows a delivery had; most have all of theirs in the table, and
    need not be opened.
    """
    if not s3().list_objects_v2(Bucket=bucket, Prefix=f"{keys.LEDGER}dataset={dataset.name}/", MaxKeys=1)["KeyCount"]:
        return ()
    ledger = spark.read.parquet(f"s3://{bucket}/{keys.LEDGER}dataset={dataset.name}/")
    whole = ledger.where(WHOLE_READING).where(F.col("landed_at") <= F.lit(last).cast("timestamp"))
    valid = whole.groupBy("source_file", "landed_at").agg(
        F.expr("max_by(rows_read - rejected, finished_at)").alias("valid")
    )
    held = table.groupBy("_source_file", "_landed_at").agg(F.count(F.lit(1)).alias("held"))
    beside = valid.join(
        held, (F.col("source_file") == F.col("_source_file")) & (F.col("landed_at") == F.col("_landed_at")), "left"
    )
    rows = beside.where("valid > coalesce(held, 0)").select("source_file", F.date_format("landed_at", _ISO).alias("at"))
    found = located(s3(), bucket, dataset.name, {(row.source_file, row.at) for row in rows.collect()})
    return tuple(each for each in found if each.id not in arrivals.batch_ids)


def _arrivals(dataset: Dataset, came: set[tuple[str, str]], arrivals: Arrivals, bucket: str) -> Iterable[Arrival]:
    known = {(arrival.source_file, arrival.landed_at): arrival for arrival in arrivals.ordered}
    yield from (known[each] for each in came if each in known)
    left = {each for each in came if each not in known}
    found = {(each.key, each.landed_at): Arrival.of(each) for each in located(s3(), bucket, dataset.name, left)}
    for source_file, landed_at in left:
        # Its file is not kept any more: then the arrival itself must do for a name.
        name = hashlib.sha256(f"{source_file}\n{landed_at}".encode()).hexdigest()[: keys.DELIVERY_ID_LENGTH]
        yield found.get((source_file, landed_at)) or Arrival(landed_at, source_file, name)
