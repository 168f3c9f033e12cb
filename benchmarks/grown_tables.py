"""Makes tables of so many days, as if they had been loaded day by day.

python -m benchmarks.grown_tables BUCKET DAYS ROWS_A_DAY [rows]

With `rows` the table of order items is left empty, and its rows are put under `rows/` for `benchmarks.commits`.
"""

from __future__ import annotations

import json
import sys
from datetime import date, timedelta
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from ledgerlake import keys
from ledgerlake.contracts import DATASETS
from ledgerlake_glue.session import prepare
from ledgerlake_glue.tables import LakeTable

_EPOCH = date(2020, 1, 1)
_LAST, _ALWAYS, _NEVER = date(2025, 4, 30), date(2025, 4, 20), date(2025, 4, 15)
_LINEAGE = (
    "'raw/order_items/grown.csv' as _source_file, n as _source_row, timestamp'2025-01-01' as _landed_at, "
    "'batch' as _batch_id"
)


def main(bucket: str, days: str, rows: str, apart: str = "") -> dict[str, Any]:
    """Make a table of so many days, backwards from the last, and orders for every day of April."""
    spark = SparkSession.builder.appName("grown_tables").getOrCreate()
    prepare(spark)
    wanted = [_ALWAYS]
    day = _LAST
    while len(wanted) < int(days):
        if day not in (_ALWAYS, _NEVER):
            wanted.append(day)
        day -= timedelta(days=1)
    april = [_LAST + timedelta(days=1 - number) for number in range(31)]
    append(spark, bucket, "products", _products(spark))
    append(spark, bucket, "orders", _orders(spark, sorted({*wanted, *april}), int(rows)))
    items = _items(spark, sorted(wanted), int(rows))
    append(spark, bucket, "order_items", items.limit(0) if apart else items)
    if apart:
        items.coalesce(1).write.parquet(f"s3://{bucket}/{apart}/")
    spark.stop()
    return {"seconds": {}}


def append(spark: SparkSession, bucket: str, name: str, rows: DataFrame) -> None:
    """Add the rows in one commit."""
    table = LakeTable(spark, DATASETS[name], f"s3://{bucket}/{keys.table_prefix(name)}")
    table.prepare()
    together = rows.repartition(*DATASETS[name].partition_by).sortWithinPartitions(*DATASETS[name].key)
    together.write.format("delta").mode("append").save(table.path)


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
