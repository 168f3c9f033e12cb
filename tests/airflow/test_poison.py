"""Messages that say nothing useful: a run looks into raw/ all the same, and gets rid of them."""

from __future__ import annotations

import json

import pytest
from airflow.sdk.exceptions import DownstreamTasksSkipped

ALL = ("raw/products/p.csv", "raw/orders/o.csv", "raw/order_items/i.csv")


def _event(key, bucket="ledgerlake", name="ObjectCreated:Put"):
    return json.dumps({"Records": [{"eventName": name, "s3": {"bucket": {"name": bucket}, "object": {"key": key}}}]})


POISON = {
    "not JSON": "}{ \x85 no JSON",
    "JSON of another kind": "[1, null]",
    "the S3 test event": json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "ledgerlake"}),
    "another bucket": _event("raw/orders/o.csv", bucket="somebody-elses"),
    "a deleted object": _event("raw/orders/gone.csv"),
    "a removal": _event("raw/orders/o.csv", name="ObjectRemoved:Delete"),
    "an encoded key": _event("raw/orders/caf%C3%A9+1%2B1+%25.csv"),
    "no records": json.dumps({"Records": []}),
    "a large body": "x" * 200_000,
}


@pytest.mark.parametrize("body", POISON.values(), ids=POISON)
def test_alone_it_starts_a_run_without_a_batch_that_deletes_it(run, cloud, body):
    cloud.sqs.send_message(QueueUrl=cloud.queue_url, MessageBody=body)
    context = run.of("wait_for_deliveries")
    context["task"].execute(context)
    with pytest.raises(DownstreamTasksSkipped):
        run.call("plan_batch")
    run.call("acknowledge")
    assert (cloud.visible(), cloud.hidden()) == (0, 0)


def test_between_good_messages_one_batch_acknowledges_all(run, cloud):
    for body in POISON.values():
        cloud.sqs.send_message(QueueUrl=cloud.queue_url, MessageBody=body)
    cloud.deliver(*ALL)
    context = run.of("wait_for_deliveries")
    context["task"].execute(context)
    plan = run.call("plan_batch")
    assert plan["deliveries"] == 3
    cloud.publish(plan["batch_id"])
    run.call("acknowledge")
    assert (cloud.visible(), cloud.hidden()) == (0, 0)


def test_every_message_twice_and_in_any_order_is_one_batch(run, cloud):
    cloud.deliver(*ALL)
    for key in reversed(ALL):
        cloud.sqs.send_message(QueueUrl=cloud.queue_url, MessageBody=_event(key))
    run.woken_by(cloud.receive())
    plan = run.call("plan_batch")
    assert plan["deliveries"] == 3
    cloud.publish(plan["batch_id"])
    run.call("acknowledge")
    assert (cloud.visible(), cloud.hidden()) == (0, 0)


@pytest.mark.parametrize("name", ["a b.csv", "1+1.csv", "100%.csv", "caf\u00e9.csv", "\u6ce8\u6587.csv", "a&b=c?.csv"])
def test_a_file_is_found_under_the_name_that_it_has(run, cloud, name):
    cloud.deliver(*ALL, f"raw/orders/{name}")
    assert run.call("plan_batch")["deliveries"] == 4
    body = cloud.s3.get_object(
        Bucket=cloud.bucket, Key=f"batches/{run.xcoms['plan_batch', 'return_value']['batch_id']}.json"
    )
    assert f"raw/orders/{name}" in [each["key"] for each in json.loads(body["Body"].read())["deliveries"]]
