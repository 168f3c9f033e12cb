"""The sensor: what wakes a run."""

from __future__ import annotations

import asyncio

import pytest
from airflow.sdk.exceptions import AirflowException, DownstreamTasksSkipped, TaskDeferred
from botocore.exceptions import ClientError

from ledgerlake_airflow.messages import Queue
from ledgerlake_airflow.trigger import WaitForMessages

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


def test_an_error_of_the_trigger_keeps_its_message(run):
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


def test_a_run_by_hand_does_not_wait(run, cloud):
    run.run_type = "manual"
    context = run.of("wait_for_deliveries")
    context["task"].execute(context)
    assert run.xcoms["wait_for_deliveries", "messages"] == []


@pytest.mark.parametrize("code", ["OverLimit", "RequestThrottled", "ThrottlingException"])
def test_a_queue_over_its_limit_does_not_block_the_run(run, cloud, monkeypatch, code):
    context = run.of("wait_for_deliveries")
    error = ClientError({"Error": {"Code": code, "Message": "not now"}}, "ReceiveMessage")

    def poke(*_):
        raise AirflowException(f"SQS Amazon sensor failed while trying to poke queue: {error}") from error

    monkeypatch.setattr(type(context["task"]), "poke", poke)
    context["task"].execute(context)
    assert run.xcoms["wait_for_deliveries", "messages"] == []


def test_a_trigger_that_ends_with_overlimit_lets_the_run_continue(run):
    context = run.of("wait_for_deliveries")
    traceback = ["botocore.exceptions.ClientError: An error occurred (OverLimit) when calling ReceiveMessage: no\n"]
    context["task"].resume_execution("__fail__", {"error": "Trigger failure", "traceback": traceback}, context)
    assert run.xcoms["wait_for_deliveries", "messages"] == []


def test_any_other_error_of_the_first_poll_stays_an_error(run, cloud, monkeypatch):
    context = run.of("wait_for_deliveries")

    def poke(*_):
        raise AirflowException("SQS is away")

    monkeypatch.setattr(type(context["task"]), "poke", poke)
    with pytest.raises(AirflowException, match="SQS is away"):
        context["task"].execute(context)


def test_a_queue_over_its_limit_does_not_block_the_plan(run, cloud, monkeypatch):
    cloud.deliver("raw/products/p.csv", "raw/orders/o.csv", "raw/order_items/i.csv")
    error = ClientError({"Error": {"Code": "OverLimit", "Message": "not now"}}, "ReceiveMessage")

    def receive(*_, **__):
        raise error

    opened = Queue.open()
    monkeypatch.setattr(opened.sqs, "receive_message", receive)
    run.woken_by([])
    assert run.call("plan_batch")["deliveries"] == 3
    assert run.xcoms["plan_batch", "receipts"] == []


def test_a_waiting_run_ends_for_one_that_is_queued(run):
    """Everything is skipped but the report, which then has nothing to say."""
    context = run.of("wait_for_deliveries")
    event = {"status": "success", "message_batch": [], "give_way": True}
    with pytest.raises(DownstreamTasksSkipped) as skipped:
        context["task"].resume_execution("execute_complete", {"event": event}, context)
    assert set(skipped.value.tasks) == set(run.dag.task_ids) - {"wait_for_deliveries", "report"}


def test_the_trigger_knows_how_many_runs_were_queued_when_the_wait_began(run, cloud, monkeypatch):
    monkeypatch.setattr("ledgerlake_airflow.sensor.queued_runs", {"ecommerce_lakehouse": 3}.get)
    context = run.of("wait_for_deliveries")
    with pytest.raises(TaskDeferred) as deferred:
        context["task"].execute(context)
    path, fields = deferred.value.trigger.serialize()
    assert path == "ledgerlake_airflow.trigger.WaitForMessages"
    assert (fields["dag_id"], fields["queued"]) == ("ecommerce_lakehouse", 3)


class NoConnection:
    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        pass


class NoHook:
    async def get_async_conn(self):
        return NoConnection()


def _ends_with(monkeypatch, *, queued_at_first, counts, messages=()):
    """What the trigger says, and after how many polls, when so many runs are queued after each of them."""
    trigger = WaitForMessages(dag_id="d", queued=queued_at_first, sqs_queue="q", waiter_delay=0)
    answers, polls = iter(counts), []

    async def poke(client):
        polls.append(1)
        return list(messages) if len(polls) > len(counts) else []

    monkeypatch.setattr(trigger, "poke", poke)
    monkeypatch.setattr(WaitForMessages, "hook", NoHook())
    monkeypatch.setattr("ledgerlake_airflow.trigger.queued_runs", lambda _: next(answers))

    async def first():
        return await anext(trigger.run())

    return asyncio.run(first()).payload, len(polls)


def test_the_trigger_gives_way_as_soon_as_another_run_is_queued(monkeypatch):
    event, polls = _ends_with(monkeypatch, queued_at_first=0, counts=[0, 0, 1])
    assert (event.get("give_way"), polls) == (True, 3)


def test_a_run_that_was_queued_before_is_no_reason_to_give_way(monkeypatch):
    """One that cannot begin, or would the runs of the DAG follow each other without a pause."""
    event, polls = _ends_with(monkeypatch, queued_at_first=1, counts=[1, 1], messages=["m"])
    assert ("give_way" in event, event["message_batch"], polls) == (False, ["m"], 3)
    event, polls = _ends_with(monkeypatch, queued_at_first=1, counts=[1, 0, 1])
    assert (event.get("give_way"), polls) == (True, 3)
