"""Makes tables of so many days, as if they had been loaded day by day.

python -m benchmarks.grown BUCKET DAYS ROWS_A_DAY COMMITS
"""

from __future__ import annotations

import json
import sys
from datetime import date, timedelta
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from ledgerlake import places
from ledgerlake.contracts import DATASETS
from ledgerlake_spark.session import prepare
from ledgerlake_spark.tables import LakeTable

_EPOCH = date(2020, 1, 1)
_LAST, _ALWAYS, _NEVER = date(2025, 4, 30), date(2025, 4, 20), date(2025, 4, 15)
_LINEAGE = (
    "'raw/order_items/grown.csv' as _source_file, n as _source_row, timestamp'2025-01-01' as _landed_at, "
    "'batch' as _batch_id"
)


def main(bucket: str, days: str, rows: str, commits: str) -> dict[str, Any]:
    """The day that is always there and others backwards from the last; orders are there for every day of April."""
    spark = SparkSession.builder.appName("grown").getOrCreate()
    prepare(spark)
    wanted = [_ALWAYS]
    day = _LAST
    while len(wanted) < int(days):
        if day not in (_ALWAYS, _NEVER):
            wanted.append(day)
        day -= timedelta(days=1)
    april = [_LAST + timedelta(days=1 - number) for number in range(31)]
    append(spark, bucket, "products", _products(spark), 1)
    append(spark, bucket, "orders", _orders(spark, sorted({*wanted, *april}), int(rows)), 1)
    append(spark, bucket, "order_items", _items(spark, sorted(wanted), int(rows)), int(commits))
    spark.stop()
    return {"seconds": {}}


def append(spark: SparkSession, bucket: str, name: str, rows: DataFrame, commits: int) -> None:
    """Add the rows in so many commits of equal size."""
    table = LakeTable(spark, DATASETS[name], f"s3://{bucket}/{places.table_prefix(name)}")
    table.prepare()
    together = rows.repartition(*DATASETS[name].partition_by).sortWithinPartitions(*DATASETS[name].key)
    if commits == 1:
        together.write.format("delta").mode("append").save(table.path)
        return
    kept = together.coalesce(1).cache()
    for number in range(commits):
        part = kept.where(f"_source_row % {commits} = {number}")
        part.write.format("delta").mode("append").save(table.path)


def _numbers(spark: SparkSession, days: list[date], each: int) -> None:
    numbers = [(day, (day - _EPOCH).days) for day in days]
    spark.createDataFrame(numbers, "day date, number bigint").createOrReplaceTempView("days")
    spark.range(1, each + 1).toDF("n").createOrReplaceTempView("numbers")


def _items(spark: SparkSession, days: list[date], rows: int) -> DataFrame:
    _numbers(spark, days, rows)
    return spark.sql(f"""select number * 10000000 + n as id, number * 1000000 + 1 + int(n / 5) as order_id,
        n % 5000 as user_id, cast(n % 30 as int) as days_since_prior_order, 1 + n % 2000 as product_id,
        cast(1 + n % 9 as int) as add_to_cart_order, n % 2 = 0 as reordered,
        timestamp(day) + make_interval(0, 0, 0, 0, 0, 0, n % 86400) as order_timestamp, day as date, {_LINEAGE}
        from days cross join numbers""")


def _orders(spark: SparkSession, days: list[date], rows: int) -> DataFrame:
    _numbers(spark, days, rows // 2)
    return spark.sql(f"""select n as order_num, number * 1000000 + n as order_id, n % 5000 as user_id,
        timestamp(day) as order_timestamp, cast(n % 100 as double) as total_amount, day as date, {_LINEAGE}
        from days cross join numbers""")


def _products(spark: SparkSession) -> DataFrame:
    spark.range(1, 2001).toDF("n").createOrReplaceTempView("numbers")
    return spark.sql(f"""select n as product_id, 1 + n % 8 as department_id, concat('Department ', n % 8) as department,
        concat('Product ', n) as product_name, {_LINEAGE} from numbers""")


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
