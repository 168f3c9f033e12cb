"""The acknowledgement: last, complete, and safe to repeat."""

from __future__ import annotations

import pytest
from airflow.sdk.exceptions import (
    AirflowException,
    AirflowFailException,
    AirflowSkipException,
    DownstreamTasksSkipped,
)
from published import publish

from ledgerlake.contracts import DATASETS
from ledgerlake.intake import messages
from ledgerlake.intake.messages import Message
from ledgerlake.planning import batch, quarantine
from ledgerlake_airflow.messages import Queue

ALL = ("raw/products/p.csv", "raw/orders/o.csv", "raw/order_items/i.csv")


def _finish(run, cloud):
    """What the tasks between plan and acknowledgement do: the ledger covers the batch, and the files are gone."""
    cloud.publish(run.xcoms["plan_batch", "return_value"]["batch_id"])


def test_it_deletes_every_message_and_closes_the_batch(run, cloud):
    cloud.deliver(*ALL, *(f"raw/orders/{n}.csv" for n in range(20)))
    run.woken_by(cloud.receive())
    run.call("plan_batch")
    _finish(run, cloud)
    run.call("acknowledge")
    assert (cloud.visible(), cloud.hidden()) == (0, 0)
    assert batch.open_batches(cloud.s3, cloud.bucket) == []


def test_it_can_be_done_twice(run, cloud):
    cloud.deliver(*ALL)
    run.call("plan_batch")
    _finish(run, cloud)
    run.call("acknowledge")
    run.call("acknowledge")
    assert cloud.hidden() == 0


def test_the_messages_of_a_run_without_a_batch_are_deleted_too(run, cloud):
    cloud.deliver("raw/orders/o.csv")
    messages = cloud.receive()
    run.xcoms["plan_batch", "receipts"] = [message["ReceiptHandle"] for message in messages]
    run.xcoms["plan_batch", "return_value"] = {"batch_id": None, "resumed": False}
    run.call("acknowledge")
    assert (cloud.visible(), cloud.hidden()) == (0, 0)


# --- evidence


@pytest.fixture
def begun(run, cloud):
    """A run whose batch is planned, and of which nothing is published."""
    cloud.deliver(*ALL)
    run.woken_by(cloud.receive())
    run.call("plan_batch")
    return run


def _open(cloud):
    return len(batch.open_batches(cloud.s3, cloud.bucket))


def test_a_batch_that_is_not_published_stays_open_whatever_state_its_tasks_are_in(begun, cloud):
    begun.states.update({task_id: "success" for task_id in begun.dag.task_ids})
    with pytest.raises(AirflowFailException, match=r"stays open: NotPublished: batch .*ledgerlake run --wait"):
        begun.call("acknowledge")
    assert (_open(cloud), cloud.hidden()) == (1, 3)


def test_what_is_published_and_not_archived_stays_open(begun, cloud):
    planned = begun.xcoms["plan_batch", "return_value"]["batch_id"]
    publish(cloud.s3, cloud.bucket, batch.load(cloud.s3, cloud.bucket, planned))
    with pytest.raises(AirflowFailException, match=r"NotArchived: 3 of 3 deliveries .* still lie in raw/"):
        begun.call("acknowledge")
    assert (_open(cloud), cloud.hidden()) == (1, 3)


def test_after_a_failed_job_it_is_skipped_with_a_reason(begun, cloud):
    begun.states["orders_etl"] = "failed"
    with pytest.raises(AirflowSkipException, match="the batch stays open: NotPublished"):
        begun.call("acknowledge")
    assert _open(cloud) == 1


def test_after_a_failed_crawl_the_batch_stays_open_for_the_next_run_to_crawl(begun, cloud):
    _finish(begun, cloud)
    begun.states["crawl_lakehouse"] = "failed"
    with pytest.raises(AirflowSkipException, match="the crawler failed: the batch stays open"):
        begun.call("acknowledge")
    assert (_open(cloud), cloud.hidden()) == (1, 3)


def test_a_failed_check_keeps_no_batch_open(begun, cloud):
    _finish(begun, cloud)
    begun.states["checks.references_hold"] = "failed"
    begun.call("acknowledge")
    assert (_open(cloud), cloud.visible(), cloud.hidden()) == (0, 0, 0)


def test_a_run_without_a_plan_acknowledges_nothing(run, cloud):
    with pytest.raises(AirflowSkipException, match="nothing was planned"):
        run.call("acknowledge")


def test_a_run_by_date_closes_its_batch_by_the_same_evidence(by_date, cloud):
    for name in DATASETS:
        cloud.load(name)
    cloud.put("raw/orders/2025-04-01.csv")
    by_date.call("plan_batch")
    with pytest.raises(AirflowFailException, match="NotPublished"):
        by_date.call("acknowledge")
    assert _open(cloud) == 1
    _finish(by_date, cloud)
    by_date.call("acknowledge")
    assert _open(cloud) == 0


# --- what is left behind


def _quiet(run):
    with pytest.raises(DownstreamTasksSkipped):
        run.call("plan_batch")


def test_after_a_resumed_batch_a_message_of_later_files_wakes_the_next_run(run, cloud):
    cloud.deliver(*ALL)
    run.call("plan_batch")
    cloud.deliver("raw/orders/later.csv", "raw/orders/last.csv")
    run.woken_by(cloud.receive())
    run.call("plan_batch")
    _finish(run, cloud)
    run.call("acknowledge")
    assert cloud.visible() == 1
    assert batch.open_batches(cloud.s3, cloud.bucket) == []


def test_a_file_that_lands_mid_run_and_whose_event_is_lost_wakes_the_next_run_at_once(run, cloud):
    cloud.deliver(*ALL)
    run.call("plan_batch")
    cloud.put("raw/orders/silent.csv")
    _finish(run, cloud)
    run.call("acknowledge")
    assert (cloud.visible(), cloud.hidden()) == (1, 0)


def test_a_run_without_messages_sends_one_when_it_leaves_a_file_behind(run, cloud):
    cloud.put(*ALL)
    run.call("plan_batch")
    cloud.put("raw/orders/silent.csv")
    _finish(run, cloud)
    run.call("acknowledge")
    (message,) = cloud.receive()
    assert messages.read(message["Body"], cloud.bucket) == Message("a wake message: deliveries wait in raw/")


def test_the_next_run_takes_what_was_left_and_wakes_nobody(run, cloud):
    cloud.put(*ALL)
    run.call("plan_batch")
    cloud.put("raw/orders/silent.csv")
    _finish(run, cloud)
    run.call("acknowledge")
    run.woken_by(cloud.receive())
    assert run.call("plan_batch")["deliveries"] == 1
    _finish(run, cloud)
    run.call("acknowledge")
    assert (cloud.visible(), cloud.hidden()) == (0, 0)


def test_a_file_that_lands_while_a_quiet_run_ends_wakes_the_next_run(run, cloud):
    for name in DATASETS:
        cloud.load(name)
    _quiet(run)
    cloud.put("raw/orders/silent.csv")
    run.call("acknowledge")
    assert cloud.visible() == 1


def test_files_that_wait_for_the_gate_wake_nobody(run, cloud):
    cloud.deliver("raw/orders/o.csv")
    run.woken_by(cloud.receive())
    _quiet(run)
    run.call("acknowledge")
    assert (cloud.visible(), cloud.hidden()) == (0, 0)


def test_when_the_gate_opens_what_waited_for_it_is_taken_along(run, cloud):
    cloud.deliver("raw/orders/o.csv")
    _quiet(run)
    run.call("acknowledge")
    cloud.deliver("raw/products/p.csv", "raw/order_items/i.csv")
    run.woken_by(cloud.receive())
    assert run.call("plan_batch")["deliveries"] == 3


def test_quarantined_files_wake_nobody(run, cloud):
    cloud.deliver(*ALL)
    quarantine.set_aside(cloud.s3, cloud.bucket, run.call("plan_batch")["batch_id"], "too many rejects")
    cloud.sqs.send_message(QueueUrl=cloud.queue_url, MessageBody="again")
    _quiet(run)
    run.call("acknowledge")
    assert (cloud.visible(), cloud.hidden()) == (0, 3)  # the first run's own, which its report deletes


def test_what_landed_in_this_second_is_taken_by_a_run_that_follows_at_once(run, cloud, monkeypatch):
    cloud.deliver(*ALL)
    monkeypatch.setattr(batch, "is_final", lambda *_: False)
    _quiet(run)
    run.call("acknowledge")
    assert (cloud.visible(), cloud.hidden()) == (1, 0)


def test_after_a_resumed_batch_with_nothing_new_the_messages_are_deleted(run, cloud):
    cloud.deliver(*ALL)
    run.call("plan_batch")
    run.woken_by([{"ReceiptHandle": receipt} for receipt in run.xcoms["plan_batch", "receipts"]])
    run.call("plan_batch")
    _finish(run, cloud)
    run.call("acknowledge")
    assert (cloud.visible(), cloud.hidden()) == (0, 0)


def test_the_batch_stays_open_when_messages_cannot_be_deleted(run, cloud, monkeypatch):
    cloud.deliver(*ALL)
    run.call("plan_batch")
    _finish(run, cloud)

    def away(*_):
        raise AirflowException("SQS is away")

    monkeypatch.setattr(Queue, "delete", away)
    with pytest.raises(AirflowException):
        run.call("acknowledge")
    assert len(batch.open_batches(cloud.s3, cloud.bucket)) == 1


class Sqs:
    """Refuses some deletes, with the codes that it is given, one per call and receipt."""

    def __init__(self, **refusals):
        self.refusals = {receipt: list(codes) for receipt, codes in refusals.items()}
        self.calls = []

    def delete_message_batch(self, QueueUrl, Entries):  # noqa: N803
        self.calls.append([entry["ReceiptHandle"] for entry in Entries])
        answer = {"Successful": [], "Failed": []}
        for entry in Entries:
            codes = self.refusals.get(entry["ReceiptHandle"])
            if codes:
                answer["Failed"].append({"Id": entry["Id"], "Code": codes.pop(0), "Message": "no"})
            else:
                answer["Successful"].append({"Id": entry["Id"]})
        return answer


def test_messages_are_deleted_in_tens():
    sqs = Sqs()
    assert Queue(sqs, "q").delete([f"r{n}" for n in range(23)]) == 23
    assert [len(call) for call in sqs.calls] == [10, 10, 3]


def test_a_message_that_was_received_again_is_left_to_its_new_receiver():
    assert Queue(Sqs(r1=["ReceiptHandleIsInvalid"]), "q").delete(["r0", "r1"]) == 1


def test_a_refusal_that_passes_is_tried_again():
    sqs = Sqs(r1=["InternalError"])
    assert Queue(sqs, "q").delete(["r0", "r1"]) == 2
    assert sqs.calls[1:] == [["r1"]]


def test_a_refusal_that_stays_is_an_error():
    with pytest.raises(AirflowException, match=r"1 of 2 messages could not be deleted from q: InternalError"):
        Queue(Sqs(r1=["InternalError"] * 9), "q").delete(["r0", "r1"])
