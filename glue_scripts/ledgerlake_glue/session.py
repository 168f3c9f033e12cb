"""What a job needs of its Spark session, wherever it runs: without it a value of a file could stop the job."""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil

from pyspark.sql import SparkSession

from ledgerlake.intake.deliveries import Delivery
from ledgerlake_glue import without_pandas

FEW = 4 << 20
"""Bytes of text. Java code for a plan takes five seconds to generate and compile; from about here on it saves more."""
SHARE = 128 << 20
"""Bytes of text whose rows one task sorts."""
_ZIPPED = 8
"""How many bytes of text are in one of a zipped file, roughly."""

INTERPRETED = {"spark.sql.codegen.wholeStage": "false", "spark.sql.codegen.factoryMode": "NO_CODEGEN"}
"""How a session interprets its plans instead of making Java code of them."""

_SETTINGS = {
    # Days before 1582-10-15: written and read as they are. Spark's default refuses the whole batch,
    # because versions before 3.0 counted those days in another calendar. No such version wrote here.
    "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
    "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.int96RebaseModeInWrite": "CORRECTED",
    "spark.sql.parquet.int96RebaseModeInRead": "CORRECTED",
    # Spark's default for timestamps is INT96, which other readers convert to nanoseconds: there the
    # years before 1678 and after 2261 come out wrong.
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    # A timestamp without a zone is UTC.
    "spark.sql.session.timeZone": "UTC",
    # A rule that divides by zero is NULL, and so broken, for that row; it is not the end of the job.
    "spark.sql.ansi.enabled": "false",
    # Columns that are made of columns made of columns: to infer filters from them took Spark half of a
    # small batch's time. The filters that spare us files are written out.
    "spark.sql.constraintPropagation.enabled": "false",
    # Java never compiles a method above 8000 bytes, so one that Spark has generated for a whole stage would be
    # interpreted, row by row. Above this limit Spark generates smaller ones.
    "spark.sql.codegen.hugeMethodLimit": "8000",
    # The stage has a folder for each fate: so few files can be open at once, instead of sorting all rows by their fate.
    "spark.sql.maxConcurrentOutputFileWriters": "16",
    # The source of a MERGE is a stage, which nobody writes again; Delta need not copy it first.
    "spark.databricks.delta.merge.materializeSource": "none",
}


def start(name: str) -> SparkSession:
    """Spark's session for the job of that name."""
    without_pandas.forbid_in_plans()
    return SparkSession.builder.appName(name).getOrCreate()


def prepare(spark: SparkSession) -> None:
    """Make the session read and write values as the contracts mean them."""
    for name, value in _SETTINGS.items():
        spark.conf.set(name, value)


def expect(spark: SparkSession, deliveries: Iterable[Delivery], *, large_tables: bool) -> None:
    """Let plans for few rows be interpreted instead of compiled, and deal many rows out evenly.

    Args:
        large_tables: a MERGE may have many rows of a table to copy.
    """
    if large_tables:
        return
    text = text_of(deliveries)
    settings = INTERPRETED if text < FEW else _evenly(text, spark.sparkContext.defaultParallelism)
    for name, value in settings.items():
        spark.conf.set(name, value)


def text_of(deliveries: Iterable[Delivery]) -> int:
    """Bytes of text in the deliveries, about."""
    return sum(each.size * (_ZIPPED if each.key.lower().endswith(".gz") else 1) for each in deliveries)


def _evenly(text: int, cores: int) -> dict[str, str]:
    """As many partitions of at most `SHARE` bytes for each core; Spark would join some, and leave cores idle."""
    if text < SHARE * cores:
        return {}
    partitions = cores * ceil(text / SHARE / cores)
    return {
        "spark.sql.shuffle.partitions": str(partitions),
        "spark.sql.adaptive.coalescePartitions.enabled": "false",
    }
