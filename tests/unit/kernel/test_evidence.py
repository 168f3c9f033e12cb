"""A batch is published and archived when S3 says so, object by object."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ledgerlake import keys
from ledgerlake.archive.move import archive
from ledgerlake.contracts import DATASETS
from ledgerlake.errors import NotArchived, NotPublished
from ledgerlake.planning import batch as batches
from ledgerlake.planning import quarantine
from ledgerlake.planning.evidence import (
    ledger_metadata,
    require_finished,
    require_parents,
    require_published,
    unarchived,
    unledgered,
    unpublished,
)
from ledgerlake.settings import Settings
from tests.published import ATTEMPT, publish, publish_dataset, stage

BUCKET = "lake"
KEYS = ("raw/products/p.csv", "raw/orders/o.csv", "raw/orders/o2.csv", "raw/order_items/i.csv")


def plan(s3):
    return batches.plan(s3, BUCKET, Settings(gate="any"), datetime.now(UTC) + timedelta(seconds=5)).batch


@pytest.fixture
def batch(s3, deliver):
    for key in KEYS:
        deliver(key)
    return plan(s3)


def _delete(s3, prefix):
    for entry in s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", []):
        s3.delete_object(Bucket=BUCKET, Key=entry["Key"])


def test_a_batch_is_published_when_the_ledger_covers_every_delivery(s3, batch):
    publish(s3, BUCKET, batch)
    assert unpublished(s3, BUCKET, batch) == {}
    require_published(s3, BUCKET, batch)


@pytest.mark.parametrize("name", DATASETS)
def test_a_dataset_without_its_part_of_the_ledger_is_named_with_its_job(s3, batch, name):
    publish(s3, BUCKET, batch, without=(name,))
    with pytest.raises(NotPublished) as raised:
        require_published(s3, BUCKET, batch)
    assert f"{name}: the ledger has no part of its {len(batch.of(name))} deliver" in str(raised.value)
    assert f"in Airflow, clear {DATASETS[name].job} " in str(raised.value)
    assert "ledgerlake run --wait" in str(raised.value)


def test_rows_that_are_staged_and_not_published_are_no_evidence(s3, batch):
    publish(s3, BUCKET, batch, without=("orders",))
    stage(s3, BUCKET, batch.batch_id, "orders", entries=2)
    assert unpublished(s3, BUCKET, batch) == {"orders": "its job has staged rows and not published them"}


def test_a_later_attempt_that_is_staged_has_to_be_published_too(s3, batch):
    publish(s3, BUCKET, batch)
    stage(s3, BUCKET, batch.batch_id, "orders", entries=2, attempt="b2")
    assert list(unpublished(s3, BUCKET, batch)) == ["orders"]
    publish_dataset(s3, BUCKET, batch, "orders", "b2")
    assert unpublished(s3, BUCKET, batch) == {}


def test_a_part_that_covers_other_deliveries_is_no_evidence(s3, batch):
    publish(s3, BUCKET, batch)
    key = keys.ledger_part("orders", batch.batch_id, ATTEMPT)
    s3.put_object(Bucket=BUCKET, Key=key, Body=b"PAR1", Metadata=ledger_metadata([batch.of("orders")[0].id]))
    assert unpublished(s3, BUCKET, batch) == {"orders": "no part of the ledger covers its 2 deliveries"}


def test_a_part_of_an_earlier_release_counts_without_metadata(s3, batch):
    publish(s3, BUCKET, batch)
    s3.put_object(Bucket=BUCKET, Key=keys.ledger_part("orders", batch.batch_id, ATTEMPT), Body=b"PAR1")
    assert unpublished(s3, BUCKET, batch) == {}


def test_a_part_of_another_batch_is_no_evidence(s3, batch):
    publish(s3, BUCKET, batch, without=("orders",))
    s3.put_object(Bucket=BUCKET, Key=keys.ledger_part("orders", "20250101T000000Z-00000000", ATTEMPT), Body=b"PAR1")
    assert list(unpublished(s3, BUCKET, batch)) == ["orders"]


def test_after_staging_has_expired_the_part_of_the_ledger_is_enough(s3, batch):
    publish(s3, BUCKET, batch)
    _delete(s3, "staging/")
    assert unpublished(s3, BUCKET, batch) == {}


@pytest.fixture
def parents_only(s3, deliver):
    """A batch in which `order_items` has no delivery of its own, but a job."""
    deliver("raw/orders/o.csv")
    batch = plan(s3)
    assert "order_items" in batch.datasets
    return batch


def test_a_dataset_without_deliveries_has_to_have_a_stage_or_a_part(s3, parents_only):
    publish(s3, BUCKET, parents_only, without=("order_items",))
    seen = {"order_items": "its job has left neither a stage nor a part of the ledger"}
    assert unpublished(s3, BUCKET, parents_only) == seen
    stage(s3, BUCKET, parents_only.batch_id, "order_items", entries=0)
    assert unpublished(s3, BUCKET, parents_only) == {}
    s3.delete_object(Bucket=BUCKET, Key=keys.stage_summary(parents_only.batch_id, "order_items"))
    s3.put_object(Bucket=BUCKET, Key=keys.ledger_part("order_items", parents_only.batch_id, ATTEMPT), Body=b"PAR1")
    assert unpublished(s3, BUCKET, parents_only) == {}


def test_released_rows_that_are_only_staged_are_no_evidence(s3, parents_only):
    publish(s3, BUCKET, parents_only)
    stage(s3, BUCKET, parents_only.batch_id, "order_items", entries=1)
    assert list(unpublished(s3, BUCKET, parents_only)) == ["order_items"]


def test_a_delivery_counts_also_when_the_manifest_does_not_name_its_dataset(s3, batch):
    odd = batches.Batch(batch.batch_id, batch.planned_at, (), batch.deliveries)
    assert set(unpublished(s3, BUCKET, odd)) == {"products", "orders", "order_items"}


def test_a_batch_is_finished_when_nothing_of_it_lies_in_raw(s3, batch, deliver):
    publish(s3, BUCKET, batch)
    with pytest.raises(NotArchived, match=r"4 of 4 deliveries .* still lie in raw/: .*ledgerlake run --wait"):
        require_finished(s3, BUCKET, batch)
    archive(s3, BUCKET, batch)
    deliver("raw/orders/o.csv", b"a later version")
    assert unarchived(s3, BUCKET, batch) == ()
    require_finished(s3, BUCKET, batch)


def test_what_is_archived_and_not_published_is_not_finished(s3, batch):
    archive(s3, BUCKET, batch)
    with pytest.raises(NotPublished):
        require_finished(s3, BUCKET, batch)


def test_a_delivery_that_somebody_deleted_keeps_no_batch_open(s3, batch):
    publish(s3, BUCKET, batch)
    archive(s3, BUCKET, batches.Batch(batch.batch_id, "", (), batch.deliveries[1:]))
    s3.delete_object(Bucket=BUCKET, Key=batch.deliveries[0].key)
    require_finished(s3, BUCKET, batch)


def test_an_archived_delivery_without_a_part_of_the_ledger_is_found(s3, batch, deliver):
    publish(s3, BUCKET, batch, without=("orders",))
    assert unledgered(s3, BUCKET) == {}, "the batch is open"
    archive(s3, BUCKET, batch)
    batches.close(s3, BUCKET, batch.batch_id)
    assert unledgered(s3, BUCKET) == {batch.batch_id: batch.of("orders")}
    publish(s3, BUCKET, batch)
    deliver("raw/orders/later.csv")
    later = plan(s3)
    publish(s3, BUCKET, later)
    quarantine.set_aside(s3, BUCKET, later.batch_id, "why")
    assert unledgered(s3, BUCKET) == {}


def test_only_doubtful_batches_have_their_manifest_read(s3, batch, monkeypatch):
    publish(s3, BUCKET, batch)
    batches.close(s3, BUCKET, batch.batch_id)
    monkeypatch.setattr(batches, "load", lambda *_: pytest.fail("nothing is doubtful"))
    assert unledgered(s3, BUCKET) == {}


def test_a_child_is_not_judged_before_the_parents_of_its_batch_are_published(s3, batch):
    publish_dataset(s3, BUCKET, batch, "products")
    with pytest.raises(NotPublished, match=r"orders: the ledger has no part .* runs orders_etl first"):
        require_parents(s3, BUCKET, batch, DATASETS["order_items"])
    require_parents(s3, BUCKET, batch, DATASETS["orders"])
    publish_dataset(s3, BUCKET, batch, "orders")
    require_parents(s3, BUCKET, batch, DATASETS["order_items"])
