"""Runs by date: the days that they are requested for, and the deliveries that they process."""

from __future__ import annotations

from copy import copy
from datetime import UTC, date, datetime, timedelta

import pytest
from airflow.sdk.exceptions import (
    AirflowFailException,
    AirflowRescheduleException,
    DownstreamTasksSkipped,
    ParamValidationError,
)

from ledgerlake import names
from ledgerlake.archive import move
from ledgerlake.contracts import DATASETS
from ledgerlake.intake.deliveries import iso
from ledgerlake.planning import batch, lease
from ledgerlake.planning.by_date import Selection
from ledgerlake_airflow import form, lease_wait

pytestmark = pytest.mark.slow

DAY = date(2025, 4, 1)
HOLDER = "airflow:ecommerce_lakehouse_by_date/backfill__2025-04-02T00:00:00+00:00"


@pytest.fixture
def loaded(cloud):
    for name in DATASETS:
        cloud.load(name)
    return cloud


@pytest.fixture
def manual(by_date):
    by_date.run_type, by_date.run_id = "manual", "manual__1"
    return by_date


@pytest.fixture
def sweep(by_date):
    """The scheduled run for 2025-04-01, long after its files have landed."""
    by_date.run_type = "scheduled"
    by_date.began = datetime.now(UTC) - timedelta(hours=1)
    return by_date


def _taken(cloud, run):
    """The names of the files in the batch that the run plans."""
    batch_id = run.call("plan_batch")["batch_id"]
    return {each.key.removeprefix("raw/") for each in batch.load(cloud.s3, cloud.bucket, batch_id).deliveries}


def _archive(cloud, *keys):
    """Have the files processed by a live batch."""
    cloud.put(*keys)
    found = tuple(each for each in batch.waiting(cloud.s3, cloud.bucket).deliveries if each.key in keys)
    made = batch.make(cloud.s3, cloud.bucket, found, batch.LIVE, set(DATASETS), datetime.now(UTC))
    move.archive(cloud.s3, cloud.bucket, made)
    batch.close(cloud.s3, cloud.bucket, made.batch_id)


def _selection(run):
    context = run.of("plan_batch")
    return form.selection(context["dag_run"], context["params"])


def _refused(run):
    with pytest.raises(AirflowFailException) as refused:
        run.call("plan_batch")
    assert "expected" in str(refused.value)
    assert "next step: start another run" in str(refused.value)
    return str(refused.value)


def test_a_backfill_takes_its_day_from_raw_and_from_the_archive(by_date, loaded):
    _archive(loaded, "raw/orders/2025-04-01.csv", "raw/orders/2025-04-02.csv")
    loaded.put("raw/order_items/2025-04-01.csv", "raw/order_items/2025-04-03.csv")
    assert _taken(loaded, by_date) == {"orders/2025-04-01.csv", "order_items/2025-04-01.csv"}
    assert lease.show(loaded.s3, loaded.bucket).holder == HOLDER
    (open_batch,) = batch.open_batches(loaded.s3, loaded.bucket)
    assert batch.owner_of(loaded.s3, loaded.bucket, open_batch) == HOLDER


def test_the_day_is_that_of_the_data_interval_and_not_that_of_the_run_id(by_date):
    assert _selection(by_date) == Selection(DAY, DAY, tuple(DATASETS))


def test_a_day_is_that_of_utc(by_date):
    by_date.day = datetime(2025, 4, 1, 23, 30, tzinfo=UTC).astimezone()
    assert _selection(by_date).first == DAY


def test_a_backfill_may_be_narrowed_to_datasets(by_date, loaded):
    _archive(loaded, "raw/orders/2025-04-01.csv", "raw/order_items/2025-04-01.csv")
    by_date.request(datasets=["orders"])
    assert _taken(loaded, by_date) == {"orders/2025-04-01.csv"}
    assert by_date.xcoms["plan_batch", "return_value"]["datasets"] == [
        "orders",
        "order_items",
    ]  # orphans may be released


def test_a_backfill_with_other_days_in_its_conf_is_rejected(by_date, cloud):
    by_date.request(**{"from": "2025-04-02"})
    assert "the backfill's conf names from" in _refused(by_date)


def test_the_scheduled_run_sweeps_up_what_waits_up_to_its_day_and_nothing_archived(sweep, loaded):
    _archive(loaded, "raw/orders/2025-03-30.csv")
    loaded.put("raw/orders/2025-03-31.csv", "raw/orders/2025-04-01.csv", "raw/orders/2025-04-02.csv")
    assert _taken(loaded, sweep) == {"orders/2025-03-31.csv", "orders/2025-04-01.csv"}


def test_the_scheduled_run_ignores_the_form(sweep):
    sweep.request(**{"from": "2020-01-01", "reprocess": "archived"})
    assert _selection(sweep) == Selection(DAY, DAY, archived=False, older=True)


def test_the_sweep_leaves_recent_deliveries_to_the_live_run(sweep, loaded, monkeypatch):
    loaded.put("raw/orders/2025-04-01.csv")
    sweep.began = datetime.now(UTC)
    with pytest.raises(AirflowRescheduleException):
        sweep.call("plan_batch")
    assert batch.open_batches(loaded.s3, loaded.bucket) == []
    sweep.began = datetime.now(UTC) - timedelta(seconds=121)  # nobody took it
    assert _taken(loaded, sweep) == {"orders/2025-04-01.csv"}


def test_the_sweep_does_not_wait_for_what_has_waited_long_enough(sweep, loaded, monkeypatch):
    loaded.put("raw/orders/2025-04-01.csv")
    sweep.began = datetime.now(UTC)
    monkeypatch.setattr("ledgerlake_airflow.by_date._age", lambda *_: 121)
    assert _taken(loaded, sweep) == {"orders/2025-04-01.csv"}


def test_a_run_by_hand_takes_the_days_of_its_form(manual, loaded):
    _archive(loaded, "raw/orders/2025-04-02.csv", "raw/orders/2025-04-05.csv")
    loaded.put("raw/orders/2025-04-03.csv", "raw/orders/2025-04-01.csv")
    manual.request(**{"from": "2025-04-02", "to": "2025-04-04"})
    assert _taken(loaded, manual) == {"orders/2025-04-02.csv", "orders/2025-04-03.csv"}


def test_a_run_by_hand_without_days_is_for_the_day_of_its_interval(manual):
    assert (_selection(manual).first, _selection(manual).last) == (DAY, DAY)


def test_a_run_without_an_interval_is_for_the_day_before_it(manual):
    manual.day, manual.began = None, datetime(2026, 11, 20, 12, tzinfo=UTC)  # to run after the 21st, noon
    assert _selection(manual).first == date(2026, 11, 20)


def test_a_first_day_alone_is_that_day(manual):
    manual.request(**{"from": "2025-04-07"})
    assert (_selection(manual).first, _selection(manual).last) == (date(2025, 4, 7), date(2025, 4, 7))


@pytest.mark.parametrize(
    ("what", "taken"),
    [
        ("both", {"orders/2025-04-01.csv", "order_items/2025-04-01.csv"}),
        ("waiting", {"order_items/2025-04-01.csv"}),
        ("archived", {"orders/2025-04-01.csv"}),
    ],
)
def test_the_form_says_whether_waiting_or_archived_files_are_meant(manual, loaded, what, taken):
    _archive(loaded, "raw/orders/2025-04-01.csv")
    loaded.put("raw/order_items/2025-04-01.csv")
    manual.request(reprocess=what)
    assert _taken(loaded, manual) == taken


@pytest.mark.parametrize(
    ("conf", "seen"),
    [
        ({"from": "2025-04-05", "to": "2025-04-01"}, "from 2025-04-05 to 2025-04-01"),
        ({"to": "2025-04-01"}, "a last day (2025-04-01) without a first one"),
        ({"from": "2024-01-01", "to": "2025-04-01"}, "457 days"),
        ({"from": "first of April"}, "from is 'first of April'"),
        ({"from": "2025-02-30"}, "from is '2025-02-30'"),
        ({"from": 4.5}, "from is 4.5"),
        ({"datasets": ["orders", "cats"]}, "datasets cats"),
        ({"datasets": "cats"}, "datasets cats"),
        ({"datasets": 7}, "datasets is 7"),
        ({"datasets": [["orders"]]}, "datasets is [['orders']]"),
        ({"reprocess": "everything"}, "reprocess is 'everything'"),
        ({"dataset": ["orders"]}, "the conf names dataset"),
    ],
    ids=str,
)
def test_an_invalid_form_is_rejected_and_not_retried(manual, cloud, conf, seen):
    manual.request(**conf)
    assert seen in _refused(manual)
    assert lease.show(cloud.s3, cloud.bucket) is None


@pytest.mark.parametrize("empty", [[], None, ""])
def test_no_dataset_chosen_is_all_of_them(manual, empty):
    manual.request(datasets=empty)
    assert set(_selection(manual).datasets or DATASETS) == set(DATASETS)


def test_a_backfill_from_the_browser_leaves_fields_empty(by_date):
    by_date.request(**{"from": None, "to": None, "datasets": ["orders"], "reprocess": None, "reason": ""})
    assert _selection(by_date) == Selection(DAY, DAY, ("orders",))


def test_airflow_accepts_what_its_form_sends_and_rejects_what_is_no_date(by_date_dag):
    field = by_date_dag.params.get_param
    for name, value in (("from", None), ("from", "2025-04-01"), ("datasets", []), ("reprocess", None)):
        assert copy(field(name)).resolve(value) == value
    for name, value in (("from", "the first of April"), ("reprocess", "everything")):
        with pytest.raises(ParamValidationError):
            copy(field(name)).resolve(value)


def test_a_day_without_deliveries_makes_no_batch_and_releases_the_lease(by_date, loaded):
    with pytest.raises(DownstreamTasksSkipped) as skipped:
        by_date.call("plan_batch")
    assert by_date.xcoms["plan_batch", "return_value"]["reason"] == "nothing of 2025-04-01 waits or is archived"
    assert "order_items_etl" in skipped.value.tasks
    assert not {"acknowledge", "report"} & set(skipped.value.tasks)
    assert lease.show(loaded.s3, loaded.bucket).holder == ""


def test_a_retried_plan_resumes_the_batch_that_it_made(by_date, loaded):
    loaded.put("raw/orders/2025-04-01.csv")
    first = by_date.call("plan_batch")
    again = by_date.call("plan_batch")
    assert (again["batch_id"], again["resumed"]) == (first["batch_id"], True)


def test_it_waits_while_a_live_run_is_at_work_and_continues_afterwards(by_date, loaded):
    loaded.put("raw/orders/2025-04-01.csv")
    lease.acquire(loaded.s3, loaded.bucket, batch.LIVE, 600)
    with pytest.raises(AirflowRescheduleException):
        by_date.call("plan_batch")
    lease.release(loaded.s3, loaded.bucket, batch.LIVE)
    assert by_date.call("plan_batch")["deliveries"] == 1


LIVE_WAITS = ("ecommerce_lakehouse", "plan_batch", "up_for_reschedule")
BY_DATE_WAITS = ("ecommerce_lakehouse_by_date", "plan_batch", "up_for_reschedule")


@pytest.mark.parametrize(
    ("other", "reschedules", "waits"),
    [
        (LIVE_WAITS, 0, True),
        (LIVE_WAITS, 1, True),
        (LIVE_WAITS, 2, False),  # it may be the task of a paused DAG
        (LIVE_WAITS, 3, True),
        (("ecommerce_lakehouse", "plan_batch", "running"), 1, True),
        (("ecommerce_lakehouse", "orders_etl", "up_for_reschedule"), 0, False),
        (BY_DATE_WAITS, 0, True),
        (BY_DATE_WAITS, 1, False),
    ],
)
def test_live_runs_and_waiting_runs_acquire_the_lease_first(by_date, loaded, other, reschedules, waits):
    loaded.put("raw/orders/2025-04-01.csv")
    by_date.others, by_date.reschedules = [other], reschedules
    if waits:
        with pytest.raises(AirflowRescheduleException):
            by_date.call("plan_batch")
    else:
        assert by_date.call("plan_batch")["deliveries"] == 1


def test_a_new_run_retries_after_all_waiting_runs(by_date, loaded):
    by_date.others = [BY_DATE_WAITS]
    with pytest.raises(AirflowRescheduleException) as waiting:
        by_date.call("plan_batch")
    now = datetime.now(UTC)
    ends = lease.Lease("x", iso(now - timedelta(hours=1)), iso(now + timedelta(hours=1)))
    assert waiting.value.reschedule_date >= lease_wait._next_attempt(ends, 3) - timedelta(seconds=2)


def test_a_run_that_holds_the_lease_yields_to_none(by_date, loaded):
    loaded.put("raw/orders/2025-04-01.csv")
    lease.acquire(loaded.s3, loaded.bucket, HOLDER, 600)
    by_date.others = [LIVE_WAITS]
    assert by_date.call("plan_batch")["deliveries"] == 1


def _end(cloud, run):
    """What the tasks after the plan do, and the lease given back."""
    plan = run.xcoms["plan_batch", "return_value"]
    if plan["batch_id"]:
        cloud.publish(plan["batch_id"])
    run.call("acknowledge")
    lease_wait.release(run.of("report"))


def test_four_concurrent_runs_and_a_live_one_share_the_lease_and_none_fails(by_date_dag, dag, loaded, new_run):
    loaded.put(*(f"raw/orders/2025-04-0{day}.csv" for day in range(1, 6)))
    waiting = [new_run(by_date_dag) for _ in range(4)] + [new_run(dag)]
    for day, run in enumerate(waiting[:4], 1):
        run.run_type, run.run_id, run.day = "backfill", f"backfill__{day}", datetime(2025, 4, day, tzinfo=UTC)
        for each in waiting:
            each.runs.append((names.BY_DATE_DAG, f"backfill__{day}", "running"))
    planned, waits = {}, 0
    while waiting:
        at_work = waiting.pop(0)
        planned[at_work.run_id] = at_work.call("plan_batch")["deliveries"]
        for other in waiting:
            with pytest.raises(AirflowRescheduleException):
                other.call("plan_batch")
            waits += 1
        _end(loaded, at_work)
    assert planned == {"backfill__1": 1, "backfill__2": 1, "backfill__3": 1, "backfill__4": 1, "manual__1": 1}
    assert waits == 4 + 3 + 2 + 1
    assert batch.open_batches(loaded.s3, loaded.bucket) == []


def test_its_end_closes_the_batch_and_leaves_the_queue_alone(by_date, loaded):
    loaded.deliver("raw/orders/2025-04-01.csv")
    loaded.publish(by_date.call("plan_batch")["batch_id"])
    by_date.call("acknowledge")
    assert batch.open_batches(loaded.s3, loaded.bucket) == []
    assert loaded.visible() == 1


def test_a_live_run_finishes_what_a_run_by_date_left_open(by_date, run, loaded):
    loaded.put("raw/orders/2025-04-01.csv")
    left = by_date.call("plan_batch")
    lease.release(loaded.s3, loaded.bucket, HOLDER)
    again = run.call("plan_batch")
    assert (again["batch_id"], again["resumed"]) == (left["batch_id"], True)


def test_the_report_names_the_form_that_a_backfill_command_would_need(by_date, loaded):
    loaded.put("raw/orders/2025-04-01.csv")
    assert by_date.call("plan_batch")["dates"] == ["2025-04-01", "2025-04-01"]


def test_places_know_the_dag(by_date_dag):
    assert by_date_dag.dag_id == names.BY_DATE_DAG
