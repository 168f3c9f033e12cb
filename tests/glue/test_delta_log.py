"""What is read from a Delta log without Spark is what Spark reads from it."""

from __future__ import annotations

import pytest
from delta.tables import DeltaTable

from ledgerlake_glue import delta_log
from ledgerlake_glue.objects import s3

pytestmark = pytest.mark.slow


@pytest.fixture
def table(lake):
    """Made, and changed four times; every second commit is a checkpoint."""
    made = lake.table("products")
    made.prepare()
    for interval in ("2", "2", "2", "2"):
        made.spark.sql(f"alter table delta.`{made.path}` set tblproperties ('delta.checkpointInterval' = '{interval}')")
    return made


def test_the_last_version_is_what_delta_says_also_behind_a_checkpoint(spark, lake, table):
    log = s3().list_objects_v2(Bucket=lake.bucket, Prefix="lakehouse-dwh/products/_delta_log/_last_checkpoint")
    assert log["KeyCount"] == 1
    assert delta_log.last_version(table.path) == DeltaTable.forPath(spark, table.path).history(1).first().version == 4


def test_a_folder_without_a_commit_is_no_table(lake):
    with pytest.raises(ValueError, match="has no commit"):
        delta_log.last_version(f"s3://{lake.bucket}/lakehouse-dwh/nothing")


def test_the_size_is_what_delta_says(spark, lake):
    lake.deliver("products", "a.csv", "product_id,department_id,department,product_name\n1,1,Home,Cup\n")
    lake.run()
    table = lake.table("products")
    said = DeltaTable.forPath(spark, table.path).detail().first()
    assert delta_log.size(table.path, table.version()) == delta_log.Size(said.sizeInBytes, said.numFiles)
    assert said.sizeInBytes > 0


def test_of_a_version_without_a_checksum_the_size_is_not_known_and_delta_is_asked(lake, table):
    s3().delete_object(Bucket=lake.bucket, Key="lakehouse-dwh/products/_delta_log/00000000000000000004.crc")
    assert delta_log.size(table.path, 4) is None
    assert table.is_large is False
