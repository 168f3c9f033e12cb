"""What a Glue job does, in small, so that the JVM loads the classes that a job needs: `SCRIPT s3://bucket/prefix`.

Run by `.venv-glue` while the archive of classes is recorded.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pyarrow as pa
from pyspark.sql import SparkSession


def _rows(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        size = batch.num_rows
        yield pa.RecordBatch.from_pydict({"id": [str(i) for i in range(size)], "day": ["2025-04-01"] * size})


def main(root: str) -> None:
    """Run what a job runs, so that the JVM records its classes."""
    spark = SparkSession.builder.getOrCreate()
    read = spark.range(200).repartition(2).mapInArrow(_rows, "id string, day string")
    read.createOrReplaceTempView("delivered")
    typed = spark.sql(
        """SELECT id, day, seen, reasons FROM (
             SELECT CAST(id AS bigint) AS id, CAST(day AS date) AS day, current_timestamp() AS seen,
               filter(array(IF(id IS NULL, 'id', NULL)), reason -> reason IS NOT NULL) AS reasons,
               row_number() OVER (PARTITION BY id ORDER BY day DESC) AS newest
             FROM delivered) WHERE newest = 1"""
    )
    typed.write.mode("overwrite").parquet(f"{root}/stage")
    stage = spark.read.parquet(f"{root}/stage")
    stage.write.format("delta").mode("overwrite").partitionBy("day").save(f"{root}/table")
    stage.createOrReplaceTempView("stage")
    for _ in range(2):
        spark.sql(
            f"""MERGE INTO delta.`{root}/table` t USING stage s ON t.id = s.id
                WHEN MATCHED AND s.id < 50 THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *"""
        )
    spark.sql(f"DESCRIBE HISTORY delta.`{root}/table`").collect()
    spark.read.format("delta").load(f"{root}/table").groupBy("day").count().collect()
    spark.stop()


if __name__ == "__main__":
    main(sys.argv[1])
