"""The sensor: what wakes a run."""

from __future__ import annotations

import pytest
from airflow.sdk.exceptions import AirflowException, TaskDeferred
from botocore.exceptions import ClientError

from ledgerlake_airflow.messages import Queue

TIMEOUT = {"error": "Trigger timeout"}


def test_a_timeout_is_an_ordinary_run_without_messages(run):
    context = run.of("wait_for_deliveries")
    context["task"].resume_execution("__fail__", TIMEOUT, context)
    assert run.xcoms["wait_for_deliveries", "messages"] == []


def test_any_other_error_of_the_trigger_stays_an_error(run):
    context = run.of("wait_for_deliveries")
    with pytest.raises(AirflowException):
        context["task"].resume_execution("__fail__", {"error": "Trigger failure"}, context)
    assert run.xcoms == {}


def test_an_error_of_the_trigger_says_what_it_was(run):
    context = run.of("wait_for_deliveries")
    traceback = ["Traceback (most recent call last):\n", "  File ...\n", "ConnectionError: SQS is away\n"]
    with pytest.raises(AirflowException, match="ConnectionError: SQS is away"):
        context["task"].resume_execution("__fail__", {"error": "Trigger failure", "traceback": traceback}, context)


def test_an_error_that_the_trigger_reports_stays_an_error(run):
    context = run.of("wait_for_deliveries")
    with pytest.raises(AirflowException):
        context["task"].resume_execution("execute_complete", {"event": {"status": "error"}}, context)


def test_messages_are_passed_on(run):
    context = run.of("wait_for_deliveries")
    event = {"status": "success", "message_batch": [{"ReceiptHandle": "r"}]}
    context["task"].resume_execution("execute_complete", {"event": event}, context)
    assert run.xcoms["wait_for_deliveries", "messages"] == [{"ReceiptHandle": "r"}]


def test_it_waits_at_the_url_that_sqs_gives_for_the_queue(run, cloud):
    context = run.of("wait_for_deliveries")
    with pytest.raises(TaskDeferred) as deferred:
        context["task"].execute(context)
    trigger = deferred.value.trigger
    assert trigger.sqs_queue == cloud.queue_url
    assert trigger.delete_message_on_reception is False
    assert deferred.value.timeout.total_seconds() == 300


def test_messages_that_are_there_already_need_no_triggerer_and_are_not_deleted(run, cloud):
    cloud.deliver("raw/orders/o.csv")
    context = run.of("wait_for_deliveries")
    context["task"].execute(context)
    assert len(run.xcoms["wait_for_deliveries", "messages"]) == 1
    assert cloud.hidden() == 1


def test_a_run_that_a_person_started_does_not_wait(run, cloud):
    run.run_type = "manual"
    context = run.of("wait_for_deliveries")
    context["task"].execute(context)
    assert run.xcoms["wait_for_deliveries", "messages"] == []


@pytest.mark.parametrize("code", ["OverLimit", "RequestThrottled", "ThrottlingException"])
def test_a_queue_over_its_limit_does_not_keep_the_run_from_looking(run, cloud, monkeypatch, code):
    context = run.of("wait_for_deliveries")
    error = ClientError({"Error": {"Code": code, "Message": "not now"}}, "ReceiveMessage")

    def poke(*_):
        raise AirflowException(f"SQS Amazon sensor failed while trying to poke queue: {error}") from error

    monkeypatch.setattr(type(context["task"]), "poke", poke)
    context["task"].execute(context)
    assert run.xcoms["wait_for_deliveries", "messages"] == []


def test_a_trigger_that_ends_with_overlimit_lets_the_run_look(run):
    context = run.of("wait_for_deliveries")
    traceback = ["botocore.exceptions.ClientError: An error occurred (OverLimit) when calling ReceiveMessage: no\n"]
    context["task"].resume_execution("__fail__", {"error": "Trigger failure", "traceback": traceback}, context)
    assert run.xcoms["wait_for_deliveries", "messages"] == []


def test_any_other_error_of_the_first_look_stays_an_error(run, cloud, monkeypatch):
    context = run.of("wait_for_deliveries")

    def poke(*_):
        raise AirflowException("SQS is away")

    monkeypatch.setattr(type(context["task"]), "poke", poke)
    with pytest.raises(AirflowException, match="SQS is away"):
        context["task"].execute(context)


def test_a_queue_over_its_limit_does_not_keep_the_plan_from_listing(run, cloud, monkeypatch):
    cloud.deliver("raw/products/p.csv", "raw/orders/o.csv", "raw/order_items/i.csv")
    error = ClientError({"Error": {"Code": "OverLimit", "Message": "not now"}}, "ReceiveMessage")

    def receive(*_, **__):
        raise error

    opened = Queue.open()
    monkeypatch.setattr(opened.sqs, "receive_message", receive)
    run.woken_by([])
    assert run.call("plan_batch")["deliveries"] == 3
    assert run.xcoms["plan_batch", "receipts"] == []
