"""Order items as such projects usually load them: a typed read, a filter for each rule, dropDuplicates, MERGE.

What a rule refuses is counted and, if there is any, written to `rejected/`, with the rule as its only reason.

    python -m benchmarks.baselines.naive_spark BUCKET…

It knows neither row numbers nor all reasons of a row; of a key's versions it keeps any one.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from benchmarks.timings import end_lap

SCHEMA = (
    "id bigint, order_id bigint, user_id bigint, days_since_prior_order int, product_id bigint, "
    "add_to_cart_order int, reordered int, order_timestamp timestamp, date date, _corrupt_record string"
)
REQUIRED = ("id", "order_id", "user_id", "product_id", "add_to_cart_order", "reordered", "order_timestamp", "date")
RULES = {
    "malformed": "_corrupt_record is null",
    "required": " and ".join(f"{name} is not null" for name in REQUIRED),
    "days_not_negative": "days_since_prior_order is null or days_since_prior_order >= 0",
    "cart_position_from_one": "add_to_cart_order >= 1",
}


def main(*buckets: str) -> dict[str, Any]:
    """Load one bucket after the other in one session."""
    spark = SparkSession.builder.appName("naive_spark").getOrCreate()
    counts = {}
    for bucket in buckets:
        counts[bucket] = load(spark, bucket)
        end_lap()
    spark.stop()
    return {"counts": counts}


def load(spark: SparkSession, bucket: str) -> dict[str, int]:
    """Return the rows read and rejected, by rule."""
    rows = spark.read.csv(f"s3://{bucket}/raw/order_items/", header=True, schema=SCHEMA, mode="PERMISSIVE")
    counts = {"read": rows.count()}
    for name, rule in RULES.items():
        counts[name] = refuse(rows.where(f"not coalesce({rule}, false)"), name, bucket)
        rows = rows.where(rule)
    for parent, key in (("orders", "order_id"), ("products", "product_id")):
        keys = spark.read.format("delta").load(f"s3://{bucket}/lakehouse-dwh/{parent}").select(key)
        counts[parent] = refuse(rows.join(keys, key, "left_anti"), parent, bucket)
        rows = rows.join(keys, key, "left_semi")
    merge(spark, rows, f"s3://{bucket}/seeds/order_items")
    return counts


def refuse(rows: DataFrame, reason: str, bucket: str) -> int:
    """Return how many rows there are, after writing them to `rejected/`."""
    count: int = rows.count()
    if count:
        rows.withColumn("reason", F.lit(reason)).write.mode("append").parquet(f"s3://{bucket}/seeds-rejected/")
    return count


def merge(spark: SparkSession, rows: DataFrame, path: str) -> None:
    """Merge the rows into the table, which is made when it is not there."""
    columns = (
        "id bigint, order_id bigint, user_id bigint, days_since_prior_order int, product_id bigint, "
        "add_to_cart_order int, reordered boolean, order_timestamp timestamp, date date"
    )
    spark.sql(f"create table if not exists delta.`{path}` ({columns}) using delta partitioned by (date)")
    typed = rows.withColumn("reordered", rows.reordered.cast("boolean")).drop("_corrupt_record")
    typed.dropDuplicates(["id"]).createOrReplaceTempView("updates")
    spark.sql(
        f"merge into delta.`{path}` t using updates s on t.id = s.id "
        "when matched then update set * when not matched then insert *"
    )


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
