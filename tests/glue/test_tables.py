"""The table and its commits: the version rule, and one commit a batch."""

from __future__ import annotations

import io
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from pyspark.sql import functions as F

sys.path.insert(0, str(Path(__file__).parents[1]))
from shop import item, items, order, orders, products
from shop import product as product_line

from ledgerlake.errors import VerdictError
from ledgerlake_glue.tables import WRITE

MORNING = datetime(2025, 4, 1, 8, tzinfo=UTC)

pytestmark = pytest.mark.slow


def product(spark, number: int, name: str, landed: datetime, department: int = 1):
    return spark.createDataFrame(
        [(number, department, "Home", name, "raw/products/a.csv", 1, landed, "batch")],
        "product_id bigint, department_id bigint, department string, product_name string, "
        "_source_file string, _source_row bigint, _landed_at timestamp, _batch_id string",
    ).withColumn("_action", F.lit(WRITE))


def done(inserted: int, updated: int, deleted: int = 0) -> dict[str, int]:
    return {"inserted": inserted, "updated": updated, "deleted": deleted}


@pytest.fixture
def table(lake):
    made = lake.table("products")
    made.prepare()
    return made


def test_the_merge_never_replaces_a_newer_version_whatever_the_verdict_says(spark, table):
    table.merge(product(spark, 1, "newer", MORNING), "b1", "b1-1", done(1, 0), [])
    older = product(spark, 1, "older", MORNING - timedelta(hours=1))
    with pytest.raises(VerdictError, match="the MERGE of b2"):
        table.merge(older, "b2", "b2-1", done(0, 1), ["1"])
    assert [row.product_name for row in table.read().collect()] == ["newer"]


def test_the_merge_of_a_batch_happens_once_however_often_it_is_tried(spark, table):
    table.merge(product(spark, 1, "first", MORNING), "b1", "b1-1", done(1, 0), [])
    version = table.version()
    table.merge(product(spark, 2, "second", MORNING), "b1", "b1-1", done(1, 0), [])
    assert table.version() == version
    assert [row.product_id for row in table.read().collect()] == [1]


def test_what_a_batch_committed_is_found_again_in_the_history(spark, table):
    assert table.committed("b1-1") is None
    table.merge(product(spark, 1, "first", MORNING), "b1", "b1-1", done(1, 0), [])
    table.merge(product(spark, 1, "second", MORNING + timedelta(hours=1)), "b2", "b2-1", done(0, 1), ["1"])
    assert table.committed("b1-1") == done(1, 0)
    assert table.committed("b2-1") == done(0, 1)


def test_a_table_is_made_from_its_contract_with_docs_and_partitions(spark, table):
    detail = spark.sql(f"describe detail delta.`{table.path}`").first()
    assert detail.partitionColumns == ["department_id"]
    assert detail.properties["delta.enableDeletionVectors"] == "false"
    fields = {field.name: field for field in table.read().schema.fields}
    assert fields["product_name"].metadata["comment"] == "As printed on the receipt."
    assert list(fields)[-4:] == ["_source_file", "_source_row", "_landed_at", "_batch_id"]


def test_a_row_that_moves_to_another_partition_leaves_the_one_it_was_in(spark, table):
    table.merge(product(spark, 1, "first", MORNING), "b1", "b1-1", done(1, 0), [])
    table.merge(product(spark, 2, "beside", MORNING), "b1", "b1-2", done(1, 0), [])
    moved = product(spark, 1, "second", MORNING + timedelta(hours=1), department=7)
    table.merge(moved, "b2", "b2-1", done(0, 1), ["1"])
    assert sorted((row.product_id, row.department_id) for row in table.read().collect()) == [(1, 7), (2, 1)]


def test_rows_that_are_only_inserted_leave_every_file_of_the_table_unread(spark, table):
    table.merge(product(spark, 1, "first", MORNING), "b1", "b1-1", done(1, 0), [])
    table.merge(product(spark, 2, "second", MORNING, department=2), "b2", "b2-1", done(1, 0), [])
    metrics = spark.sql(f"describe history delta.`{table.path}` limit 1").first().operationMetrics
    assert metrics["numTargetFilesRemoved"] == "0"
    assert metrics["numTargetRowsCopied"] == "0"


@pytest.mark.slow
def test_values_that_hardly_repeat_are_written_without_a_dictionary_and_the_others_with_one(lake):
    lake.deliver("products", "products.csv", products(product_line(1)))
    lake.deliver("orders", "2025-04-01.csv", orders(order(10)))
    lake.deliver("order_items", "2025-04-01.csv", items(*(item(n, 10) for n in range(50))))
    lake.run()
    (file,) = lake.table("order_items").read().inputFiles()
    body = lake.s3.get_object(Bucket=lake.bucket, Key=file.partition(f"{lake.bucket}/")[2])["Body"].read()
    group = pq.ParquetFile(io.BytesIO(body)).metadata.row_group(0)
    columns = [group.column(number) for number in range(group.num_columns)]
    # Parquet has no dictionary for booleans.
    plain = {each.path_in_schema for each in columns if "PLAIN_DICTIONARY" not in each.encodings} - {"reordered"}
    assert plain == {"id", "order_id", "order_timestamp", "_source_row"}
