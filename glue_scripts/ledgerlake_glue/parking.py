"""The parking as the next batch finds it: valid rows of earlier deliveries that wait for a parent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from ledgerlake import keys
from ledgerlake.contracts import Dataset
from ledgerlake.storage.objects import exists
from ledgerlake.tables.catalogue import parked_table
from ledgerlake_glue.arrivals import Arrival, Arrivals
from ledgerlake_glue.objects import s3

_ID = r"([0-9a-f]{20})[.]parquet"


def parked_arrivals(spark: SparkSession, dataset: Dataset, bucket: str) -> Iterator[Arrival]:
    """Return the deliveries that have rows in the dataset's parking."""
    if not exists(s3(), bucket, keys.parked_prefix(dataset.name)):
        return
    landed = F.date_format("_landed_at", "yyyy-MM-dd'T'HH:mm:ss.SSSSSS'Z'").alias("landed_at")
    for row in _read(spark, dataset, bucket).select("_delivery_id", "_source_file", landed).distinct().collect():
        yield Arrival(row.landed_at, row._source_file, row._delivery_id)


def parked_rows(spark: SparkSession, dataset: Dataset, bucket: str, arrivals: Arrivals) -> DataFrame:
    """Return the parked rows of `arrivals.parked`, as candidates.

    Returns:
        The contract's columns, `_source_row`, `_delivery`, and `_parked_in`, the batch that parked the row.
    """
    parked = [arrival.delivery_id for arrival in arrivals.parked]
    numbers = arrivals.frame(spark).where(F.col("_delivery_id").isin(parked)).select("_delivery_id", "_delivery")
    rows = _read(spark, dataset, bucket).join(F.broadcast(numbers), "_delivery_id")
    return rows.select(*dataset.column_names, "_source_row", "_delivery", F.col("_batch_id").alias("_parked_in"))


def read_parked(
    spark: SparkSession, dataset: Dataset, bucket: str, keys: Sequence[str], stored: Mapping[str, str]
) -> DataFrame:
    """Return the rows of these objects of the parking, with `_delivery_id`.

    Args:
        stored: types of columns that differ from those of the contract.
    """
    columns = ", ".join(f"`{name}` {stored.get(name, kind)}" for name, kind in parked_table(dataset).columns)
    parked = spark.read.schema(columns).parquet(*(f"s3://{bucket}/{key}" for key in keys))
    return parked.withColumn("_delivery_id", F.regexp_extract(F.input_file_name(), _ID, 1))


def _read(spark: SparkSession, dataset: Dataset, bucket: str) -> DataFrame:
    return read_parked(spark, dataset, bucket, [keys.parked_prefix(dataset.name)], {})
