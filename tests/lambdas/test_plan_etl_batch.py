"""PlanETLBatch: what an execution does, decided under its lease."""

from datetime import UTC, datetime

import pytest

from ledgerlake.archive.move import archive
from ledgerlake.errors import LeaseTaken, LedgerlakeError, SelectionError, SettingsError
from ledgerlake.intake.deliveries import from_iso, waiting
from ledgerlake.planning import batch, lease, quarantine

NAME = "plan_etl_batch"
BUCKET = "lake"
KEYS = ("raw/products/p.csv", "raw/orders/o.csv", "raw/order_items/i.csv")


def holder(cloud):
    held = lease.show(cloud.s3, BUCKET)
    return held.holder if held else ""


def make(cloud, owner="step_functions:EcommerceETLPipeline"):
    """A batch of what waits, as a look makes one."""
    return batch.make(cloud.s3, BUCKET, waiting(cloud.s3, BUCKET).deliveries, owner, set(), datetime.now(UTC))


# --- live


def test_an_execution_without_a_batch_plans_what_waits(cloud, invoke):
    cloud.put(*KEYS, "raw/cat.png")
    answer = invoke(NAME, {"execution": "by-hand"})
    (batch_id,) = batch.open_batches(cloud.s3, BUCKET)
    assert answer == {
        "batch_id": batch_id,
        "datasets": ["products", "orders", "order_items"],
        "deliveries": 3,
        "resumed": False,
        "reason": "3 deliveries",
        "strays": 1,
        "ignored": 0,
        "dates": [],
    }
    assert batch.owner_of(cloud.s3, BUCKET, batch_id) == "step_functions:EcommerceETLPipeline"


def test_the_lease_is_taken_for_as_long_as_an_execution_may_last(cloud, invoke, monkeypatch):
    monkeypatch.setenv("LEDGERLAKE_EXECUTION_TIMEOUT_MINUTES", "30")
    cloud.put(*KEYS)
    invoke(NAME, {"execution": "e-1"})
    held = lease.show(cloud.s3, BUCKET)
    assert held.holder == "step_functions:e-1"
    assert (from_iso(held.expires_at) - from_iso(held.since)).total_seconds() == 30 * 60 + 300


def test_the_same_event_again_goes_on_with_the_batch_that_it_made(cloud, invoke):
    cloud.put(*KEYS)
    first = invoke(NAME, {"execution": "e-1"})
    cloud.put("raw/orders/later.csv")
    again = invoke(NAME, {"execution": "e-1"})
    assert (again["batch_id"], again["deliveries"], again["resumed"]) == (first["batch_id"], 3, True)
    assert holder(cloud) == "step_functions:e-1"


def test_with_nothing_to_do_the_lease_is_given_back(cloud, invoke):
    answer = invoke(NAME, {"execution": "e-1", "batch_id": None, "date": None, "reason": ""})
    assert (answer["batch_id"], answer["reason"], answer["datasets"]) == (None, "nothing waits in raw/", [])
    assert holder(cloud) == ""


def test_while_another_holds_the_lease_it_fails_and_leaves_nothing_behind(cloud, invoke):
    lease.acquire(cloud.s3, BUCKET, "airflow:ecommerce_lakehouse", 600)
    cloud.put(*KEYS)
    before = cloud.s3.list_object_versions(Bucket=BUCKET)["Versions"]
    for event in ({}, {"date": "2025-04-01"}, {"batch_id": "20250401T000000Z-00000000"}):
        with pytest.raises(LeaseTaken, match="airflow:ecommerce_lakehouse has been at work"):
            invoke(NAME, {"execution": "e-1", **event})
    assert cloud.s3.list_object_versions(Bucket=BUCKET)["Versions"] == before


def test_the_lease_of_an_execution_that_has_ended_is_taken_over(cloud, invoke):
    cloud.start("e-0")
    cloud.end("e-0")
    lease.acquire(cloud.s3, BUCKET, "step_functions:e-0", 600)
    cloud.put(*KEYS)
    assert invoke(NAME, {"execution": "e-1"})["deliveries"] == len(KEYS)
    assert holder(cloud) == "step_functions:e-1"


@pytest.mark.parametrize("at_work", ["execution", "job"])
def test_the_lease_of_an_execution_that_is_at_work_is_left_to_it(cloud, invoke, at_work):
    cloud.start("e-0")
    if at_work == "job":
        cloud.run_job("e-0")
        cloud.end("e-0")
    lease.acquire(cloud.s3, BUCKET, "step_functions:e-0", 600)
    with pytest.raises(LeaseTaken, match="step_functions:e-0 has been at work"):
        invoke(NAME, {"execution": "e-1"})
    assert holder(cloud) == "step_functions:e-0"


# --- the batch that a look has planned


def test_the_named_batch_is_gone_on_with_though_an_older_one_is_open(cloud, invoke):
    cloud.put(*KEYS)
    made = make(cloud)
    batch.close(cloud.s3, BUCKET, made.batch_id)
    cloud.s3.put_object(Bucket=BUCKET, Key="batches/open/20200101T000000Z-00000000.json", Body=b"{}")
    cloud.s3.put_object(Bucket=BUCKET, Key=f"batches/open/{made.batch_id}.json", Body=b"{}")
    cloud.put("raw/cat.png", "raw/orders/later.csv")
    answer = invoke(NAME, {"execution": made.batch_id, "batch_id": made.batch_id})
    assert answer == {
        "batch_id": made.batch_id,
        "datasets": ["products", "orders", "order_items"],
        "deliveries": 3,
        "resumed": False,
        "reason": "3 deliveries",
        "strays": 1,
        "ignored": 0,
        "dates": [],
    }


def test_a_second_attempt_says_that_it_goes_on(cloud, invoke):
    cloud.put(*KEYS)
    made = make(cloud)
    answer = invoke(NAME, {"execution": f"{made.batch_id}-2", "batch_id": made.batch_id})
    assert (answer["batch_id"], answer["resumed"]) == (made.batch_id, True)
    assert holder(cloud) == f"step_functions:{made.batch_id}-2"


def test_of_a_batch_that_is_closed_already_there_is_nothing_to_do(cloud, invoke):
    cloud.put(*KEYS)
    made = make(cloud)
    batch.close(cloud.s3, BUCKET, made.batch_id)
    answer = invoke(NAME, {"execution": made.batch_id, "batch_id": made.batch_id})
    assert (answer["batch_id"], answer["deliveries"]) == (None, 0)
    assert answer["reason"] == f"batch {made.batch_id} is not open: it is done, or in quarantine"
    assert holder(cloud) == ""
    assert batch.open_batches(cloud.s3, BUCKET) == []


def test_of_a_quarantined_batch_there_is_nothing_to_do(cloud, invoke):
    cloud.put(*KEYS)
    made = make(cloud)
    quarantine.set_aside(cloud.s3, BUCKET, made.batch_id, "too many rejects")
    assert invoke(NAME, {"execution": "e-1", "batch_id": made.batch_id})["batch_id"] is None
    assert holder(cloud) == ""


# --- by date


def test_an_execution_by_date_takes_its_day_from_raw_and_from_the_archive(cloud, invoke):
    cloud.load()
    cloud.put("raw/orders/2025-04-01.csv", "raw/orders/2025-04-02.csv")
    made = make(cloud)
    archive(cloud.s3, BUCKET, made)
    batch.close(cloud.s3, BUCKET, made.batch_id)
    cloud.put("raw/order_items/2025-04-01.csv", "raw/order_items/2025-04-03.csv")
    answer = invoke(NAME, {"execution": "e-1", "date": "2025-04-01"})
    assert answer["dates"] == ["2025-04-01", "2025-04-01"]
    taken = {each.key for each in batch.load(cloud.s3, BUCKET, answer["batch_id"]).deliveries}
    assert taken == {"raw/orders/2025-04-01.csv", "raw/order_items/2025-04-01.csv"}
    assert batch.owner_of(cloud.s3, BUCKET, answer["batch_id"]) == holder(cloud) == "step_functions:e-1"


@pytest.mark.parametrize(
    ("more", "taken"),
    [
        ({"reprocess": "waiting"}, {"raw/orders/2025-04-01.csv", "raw/order_items/2025-04-01.csv"}),
        ({"reprocess": "archived"}, None),
        ({"datasets": ["orders"]}, {"raw/orders/2025-04-01.csv"}),
    ],
    ids=str,
)
def test_its_input_says_which_datasets_and_files_are_meant(cloud, invoke, more, taken):
    cloud.load()
    cloud.put("raw/orders/2025-04-01.csv", "raw/order_items/2025-04-01.csv")
    answer = invoke(NAME, {"execution": "e-1", "date": "2025-04-01", **more})
    if taken is None:
        assert (answer["batch_id"], holder(cloud)) == (None, "")
    else:
        assert {each.key for each in batch.load(cloud.s3, BUCKET, answer["batch_id"]).deliveries} == taken


def test_by_date_the_same_event_again_goes_on_with_its_batch_and_leaves_those_of_others(cloud, invoke):
    cloud.load()
    cloud.put("raw/orders/2025-04-01.csv")
    make(cloud, "step_functions:another")
    cloud.put("raw/orders/more/2025-04-01.csv")
    first = invoke(NAME, {"execution": "e-1", "date": "2025-04-01"})
    again = invoke(NAME, {"execution": "e-1", "date": "2025-04-01"})
    assert (again["batch_id"], again["resumed"]) == (first["batch_id"], True)
    assert (first["deliveries"], len(batch.open_batches(cloud.s3, BUCKET))) == (2, 2)


# --- dates


def test_a_span_of_days_is_each_of_them_and_takes_no_lease(cloud, invoke):
    lease.acquire(cloud.s3, BUCKET, "airflow:ecommerce_lakehouse", 600)
    answer = invoke(NAME, {"execution": "e-1", "from": "2025-02-27", "to": "2025-03-02", "datasets": ["orders"]})
    assert answer == {"dates": ["2025-02-27", "2025-02-28", "2025-03-01", "2025-03-02"]}
    assert invoke(NAME, {"execution": "e-1", "from": "2025-02-27"}) == {"dates": ["2025-02-27"]}
    assert holder(cloud) == "airflow:ecommerce_lakehouse"


def test_a_leap_year_is_the_longest_span(cloud, invoke):
    assert len(invoke(NAME, {"execution": "e", "from": "2024-01-01", "to": "2024-12-31"})["dates"]) == 366
    with pytest.raises(SelectionError, match="367 days; expected at most 366"):
        invoke(NAME, {"execution": "e", "from": "2024-01-01", "to": "2025-01-01"})


@pytest.mark.parametrize(
    ("asked", "seen"),
    [
        ({"from": "2025-04-05", "to": "2025-04-01"}, "from 2025-04-05 to 2025-04-01"),
        ({"to": "2025-04-01"}, "a last day .2025-04-01. without a first one"),
        ({"from": "2024-01-01", "to": "2025-04-01"}, "457 days"),
        ({"from": "first of April"}, "from is 'first of April'"),
        ({"from": "2025-02-30"}, "from is '2025-02-30'"),
        ({"from": 4.5}, "from is 4.5"),
        ({"from": "2025-04-01", "datasets": ["orders", "cats"]}, "datasets cats"),
        ({"from": "2025-04-01", "datasets": 7}, "datasets is 7"),
        ({"from": "2025-04-01", "reprocess": "everything"}, "reprocess is 'everything'"),
        ({"from": "2025-04-01", "reprocess": ["both"]}, "reprocess is .'both'."),
        ({"date": "2025-04-31"}, "date is '2025-04-31'"),
        ({"date": "2025-04-01", "datasets": "cats"}, "datasets cats"),
        ({"date": "2025-04-01", "reprocess": "everything"}, "reprocess is 'everything'"),
        ({"date": "2025-04-01", "from": "2025-04-01"}, "the input names date and from"),
        ({"date": "2025-04-01", "batch_id": "b"}, "the input names batch_id and date"),
        ({"date": "", "from": "2025-04-01"}, "date is ''"),
        ({"from": ""}, "from is ''"),
        ({"batch_id": ""}, "batch_id is ''"),
        ({"batch_id": 7}, "batch_id is 7"),
        ({"dataset": ["orders"]}, "the input names dataset"),
    ],
    ids=str,
)
def test_an_input_that_cannot_be_followed_is_refused_in_the_words_of_the_form(cloud, invoke, asked, seen):
    with pytest.raises(SelectionError, match=f"^{seen}.*expected"):
        invoke(NAME, {"execution": "e-1", **asked})
    assert lease.show(cloud.s3, BUCKET) is None


@pytest.mark.parametrize("event", [{}, [], "e-1", {"execution": ""}, {"execution": 7}], ids=str)
def test_an_event_without_an_execution_says_what_was_expected(cloud, invoke, event):
    with pytest.raises(LedgerlakeError, match=r'the event is .*expected \{"execution"'):
        invoke(NAME, event)


def test_a_missing_bucket_is_named(cloud, invoke, monkeypatch):
    monkeypatch.delenv("LEDGERLAKE_BUCKET")
    with pytest.raises(SettingsError, match="LEDGERLAKE_BUCKET is not set"):
        invoke(NAME, {"execution": "e-1"})
