from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from ledgerlake import batch, places
from ledgerlake.deliveries import waiting
from ledgerlake.errors import BatchNotFound, ManifestUnreadable
from ledgerlake.settings import Settings

BUCKET = "lake"
ALL = ("products", "orders", "order_items")


def load_table(s3, dataset: str) -> None:
    s3.put_object(Bucket=BUCKET, Key=f"lakehouse-dwh/{dataset}/_delta_log/0.json", Body=b"{}")


def plan(s3, gate: str = "loaded") -> batch.Plan:
    return batch.plan(s3, BUCKET, Settings(gate=gate))


@pytest.mark.parametrize(
    ("gate", "delivered", "loaded", "opens"),
    [
        ("loaded", ALL, (), True),
        ("loaded", ("orders",), (), False),
        ("loaded", ("orders",), ("products", "order_items"), True),
        ("loaded", ("orders",), ALL, True),
        ("delivered", ("orders",), ALL, False),
        ("delivered", ALL, (), True),
        ("any", ("orders",), (), True),
    ],
)
def test_the_gate_opens_when_its_setting_says_so(s3, deliver, gate, delivered, loaded, opens):
    for dataset in delivered:
        deliver(f"raw/{dataset}/a.csv")
    for dataset in loaded:
        load_table(s3, dataset)
    made = plan(s3, gate)
    assert (made.batch is not None) == opens
    if not opens:
        assert "gate is closed" in made.reason
        assert batch.open_batches(s3, BUCKET) == []


def test_nothing_waiting_is_an_ordinary_outcome(s3):
    assert plan(s3).reason == "nothing waits in raw/"


def test_a_manifest_names_every_delivery_and_is_read_back_the_same(s3, deliver):
    for dataset in ALL:
        deliver(f"raw/{dataset}/a.csv")
    made = plan(s3).batch
    assert made == batch.load(s3, BUCKET, made.batch_id)
    assert {each.key for each in made.deliveries} == {f"raw/{dataset}/a.csv" for dataset in ALL}
    assert made.datasets == ALL


def test_an_open_batch_goes_on_before_what_has_landed_since(s3, deliver):
    deliver("raw/orders/a.csv")
    first = plan(s3, "any")
    deliver("raw/orders/b.csv")
    again = plan(s3, "any")
    assert again.batch == first.batch
    assert again.resumed
    batch.close(s3, BUCKET, first.batch.batch_id)
    batch.close(s3, BUCKET, first.batch.batch_id)  # twice is fine
    assert batch.open_batches(s3, BUCKET) == []
    assert not plan(s3, "any").resumed


def test_a_job_runs_for_its_own_files_for_new_parents_and_to_make_its_table(s3, deliver):
    deliver("raw/orders/a.csv")
    assert plan(s3, "any").batch.datasets == ALL  # no table is there
    batch.close(s3, BUCKET, batch.open_batches(s3, BUCKET)[0])
    for dataset in ALL:
        load_table(s3, dataset)
    assert plan(s3).batch.datasets == ("orders", "order_items")
    batch.close(s3, BUCKET, batch.open_batches(s3, BUCKET)[0])
    waits = waiting(s3, BUCKET).deliveries[0]
    s3.delete_object(Bucket=BUCKET, Key=waits.key, VersionId=waits.version_id)
    deliver("raw/order_items/a.csv")
    assert plan(s3).batch.datasets == ("order_items",)


def test_a_burst_settles_when_it_is_quiet_or_has_waited_for_too_long(s3, deliver):
    deliver("raw/orders/a.csv")
    found, now = waiting(s3, BUCKET), datetime.now(UTC)
    settings = Settings(settle_seconds=30, max_wait_seconds=600)
    assert not batch.settled(found, settings, now + timedelta(seconds=20))
    assert batch.settled(found, settings, now + timedelta(seconds=40))
    assert batch.settled(found, Settings(settle_seconds=3000, max_wait_seconds=600), now + timedelta(seconds=700))


def test_a_manifest_that_is_absent_or_spoilt_says_so(s3):
    with pytest.raises(BatchNotFound, match="no manifest"):
        batch.load(s3, BUCKET, "20250401T000000Z-00000000")
    for body in (b"not json", b"{}", json.dumps({"batch_id": "a"}).encode()):
        s3.put_object(Bucket=BUCKET, Key=places.manifest("spoilt"), Body=body)
        with pytest.raises(ManifestUnreadable, match="bring its first version back"):
            batch.load(s3, BUCKET, "spoilt")
