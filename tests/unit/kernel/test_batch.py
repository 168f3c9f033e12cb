from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ledgerlake import keys
from ledgerlake.contracts import DATASETS
from ledgerlake.contracts.products import PRODUCTS
from ledgerlake.intake.deliveries import Delivery, Waiting, iso, waiting
from ledgerlake.planning import batch
from ledgerlake.settings import Settings

BUCKET = "lake"
ALL = ("products", "orders", "order_items")
NOON = datetime(2025, 4, 1, 12, tzinfo=UTC)
FUTURE = datetime(2099, 4, 1, 12, tzinfo=UTC)


def load_table(s3, dataset: str) -> None:
    s3.put_object(Bucket=BUCKET, Key=f"lakehouse-dwh/{dataset}/_delta_log/0.json", Body=b"{}")


def later() -> datetime:
    """When what was delivered this second may be planned."""
    return datetime.now(UTC) + timedelta(seconds=5)


def plan(s3, gate: str = "loaded") -> batch.Plan:
    return batch.plan(s3, BUCKET, Settings(gate=gate), later())


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


CUSTOMERS = replace(PRODUCTS, name="customers", job="customers_etl", gate=False)


@pytest.fixture
def _a_fourth_dataset(monkeypatch):
    monkeypatch.setitem(DATASETS, CUSTOMERS.name, CUSTOMERS)


@pytest.mark.usefixtures("_a_fourth_dataset")
@pytest.mark.parametrize("gate", ["loaded", "delivered"])
def test_a_dataset_that_does_not_gate_holds_up_nobody_before_its_first_delivery(s3, deliver, gate):
    for dataset in ALL:
        deliver(f"raw/{dataset}/a.csv")
    made = plan(s3, gate).batch
    assert made is not None
    assert {delivery.dataset for delivery in made.deliveries} == set(ALL)
    assert "customers" in made.datasets, "its table is made, so that it can be asked"


@pytest.mark.usefixtures("_a_fourth_dataset")
def test_a_dataset_that_does_not_gate_opens_no_gate_for_others(s3, deliver):
    deliver("raw/customers/a.csv")
    assert plan(s3).reason == "the gate is closed: no delivery of products, orders, order_items has come"
    for dataset in ALL:
        load_table(s3, dataset)
    assert plan(s3).batch is not None


def test_a_new_dataset_that_gates_is_waited_for(s3, deliver, monkeypatch):
    monkeypatch.setitem(DATASETS, CUSTOMERS.name, replace(CUSTOMERS, gate=True))
    for dataset in ALL:
        deliver(f"raw/{dataset}/a.csv")
    assert plan(s3).reason == "the gate is closed: no delivery of customers has come"


def test_the_datasets_of_the_seeds_gate():
    assert [name for name, dataset in DATASETS.items() if dataset.gate] == list(ALL)


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


def is_settled(*ages: float) -> bool:
    """At noon, with deliveries that landed so many seconds before; 30 s of quiet, 600 s at most."""
    landed = [iso(NOON - timedelta(seconds=age)) for age in ages]
    found = Waiting(tuple(Delivery(at, f"raw/orders/{at}.csv", "v", "orders", 1, "e") for at in landed))
    return batch.is_settled(found, Settings(settle_seconds=30, max_wait_seconds=600), NOON)


def test_a_burst_is_settled_when_its_last_file_has_been_there_for_long_enough():
    assert not is_settled(29.9)
    assert is_settled(30)
    assert not is_settled(100, 29.9)
    assert is_settled(100, 30)


def test_a_burst_without_end_is_settled_when_its_first_file_has_waited_for_too_long():
    assert not is_settled(599.9, 1)
    assert is_settled(600, 1)


def test_an_empty_folder_is_settled():
    assert is_settled()


def test_a_closed_gate_names_what_it_waits_for_and_writes_nothing(s3, deliver):
    deliver("raw/orders/a.csv")
    made = plan(s3)
    assert made.reason == "the gate is closed: no delivery of products, order_items has come"
    assert not s3.list_objects_v2(Bucket=BUCKET, Prefix=keys.BATCHES).get("KeyCount")


def test_a_batch_is_named_by_the_time_of_its_plan_and_by_what_is_in_it(s3, deliver):
    deliver("raw/orders/a.csv")
    one = batch.plan(s3, BUCKET, Settings(gate="any"), FUTURE).batch
    batch.close(s3, BUCKET, one.batch_id)
    deliver("raw/orders/b.csv")
    other = batch.plan(s3, BUCKET, Settings(gate="any"), FUTURE).batch
    assert one.batch_id.startswith("20990401T120000Z-")
    assert one.planned_at == "2099-04-01T12:00:00.000000Z"
    assert other.batch_id.startswith("20990401T120000Z-")
    assert one.batch_id != other.batch_id


def test_a_manifest_is_written_once(s3, deliver):
    deliver("raw/orders/a.csv")
    made = batch.plan(s3, BUCKET, Settings(gate="any"), FUTURE).batch
    s3.put_object(Bucket=BUCKET, Key=keys.open_batch(made.batch_id), Body=b"{}")
    batch.close(s3, BUCKET, made.batch_id)
    batch.plan(s3, BUCKET, Settings(gate="any"), FUTURE)
    versions = s3.list_object_versions(Bucket=BUCKET, Prefix=keys.manifest(made.batch_id))["Versions"]
    assert len(versions) == 1
    assert batch.load(s3, BUCKET, made.batch_id) == made


def test_of_several_open_batches_the_oldest_goes_on(s3, deliver):
    deliver("raw/orders/a.csv")
    made = batch.plan(s3, BUCKET, Settings(gate="any"), FUTURE).batch
    s3.put_object(Bucket=BUCKET, Key=keys.open_batch("20990501T000000Z-00000000"), Body=b"{}")
    assert batch.open_batches(s3, BUCKET) == [made.batch_id, "20990501T000000Z-00000000"]
    assert plan(s3).batch == made
    batch.close(s3, BUCKET, made.batch_id)
    assert batch.open_batches(s3, BUCKET) == ["20990501T000000Z-00000000"]


def test_an_open_batch_goes_on_though_its_files_are_archived_and_the_gate_is_closed(s3, deliver):
    deliver("raw/orders/a.csv")
    made = plan(s3, "any").batch
    (delivery,) = made.deliveries
    s3.delete_object(Bucket=BUCKET, Key=delivery.key, VersionId=delivery.version_id)
    again = plan(s3, "delivered")
    assert (again.batch, again.resumed) == (made, True)
    assert made.batch_id in again.reason


def test_a_plan_of_thousands_of_strays_stays_small(s3, deliver, monkeypatch):
    strays = tuple(f"raw/Orders/{number:06}-{'x' * 80}.csv" for number in range(4_000))
    monkeypatch.setattr(batch, "waiting", lambda *_: Waiting((), strays, strays))
    assert len(json.dumps(plan(s3).as_json())) < 1_000


def test_markers_and_hidden_files_are_no_batch_and_open_no_gate(s3, deliver):
    for dataset in ALL:
        deliver(f"raw/{dataset}/_SUCCESS", b"")
        deliver(f"raw/{dataset}/_temporary/0/task_1/part-0.csv")
    for gate in ("any", "loaded", "delivered"):
        made = plan(s3, gate)
        assert (made.batch, made.reason) == (None, "nothing waits in raw/")
    deliver("raw/orders/part-0.csv")
    assert plan(s3).reason == "the gate is closed: no delivery of products, order_items has come"
    made = plan(s3, "any")
    assert [each.key for each in made.batch.deliveries] == ["raw/orders/part-0.csv"]
    assert len(made.unread.ignored) == 6


def test_every_plan_tells_the_strays(s3, deliver):
    deliver("raw/readme.txt")
    assert plan(s3).unread.strays == ("raw/readme.txt",)
    deliver("raw/orders/a.csv")
    assert plan(s3, "delivered").unread.strays == ("raw/readme.txt",)
    made = plan(s3, "any")
    assert made.unread.strays == plan(s3, "any").unread.strays == ("raw/readme.txt",)
    assert made.as_json()["strays"] == 1
    assert [each.key for each in made.batch.deliveries] == ["raw/orders/a.csv"]


def test_a_batch_tells_its_deliveries_apart_by_dataset(s3, deliver):
    for name in ("orders/a", "orders/b", "products/a"):
        deliver(f"raw/{name}.csv")
    made = plan(s3, "any").batch
    assert [each.key for each in made.of("orders")] == ["raw/orders/a.csv", "raw/orders/b.csv"]
    assert made.of("order_items") == ()


def test_a_table_is_loaded_when_its_log_is_there(s3):
    s3.put_object(Bucket=BUCKET, Key="lakehouse-dwh/orders/date=2025-04-01/part-0.parquet", Body=b"")
    assert batch.loaded_tables(s3, BUCKET) == set()
    load_table(s3, "order_items")
    assert batch.loaded_tables(s3, BUCKET) == {"order_items"}
