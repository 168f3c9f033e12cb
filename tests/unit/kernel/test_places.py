from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledgerlake import keys as lake_keys
from ledgerlake.names import Places
from ledgerlake.settings import Settings

LANDED = "2025-04-02T08:00:00.000000Z"
DEV = Settings(environment="dev", account="123456789012")
names = st.text(st.characters(codec="utf-8", exclude_characters="/"), min_size=1)


def test_an_archive_key_tells_when_the_file_landed_and_keeps_its_name():
    version = lake_keys.delivery_id("raw/orders/2025-04-01.csv", "v1")
    assert (
        lake_keys.archived("raw/orders/2025-04-01.csv", LANDED, "v1")
        == f"archived/orders/20250402T080000.000000Z-{version}/2025-04-01.csv"
    )


def test_folders_below_the_dataset_stay_in_the_archive_key():
    key = lake_keys.archived("raw/orders/2025/04/01.csv", LANDED, "v1")
    assert key.startswith("archived/orders/2025/04/")
    assert key.endswith("/01.csv")


@given(names, names, names)
def test_two_versions_of_one_file_are_archived_apart_under_its_name(name, first, second):
    keys = {lake_keys.archived(f"raw/orders/{name}", LANDED, version) for version in (first, second)}
    assert len(keys) == len({first, second})
    assert all(key.endswith(f"/{name}") for key in keys)


def test_a_delivery_id_is_twenty_characters_and_the_same_in_every_release():
    assert lake_keys.delivery_id("raw/orders/a b+ü.csv", "v1") == "83d41c57d41a8c0fedbc"


def test_what_belongs_to_a_dataset_lies_in_its_own_folder():
    for place in (
        lake_keys.raw_prefix,
        lake_keys.table_prefix,
        lake_keys.rejected_prefix,
        lake_keys.parked_prefix,
        lambda dataset: lake_keys.staging("b", dataset),
        lambda dataset: lake_keys.ledger_part(dataset, "b", "a1"),
        lambda dataset: lake_keys.stage_summary("b", dataset),
    ):
        orders, items = place("orders"), place("order_items")
        assert "orders" in orders
        assert not orders.startswith(items)
        assert not items.startswith(orders)


def test_a_part_of_rejects_or_parking_lies_directly_in_its_folder():
    assert lake_keys.rejected_part("orders", "id") == f"{lake_keys.rejected_prefix('orders')}id.parquet"
    assert lake_keys.parked_part("orders", "id") == f"{lake_keys.parked_prefix('orders')}id.parquet"


def test_the_ledger_is_partitioned_by_dataset():
    assert lake_keys.ledger_part("orders", "b", "a1") == "ledger/dataset=orders/b-a1.parquet"


def test_the_summary_of_a_stage_is_not_among_its_files():
    assert not lake_keys.stage_summary("b", "orders").startswith(lake_keys.staging("b", "orders"))


def test_the_mark_of_an_open_batch_is_not_its_manifest():
    assert lake_keys.manifest("b") != lake_keys.open_batch("b")
    assert lake_keys.open_batch("b").startswith(lake_keys.OPEN_BATCHES)


def test_a_lake_is_named_by_environment_account_and_region():
    dev = Places.of(DEV)
    assert dev.bucket == "ledgerlake-dev-123456789012-us-east-1"
    assert dev.artifact_bucket == "ledgerlake-artifacts-dev-123456789012-us-east-1"
    assert dev.queue_url == "https://sqs.us-east-1.amazonaws.com/123456789012/ecommerce-etl-queue"
    assert dev.topic_arn == "arn:aws:sns:us-east-1:123456789012:ecommerce-etl-notifications"


@pytest.mark.parametrize("other", [{"environment": "prod"}, {"account": "210987654321"}, {"region": "eu-west-1"}])
def test_no_two_lakes_share_a_bucket(other):
    given = {"environment": "dev", "account": "123456789012", "region": "us-east-1"}
    one, two = Places.of(Settings(**given)), Places.of(Settings(**given | other))
    assert one.bucket != two.bucket
    assert one.artifact_bucket != two.artifact_bucket


def test_a_bucket_name_is_one_that_s3_accepts():
    for environment in ("local", "dev", "prod"):
        here = Places.of(Settings(environment=environment, region="ap-southeast-2"))
        for bucket in (here.bucket, here.artifact_bucket):
            assert re.fullmatch(r"[a-z0-9-]{3,63}", bucket)


def test_another_aws_has_its_queue_below_its_endpoint():
    here = Places.of(Settings(), "http://127.0.0.1:4566")
    assert here.queue_url == "http://127.0.0.1:4566/000000000000/ecommerce-etl-queue"


def test_a_lambda_is_given_its_bucket(monkeypatch):
    monkeypatch.setenv("LEDGERLAKE_BUCKET", "given")
    assert Places.of(DEV).bucket == "given"


def test_an_object_is_named_by_its_uri():
    here = Places.of(DEV)
    assert here.uri("raw/orders/a b.csv") == f"s3://{here.bucket}/raw/orders/a b.csv"
