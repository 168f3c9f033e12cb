"""The plan: which messages and files make the run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from airflow.sdk.exceptions import AirflowRescheduleException, DownstreamTasksSkipped

from ledgerlake import settings
from ledgerlake.intake.deliveries import Waiting, iso
from ledgerlake.planning import batch, lease, quarantine
from ledgerlake_airflow import lease_wait, planning

ALL = ("raw/products/p.csv", "raw/orders/o.csv", "raw/order_items/i.csv")


def _quiet(run):
    with pytest.raises(DownstreamTasksSkipped) as skipped:
        run.call("plan_batch")
    return run.xcoms["plan_batch", "return_value"], set(skipped.value.tasks)


def test_a_burst_of_files_is_one_batch_and_all_its_messages_are_collected(run, cloud):
    cloud.deliver(*ALL, *(f"raw/orders/{n:02}.csv" for n in range(28)))
    run.woken_by(cloud.receive())
    plan = run.call("plan_batch")
    assert plan["deliveries"] == 31
    assert plan["datasets"] == ["products", "orders", "order_items"]
    assert len(set(run.xcoms["plan_batch", "receipts"])) == 31
    assert (cloud.visible(), cloud.hidden()) == (0, 31)
    assert lease.show(cloud.s3, cloud.bucket).holder == batch.LIVE


def test_it_keeps_receiving_until_raw_is_quiet(run, cloud, monkeypatch):
    cloud.deliver(*ALL)
    answers = iter([False, False, True])
    monkeypatch.setattr(batch, "is_settled", lambda *_: next(answers))
    monkeypatch.setattr(planning.time, "sleep", lambda _: cloud.deliver("raw/orders/late.csv"))
    assert run.call("plan_batch")["deliveries"] == 5
    assert len(run.xcoms["plan_batch", "receipts"]) == 5


def test_it_does_not_wait_for_ever_for_raw_to_be_quiet(run, cloud, monkeypatch):
    cloud.deliver(*ALL)
    clock = iter(range(0, 10_000, 50))
    monkeypatch.setattr(batch, "is_settled", lambda *_: False)
    monkeypatch.setattr(planning.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(planning.time, "sleep", lambda _: None)
    assert run.call("plan_batch")["deliveries"] == 3


def test_nothing_waiting_skips_all_work_but_keeps_the_receipts_to_delete(run, cloud):
    cloud.sqs.send_message(QueueUrl=cloud.queue_url, MessageBody='{"Event": "s3:TestEvent"}')
    outcome, skipped = _quiet(run)
    assert outcome["batch_id"] is None
    assert outcome["reason"] == "nothing waits in raw/"
    assert len(run.xcoms["plan_batch", "receipts"]) == 1
    assert {"product_etl", "archive_etl_files", "checks.references_hold"} <= skipped
    assert not {"acknowledge", "report"} & skipped
    assert lease.show(cloud.s3, cloud.bucket).holder == ""


def test_a_closed_gate_is_a_quiet_run_that_says_what_it_waits_for(run, cloud):
    cloud.deliver("raw/orders/o.csv")
    run.woken_by(cloud.receive())
    outcome, _ = _quiet(run)
    assert "products, order_items" in outcome["reason"]
    assert len(run.xcoms["plan_batch", "receipts"]) == 1


def _waits(run, task_id="plan_batch"):
    with pytest.raises(AirflowRescheduleException) as waiting:
        run.call(task_id)
    return (waiting.value.reschedule_date - datetime.now(UTC)).total_seconds()


def test_while_another_holds_the_lease_the_run_waits_and_its_messages_stay_hidden(run, cloud, caplog, monkeypatch):
    lease.acquire(cloud.s3, cloud.bucket, "cli:somebody", 600)
    held = lease.show(cloud.s3, cloud.bucket)
    cloud.deliver(*ALL)
    run.woken_by(cloud.receive())
    hidden = []
    monkeypatch.setattr(planning.Queue, "hide", lambda _, receipts, seconds: hidden.append((len(receipts), seconds)))
    with caplog.at_level("INFO"):
        assert 5 < _waits(run) <= 11
    for text in ("cli:somebody", held.since, held.expires_at, "the next attempt is at"):
        assert text in caplog.text
    assert hidden == [(3, settings.current().visibility_seconds)]
    assert lease.show(cloud.s3, cloud.bucket).holder == "cli:somebody"
    assert batch.open_batches(cloud.s3, cloud.bucket) == []


@pytest.mark.parametrize(("minutes", "live", "by_hand"), [(0, 10, 10), (0.75, 10, 22.5), (10, 10, 30)])
def test_it_retries_less_often_for_a_long_run_but_a_live_run_does_not(minutes, live, by_hand):
    now = datetime.now(UTC)
    held = lease.Lease("x", iso(now - timedelta(minutes=minutes)), iso(now + timedelta(hours=1)))
    for longest, seconds in ((1, live), (3, by_hand)):
        assert (lease_wait._next_attempt(held, longest) - now).total_seconds() == pytest.approx(seconds, abs=1)


def test_while_it_waits_no_message_is_received_that_the_next_attempt_would_forget(run, cloud):
    lease.acquire(cloud.s3, cloud.bucket, "cli:somebody", 600)
    cloud.deliver(*ALL)
    _waits(run)
    assert (cloud.visible(), cloud.hidden()) == (3, 0)


def test_when_the_lease_is_free_again_the_run_continues_where_it_waited(run, cloud):
    lease.acquire(cloud.s3, cloud.bucket, "cli:somebody", 600)
    cloud.deliver(*ALL)
    run.woken_by(cloud.receive())
    _waits(run)
    lease.release(cloud.s3, cloud.bucket, "cli:somebody")
    assert run.call("plan_batch")["deliveries"] == 3
    assert len(run.xcoms["plan_batch", "receipts"]) == 3


def test_it_retries_as_soon_as_the_lease_expires():
    now = datetime.now(UTC)
    held = lease.Lease("cli:dead", iso(now), iso(now + timedelta(seconds=3)))
    assert (lease_wait._next_attempt(held, 3) - now).total_seconds() == pytest.approx(4, abs=0.5)


def test_it_takes_the_lease_over_when_it_has_expired(run, cloud):
    lease.acquire(cloud.s3, cloud.bucket, "cli:dead", -1)
    cloud.deliver(*ALL)
    assert run.call("plan_batch")["deliveries"] == 3
    assert lease.show(cloud.s3, cloud.bucket).holder == batch.LIVE


def test_of_two_that_take_the_lease_at_the_same_moment_one_waits(run, cloud, monkeypatch):
    monkeypatch.setattr(lease, "put_if_absent", lambda *_: False)
    cloud.deliver(*ALL)
    assert _waits(run) > 5


def test_quarantined_files_are_not_planned_again(run, cloud):
    cloud.deliver(*ALL)
    quarantine.set_aside(cloud.s3, cloud.bucket, run.call("plan_batch")["batch_id"], "too many rejects")
    outcome, _ = _quiet(run)
    assert outcome["reason"] == "only deliveries of quarantined batches wait"


def test_an_accepted_batch_is_resumed(run, cloud):
    cloud.deliver(*ALL)
    first = run.call("plan_batch")
    quarantine.set_aside(cloud.s3, cloud.bucket, first["batch_id"], "too many rejects")
    quarantine.accept(cloud.s3, cloud.bucket, first["batch_id"])
    again = run.call("plan_batch")
    assert (again["batch_id"], again["resumed"]) == (first["batch_id"], True)


def test_an_open_batch_is_resumed_at_once_and_later_messages_stay_in_the_queue(run, cloud):
    cloud.deliver(*ALL)
    first = run.call("plan_batch")
    cloud.deliver("raw/orders/later.csv")
    again = run.call("plan_batch")
    assert (again["batch_id"], again["deliveries"], again["resumed"]) == (first["batch_id"], 3, True)
    assert cloud.visible() == 1


def test_when_planning_fails_the_messages_reappear_for_its_retry(run, cloud, monkeypatch):
    cloud.deliver(*ALL)
    run.woken_by(cloud.receive())

    def broken(*_, **__):
        raise RuntimeError("S3 is away")

    monkeypatch.setattr(batch, "plan", broken)
    shown = []
    monkeypatch.setattr(planning.Queue, "hide", lambda _, receipts, seconds: shown.append(len(receipts)))
    with pytest.raises(RuntimeError):
        run.call("plan_batch")
    assert shown == [3]


def test_a_stray_is_named_and_does_not_make_a_batch(run, cloud):
    cloud.deliver("raw/pictures/cat.png")
    outcome, _ = _quiet(run)
    assert outcome["strays"] == 1


def test_settled_is_judged_by_the_kernel():
    quiet_since = datetime.now(UTC) - timedelta(hours=1)
    assert batch.is_settled(Waiting(()), settings.current(), quiet_since)
