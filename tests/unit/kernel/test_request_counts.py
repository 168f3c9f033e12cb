"""How many requests a run makes, by hand; and that a client's own are counted."""

from __future__ import annotations

import pytest

from ledgerlake.costs import request_counts
from ledgerlake.costs.cost import Requests
from ledgerlake.planning import batch, lease
from ledgerlake.settings import Settings
from ledgerlake.storage.objects import RequestCounter

ENTRY = {"rejected": 0, "parked": 0}


def test_a_plan_lists_a_page_for_each_thousand_files():
    # raw/, open, quarantine, three tables; manifest and mark; the lease read and written, twice
    assert request_counts.of_plan(1) == Requests(s3_writes=6 + 2 + 2, s3_reads=2)
    assert request_counts.of_plan(1000) == request_counts.of_plan(1)
    assert request_counts.of_plan(1001).s3_writes == 11


def test_the_formula_of_a_plan_is_what_a_plan_sends(s3, deliver, monkeypatch):
    monkeypatch.setattr(batch, "is_final", lambda *_: True)
    for name in ("a", "b"):
        deliver(f"raw/orders/{name}.csv")
    lease.acquire(s3, "lake", "somebody", 1)
    lease.release(s3, "lake", "somebody")  # the first to take it has nothing to read
    sent = RequestCounter(s3)
    lease.acquire(s3, "lake", "me", 60)
    planned = batch.plan(s3, "lake", Settings(gate="any"))
    batch.open_batches(s3, "lake")  # whoever plans looks first whether one is open
    lease.release(s3, "lake", "me")
    assert len(planned.batch.deliveries) == 2
    formula = request_counts.of_plan(2)
    # the second look at the open batches is Airflow's alone
    assert sent.as_json() == {"writes": formula.s3_writes + 1, "reads": formula.s3_reads}


def test_a_client_counts_what_it_sends_by_what_it_costs(s3):
    sent = RequestCounter(s3)
    s3.put_object(Bucket="lake", Key="a", Body=b"1")
    s3.copy_object(Bucket="lake", Key="b", CopySource={"Bucket": "lake", "Key": "a"})
    s3.list_objects_v2(Bucket="lake")
    s3.get_object(Bucket="lake", Key="a")
    s3.head_object(Bucket="lake", Key="b")
    s3.delete_object(Bucket="lake", Key="b")
    assert sent.as_json() == {"writes": 3, "reads": 2}


def test_the_archive_is_counted_as_it_says_or_not_at_all():
    assert request_counts.of_archive({"requests": {"writes": 3, "reads": 9}}) == Requests(s3_writes=3, s3_reads=9)
    with pytest.raises(KeyError):
        request_counts.of_archive({"archived": 3})


def test_a_job_reads_each_file_once_and_one_with_rejects_again():
    summary = {"entries": [ENTRY, ENTRY | {"rejected": 2}, ENTRY | {"parked": 1, "rejected": 1}]}
    # 4 of its own, 3 files, 2 of them again; mark, summary, ledger, 2 parts of rejects, 1 of parked rows
    assert request_counts.of_jobs([summary]) == Requests(s3_writes=6, s3_reads=9)
    assert request_counts.of_jobs([summary, {"entries": []}]) == Requests(s3_writes=9, s3_reads=13)


def test_messages_come_ten_at_a_time_and_a_run_by_date_has_none():
    assert request_counts.of_messages(25, live=True) == Requests(messages=25 + 3 + 3, notifications=1, metrics=1)
    assert request_counts.of_messages(25, live=False) == Requests(notifications=1, metrics=1)


def test_airflow_calls_one_function_and_step_functions_each():
    # 0.5 GB x (1 + 40 x 0.025 s)
    assert (request_counts.of_airflow(40).count, request_counts.of_airflow(40).gb_seconds) == (1, 1.0)
    # 0.5 x (2 + 2 + 2 + 3) + 0.25 x 1
    by_date = request_counts.of_functions(40, live=False, settle_seconds=30)
    assert (by_date.count, by_date.gb_seconds) == (5, 4.75)
    # and 0.5 x (2 + 30) before
    live = request_counts.of_functions(40, live=True, settle_seconds=30)
    assert (live.count, live.gb_seconds) == (6, 20.75)


def test_a_job_that_was_tried_again_and_a_crawl_are_further_transitions():
    good = request_counts.of_states(datasets=3, levels=2, jobs=3, looks=0)
    assert good == 14 + 4 + 6 + 5
    assert request_counts.of_states(3, 2, 2, 0) == good
    assert request_counts.of_states(3, 2, 4, 0) == good + 3
    assert request_counts.of_states(3, 2, 3, 5) == good + 16


def test_orders_and_products_come_before_their_items():
    assert request_counts.levels() == 2
