"""The acknowledgement: last, complete, and safe to repeat."""

from __future__ import annotations

import pytest
from airflow.sdk.exceptions import AirflowException

from ledgerlake import batch
from ledgerlake_airflow.messages import Queue

ALL = ("raw/products/p.csv", "raw/orders/o.csv", "raw/order_items/i.csv")


def _archive(cloud):
    for key in ALL:
        cloud.s3.delete_object(Bucket=cloud.bucket, Key=key)


def test_it_deletes_every_message_and_closes_the_batch(run, cloud):
    cloud.deliver(*ALL, *(f"raw/orders/{n}.csv" for n in range(20)))
    run.woken_by(cloud.receive())
    run.call("plan_batch")
    run.call("acknowledge")
    assert (cloud.visible(), cloud.hidden()) == (0, 0)
    assert batch.open_batches(cloud.s3, cloud.bucket) == []


def test_it_can_be_done_twice(run, cloud):
    cloud.deliver(*ALL)
    run.call("plan_batch")
    run.call("acknowledge")
    run.call("acknowledge")
    assert cloud.hidden() == 0


def test_the_messages_of_a_quiet_run_are_deleted_too(run, cloud):
    cloud.deliver("raw/orders/o.csv")
    messages = cloud.receive()
    run.xcoms["plan_batch", "receipts"] = [message["ReceiptHandle"] for message in messages]
    run.xcoms["plan_batch", "return_value"] = {"batch_id": None, "resumed": False}
    run.call("acknowledge")
    assert (cloud.visible(), cloud.hidden()) == (0, 0)


def test_after_a_resumed_batch_the_messages_of_later_files_are_shown_again(run, cloud):
    cloud.deliver(*ALL)
    run.call("plan_batch")
    cloud.deliver("raw/orders/later.csv")
    run.woken_by(cloud.receive())
    run.call("plan_batch")
    _archive(cloud)
    run.call("acknowledge")
    assert cloud.visible() == 1
    assert batch.open_batches(cloud.s3, cloud.bucket) == []


def test_after_a_resumed_batch_with_nothing_new_the_messages_are_deleted(run, cloud):
    cloud.deliver(*ALL)
    run.call("plan_batch")
    run.woken_by([{"ReceiptHandle": receipt} for receipt in run.xcoms["plan_batch", "receipts"]])
    run.call("plan_batch")
    _archive(cloud)
    run.call("acknowledge")
    assert (cloud.visible(), cloud.hidden()) == (0, 0)


def test_the_batch_stays_open_when_messages_cannot_be_deleted(run, cloud, monkeypatch):
    cloud.deliver(*ALL)
    run.call("plan_batch")

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
