"""CheckDataAvailability: whatever happens, something is bound to look at what waits, and one execution starts."""

import json
import logging
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from urllib.parse import quote_plus

import boto3
import pytest
from botocore.exceptions import ClientError

from cli.clients.dead_letters import about
from cli.commands.delivery import wake
from ledgerlake.errors import LedgerlakeError, SettingsError
from ledgerlake.intake.deliveries import from_iso, waiting
from ledgerlake.planning import batch, lease, quarantine
from ledgerlake.runs import executions
from ledgerlake.runs.executions import LIVE, StateMachine
from ledgerlake_serverless import dispatcher

NAME = "check_data_availability"
BUCKET = "lake"
KEYS = ("raw/products/p.csv", "raw/orders/o.csv", "raw/order_items/i.csv")
LOOK = {"look": "an execution has ended"}
SCHEDULE = {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(dispatcher.time, "sleep", lambda _: None)


def event_of(key, bucket=BUCKET, **more):
    seen = {"bucket": {"name": bucket}, "object": {"key": quote_plus(key), **more}}
    return json.dumps({"Records": [{"eventName": "ObjectCreated:Put", "s3": seen}]})


def messages(*bodies):
    """As the event source mapping passes them on: their ids are m0, m1, …"""
    records = [
        {"eventSource": "aws:sqs", "messageId": f"m{number}", "receiptHandle": "r", "body": body}
        for number, body in enumerate(bodies)
    ]
    return {"Records": records}


def returned(answer):
    assert set(answer) == {"batchItemFailures"}
    return [each["itemIdentifier"] for each in answer["batchItemFailures"]]


def holder(cloud):
    held = lease.show(cloud.s3, BUCKET)
    return held.holder if held else ""


def the_open_batch(cloud):
    (batch_id,) = batch.open_batches(cloud.s3, BUCKET)
    return batch_id


# --- what waits is planned, and an execution started


def test_files_make_a_batch_and_an_execution_of_its_name_and_the_messages_are_answered(cloud, invoke):
    cloud.put(*KEYS)
    assert returned(invoke(NAME, messages(*map(event_of, KEYS)))) == []
    batch_id = the_open_batch(cloud)
    assert cloud.executions() == {batch_id: {"batch_id": batch_id}}
    assert batch.owner_of(cloud.s3, BUCKET, batch_id) == LIVE == "step_functions:EcommerceETLPipeline"
    assert holder(cloud) == ""


@pytest.mark.parametrize("event", [LOOK, SCHEDULE, SCHEDULE | {"source": "aws.scheduler"}], ids=str)
def test_a_look_without_messages_does_the_same_and_says_so(cloud, invoke, event):
    cloud.put(*KEYS)
    answer = invoke(NAME, event)
    batch_id = the_open_batch(cloud)
    assert answer == {
        "outcome": f"execution {batch_id} is started: 3 deliveries",
        "batch_id": batch_id,
        "execution": batch_id,
    }


def test_the_same_event_twice_starts_one_execution(cloud, invoke):
    cloud.put(*KEYS)
    event = messages(*map(event_of, KEYS))
    assert returned(invoke(NAME, event)) == []
    assert returned(invoke(NAME, event)) == []
    assert len(cloud.executions()) == 1


@pytest.mark.parametrize(
    ("before", "gate", "says"),
    [
        ((), "any", "nothing waits in raw/"),
        (("raw/orders/o.csv",), "loaded", "the gate is closed: no delivery of products, order_items has come"),
        (("raw/cat.png",), "any", "nothing waits in raw/"),
    ],
)
def test_with_nothing_to_do_nothing_is_started_and_the_lease_is_given_back(
    cloud, invoke, monkeypatch, before, gate, says
):
    monkeypatch.setenv("LEDGERLAKE_GATE", gate)
    cloud.put(*before)
    assert invoke(NAME, LOOK) == {"outcome": says, "batch_id": None, "execution": None}
    assert (cloud.executions(), holder(cloud)) == ({}, "")


def test_a_stray_alone_is_told_of_once_with_what_was_meant(cloud, invoke):
    cloud.put("raw/Orders/alone.csv", "raw//orders/x.csv", "raw/orders/_SUCCESS")
    for number in range(3):
        invoke(NAME, LOOK, request_id=f"r-{number}")
    ((subject, body),) = cloud.notifications()
    assert subject == "Ledgerlake: 2 files in raw/ that no job reads"
    assert "raw/Orders/alone.csv (did you mean raw/orders/?)" in body
    assert "_SUCCESS" not in body
    cloud.put("raw/x.csv")
    invoke(NAME, LOOK, request_id="r-9")
    assert "raw/x.csv (did you mean one of raw/products/" in cloud.notifications()[1][1]


def test_messages_of_files_that_wait_for_the_gate_are_answered(cloud, invoke):
    cloud.put("raw/orders/o.csv")
    assert returned(invoke(NAME, messages(event_of("raw/orders/o.csv")))) == []
    assert cloud.executions() == {}


def test_messages_of_quarantined_files_are_answered_and_start_nothing(cloud, invoke):
    cloud.load()
    cloud.put("raw/orders/o.csv")
    invoke(NAME, LOOK)
    batch_id = the_open_batch(cloud)
    quarantine.set_aside(cloud.s3, BUCKET, batch_id, "too many rejects")
    cloud.end(batch_id)
    assert returned(invoke(NAME, messages(event_of("raw/orders/o.csv")))) == []
    assert list(cloud.executions()) == [batch_id]


# --- messages that come back


def later_than_the_plan(cloud, monkeypatch, *keys):
    """Files that land between the plan and the start of its execution."""
    start = StateMachine.start

    def late(*arguments):
        cloud.put(*keys)
        return start(*arguments)

    monkeypatch.setattr(StateMachine, "start", late)


def test_only_the_messages_of_files_that_came_too_late_for_the_batch_come_back(cloud, invoke, monkeypatch):
    cloud.load()
    cloud.put("raw/orders/a.csv")
    later_than_the_plan(cloud, monkeypatch, "raw/orders/sp\u00e4t 1+1.csv", "raw/order_items/late.csv")
    event = messages(
        event_of("raw/orders/a.csv"),
        event_of("raw/orders/sp\u00e4t 1+1.csv"),
        event_of("raw/orders/gone.csv"),
        event_of("raw/order_items/late.csv"),
    )
    assert returned(invoke(NAME, event)) == ["m1", "m3"]
    assert len(cloud.executions()) == 1


def test_a_version_that_is_in_the_batch_is_answered_and_a_later_one_of_the_same_name_comes_back(cloud, invoke):
    cloud.load()
    cloud.put("raw/orders/a.csv", body=b"first")
    invoke(NAME, LOOK)
    cloud.end(the_open_batch(cloud))
    cloud.put("raw/orders/a.csv", body=b"second")
    first, second = (each.version_id for each in waiting(cloud.s3, BUCKET).deliveries)
    event = messages(*(event_of("raw/orders/a.csv", versionId=version) for version in (first, second)))
    assert returned(invoke(NAME, event)) == ["m1"]


POISON = {
    "not JSON": "}{ \x85 no JSON",
    "JSON of another kind": "[1, null]",
    "a text": '"look"',
    "another bucket": event_of("raw/orders/late.csv", bucket="somebody-elses"),
    "no records": json.dumps({"Records": []}),
    "a record of nothing": json.dumps({"Records": [None]}),
}


@pytest.mark.parametrize("body", POISON.values(), ids=POISON)
def test_poison_beside_good_messages_is_acknowledged_with_one_log_line(cloud, invoke, monkeypatch, caplog, body):
    cloud.load()
    cloud.put("raw/orders/a.csv")
    later_than_the_plan(cloud, monkeypatch, "raw/orders/late.csv")
    event = messages(event_of("raw/orders/a.csv"), body, event_of("raw/orders/late.csv"))
    with caplog.at_level(logging.INFO):
        assert returned(invoke(NAME, event)) == ["m2"]
    assert [record.message[:26] for record in caplog.records if record.levelname == "WARNING"] == [
        "Message m1 is acknowledged"
    ]


WAKING = {
    "an execution's": json.dumps(LOOK),
    "ledgerlake run of an earlier release": '{"ledgerlake": "look", "asked_at": "2025-04-02T08:00:00.000000Z"}',
    "the S3 test event": json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": BUCKET}),
}


@pytest.mark.parametrize("body", WAKING.values(), ids=WAKING)
def test_a_message_that_only_wakes_is_no_poison(cloud, invoke, caplog, body):
    with caplog.at_level(logging.WARNING):
        assert returned(invoke(NAME, messages(body))) == []
    assert not caplog.records


def test_the_message_of_ledgerlake_run_wakes_the_lambda_and_is_no_poison(cloud, invoke, caplog):
    cloud.put(*KEYS)
    sent = []
    queue = SimpleNamespace(send_message=lambda **request: sent.append(request["MessageBody"]))
    wake(SimpleNamespace(client=lambda _: queue, places=SimpleNamespace(queue_url="q")))
    with caplog.at_level(logging.WARNING):
        assert returned(invoke(NAME, messages(*sent))) == []
    assert not caplog.records
    assert the_open_batch(cloud) in cloud.executions()
    assert about(sent[0]).startswith("a wake message: ledgerlake run at ")


def wrapped(body):
    return json.dumps({"Type": "Notification", "MessageId": "m", "TopicArn": "t", "Message": body})


def bridged(key):
    seen = {"bucket": {"name": BUCKET}, "object": {"key": key, "size": 1}}
    return json.dumps({"source": "aws.s3", "detail-type": "Object Created", "detail": seen})


@pytest.mark.parametrize(
    "shape", [lambda key: wrapped(event_of(key)), bridged, lambda key: wrapped(bridged(key))], ids=["sns", "eb", "both"]
)
def test_events_through_sns_and_eventbridge_wake_and_come_back_when_too_late(cloud, invoke, monkeypatch, caplog, shape):
    cloud.load()
    cloud.put("raw/orders/a 1+1.csv")
    later_than_the_plan(cloud, monkeypatch, "raw/orders/late 1+1.csv")
    with caplog.at_level(logging.WARNING):
        event = messages(shape("raw/orders/a 1+1.csv"), shape("raw/orders/late 1+1.csv"))
        assert returned(invoke(NAME, event)) == ["m1"]
    assert not caplog.records
    assert len(cloud.executions()) == 1


def test_what_landed_in_this_second_and_was_not_planned_comes_back(cloud, invoke, monkeypatch):
    cloud.load()
    cloud.put("raw/orders/a.csv")
    monkeypatch.setattr(batch, "is_final", lambda *_: False)
    monkeypatch.setattr("ledgerlake.planning.availability.batch.is_settled", lambda *_: True)
    assert returned(invoke(NAME, messages(event_of("raw/orders/a.csv")), seconds=60)) == ["m0"]
    assert cloud.executions() == {}


# --- the lease


def test_while_an_execution_is_at_work_the_messages_are_answered_since_it_looks_again(cloud, invoke):
    cloud.start("e-1")
    lease.acquire(cloud.s3, BUCKET, "step_functions:e-1", 600)
    cloud.put(*KEYS)
    assert returned(invoke(NAME, messages(*map(event_of, KEYS)))) == []
    assert invoke(NAME, LOOK)["outcome"] == "execution e-1 is at work, and polls again at its end"
    assert list(cloud.executions()) == ["e-1"]
    assert holder(cloud) == "step_functions:e-1"
    assert batch.open_batches(cloud.s3, BUCKET) == []


@pytest.mark.parametrize(
    ("known", "became"), [(True, "ended as ABORTED"), (False, "is not known to Step Functions (any more)")]
)
def test_a_holder_that_died_is_replaced_and_a_person_is_told_once(cloud, invoke, known, became):
    if known:
        cloud.start("e-1")
        cloud.end("e-1")
    lease.acquire(cloud.s3, BUCKET, "step_functions:e-1", 600)
    cloud.put(*KEYS)
    assert returned(invoke(NAME, messages(*map(event_of, KEYS)))) == []
    invoke(NAME, LOOK)
    assert the_open_batch(cloud) in cloud.executions()
    ((subject, body),) = cloud.notifications()
    assert subject == f"Ledgerlake: execution e-1 {became}"
    for said in (f"Execution e-1 of EcommerceETLPipeline {became}", "ledgerlake executions", "The lease is free again"):
        assert said in body


def test_a_holder_that_died_keeps_the_lease_while_glue_runs_its_job(cloud, invoke):
    run_id = cloud.run_job("e-1")
    lease.acquire(cloud.s3, BUCKET, "step_functions:e-1", 600)
    cloud.put(*KEYS)
    assert returned(invoke(NAME, messages(event_of(KEYS[0])))) == ["m0"]
    said = f"orders_etl is STARTING for batch e-1 (Glue run {run_id})"
    assert said in invoke(NAME, LOOK)["outcome"]
    assert (cloud.executions(), holder(cloud), cloud.notifications()) == ({}, "step_functions:e-1", [])


def test_when_the_notification_cannot_be_sent_the_work_goes_on(cloud, invoke, monkeypatch):
    lease.acquire(cloud.s3, BUCKET, "step_functions:e-1", 600)
    monkeypatch.setenv("TOPIC_ARN", "arn:aws:sns:us-east-1:123456789012:gone")
    cloud.put(*KEYS)
    assert invoke(NAME, LOOK)["execution"] == the_open_batch(cloud)


def test_of_two_that_find_a_dead_holder_the_second_leaves_the_next_holder_alone(cloud, invoke, monkeypatch):
    lease.acquire(cloud.s3, BUCKET, "step_functions:dead", 600)
    find = StateMachine.find

    def slow(machine, name):
        found = find(machine, name)
        if name == "dead":
            lease.release(cloud.s3, BUCKET, "step_functions:dead")
            lease.acquire(cloud.s3, BUCKET, "airflow:ecommerce_lakehouse", 600)
        return found

    monkeypatch.setattr(StateMachine, "find", slow)
    cloud.put(*KEYS)
    assert returned(invoke(NAME, messages(event_of(KEYS[0])))) == ["m0"]
    assert (holder(cloud), cloud.notifications()) == ("airflow:ecommerce_lakehouse", [])


@pytest.mark.parametrize("foreign", ["airflow:ecommerce_lakehouse", "cli:somebody"])
def test_while_anybody_else_holds_the_lease_all_messages_come_back(cloud, invoke, foreign):
    lease.acquire(cloud.s3, BUCKET, foreign, 600)
    cloud.put(*KEYS)
    assert returned(invoke(NAME, messages(event_of(KEYS[0]), "poison"))) == ["m0", "m1"]
    assert foreign in invoke(NAME, LOOK)["outcome"]
    assert (cloud.executions(), holder(cloud)) == ({}, foreign)


def test_a_lease_that_has_expired_is_taken_over(cloud, invoke):
    lease.acquire(cloud.s3, BUCKET, "cli:dead", -1)
    cloud.put(*KEYS)
    assert invoke(NAME, LOOK)["execution"] == the_open_batch(cloud)


def test_when_planning_fails_the_messages_come_back_and_the_lease_is_free(cloud, invoke, monkeypatch):
    def away(*_, **__):
        raise ClientError({"Error": {"Code": "503"}}, "ListObjectVersions")

    monkeypatch.setattr(batch, "plan", away)
    cloud.put(*KEYS)
    assert returned(invoke(NAME, messages(event_of(KEYS[0])))) == ["m0"]
    with pytest.raises(ClientError):
        invoke(NAME, LOOK)
    assert holder(cloud) == ""


# --- two looks at once

POINTS = {
    "when it has the lease": (batch, "plan"),
    "when it gives the lease back": (lease, "release"),
    "before it asks for executions": (StateMachine, "start"),
    "before it starts one": (StateMachine, "_start"),
}


@pytest.mark.parametrize(("owner", "function"), POINTS.values(), ids=POINTS)
def test_two_looks_at_once_start_one_execution_and_lose_no_message(cloud, invoke, monkeypatch, owner, function):
    """The second happens whole at one point of the first."""
    original, other = getattr(owner, function), []

    def interrupted(*args, **kwargs):
        monkeypatch.setattr(owner, function, original)
        other.append(returned(invoke(NAME, event, request_id="r-2")))
        return original(*args, **kwargs)

    cloud.put(*KEYS)
    event = messages(*map(event_of, KEYS))
    monkeypatch.setattr(owner, function, interrupted)
    assert returned(invoke(NAME, event)) == []
    assert len(other) == 1
    batch_id = the_open_batch(cloud)
    assert cloud.executions() == {batch_id: {"batch_id": batch_id}}
    assert holder(cloud) == ""


def test_a_look_waits_for_another_that_plans(cloud, invoke, monkeypatch):
    lease.acquire(cloud.s3, BUCKET, "step_functions:CheckDataAvailability/r-0", 600)
    cloud.put(*KEYS)
    done = lambda *_: lease.release(cloud.s3, BUCKET, "step_functions:CheckDataAvailability/r-0")  # noqa: E731
    monkeypatch.setattr(dispatcher.time, "sleep", done)
    assert returned(invoke(NAME, messages(event_of(KEYS[0])))) == []
    assert len(cloud.executions()) == 1


def test_a_look_that_died_while_it_planned_holds_others_up_only_until_its_lease_expires(cloud, invoke, monkeypatch):
    cloud.put(*KEYS)
    monkeypatch.setattr(lease, "release", lambda *_: True)  # it dies first
    monkeypatch.setattr(StateMachine, "start", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        invoke(NAME, LOOK)
    monkeypatch.undo()
    held = lease.show(cloud.s3, BUCKET)
    assert held.holder == "step_functions:CheckDataAvailability/r-1"
    assert (from_iso(held.expires_at) - from_iso(held.since)).total_seconds() == 120


# --- starting


@pytest.mark.parametrize("crash", [RuntimeError("killed"), ClientError({"Error": {"Code": "Throttling"}}, "Start")])
def test_a_crash_between_plan_and_start_is_made_good_by_the_next_look(cloud, invoke, monkeypatch, crash):
    cloud.put(*KEYS)

    def dies(*_):
        raise crash

    with monkeypatch.context() as patched:
        patched.setattr(StateMachine, "start", dies)
        with pytest.raises(type(crash)):
            invoke(NAME, LOOK)
    batch_id = the_open_batch(cloud)
    assert (cloud.executions(), holder(cloud)) == ({}, "")
    assert invoke(NAME, SCHEDULE)["execution"] == batch_id
    assert cloud.executions() == {batch_id: {"batch_id": batch_id}}


def test_when_an_execution_cannot_be_started_all_messages_come_back(cloud, invoke, monkeypatch):
    monkeypatch.setenv("STATE_MACHINE_ARN", cloud.machine + "Gone")
    cloud.put(*KEYS)
    assert returned(invoke(NAME, messages(*map(event_of, KEYS), "poison"))) == ["m0", "m1", "m2", "m3"]
    with pytest.raises(ClientError):
        invoke(NAME, LOOK)


def test_each_attempt_at_a_batch_is_an_execution_of_its_own(cloud, invoke):
    cloud.put(*KEYS)
    names = []
    for _ in range(3):
        names.append(invoke(NAME, LOOK)["execution"])
        cloud.end(names[-1])
    batch_id = the_open_batch(cloud)
    assert names == [batch_id, f"{batch_id}-2", f"{batch_id}-3"]
    assert list(cloud.executions().values()) == [{"batch_id": batch_id}] * 3


def test_while_an_attempt_runs_no_other_is_started_and_the_messages_are_answered(cloud, invoke):
    cloud.load()
    cloud.put(*KEYS)
    first = invoke(NAME, LOOK)["execution"]
    cloud.end(first)
    invoke(NAME, LOOK)
    cloud.put("raw/orders/later.csv")
    assert returned(invoke(NAME, messages(event_of("raw/orders/later.csv")))) == []
    assert invoke(NAME, LOOK)["outcome"].startswith(f"execution {first}-2 was started before")
    assert list(cloud.executions()) == [first, f"{first}-2"]


@pytest.mark.parametrize(("attempt", "rests"), [(1, 300), (2, 600), (3, 900), (9, 900)])
def test_a_batch_that_failed_rests_until_its_delayed_message_comes(cloud, invoke, monkeypatch, attempt, rests):
    """Else every look would try it at once, and each try send a notification and a message of its own."""
    cloud.put(*KEYS)
    monkeypatch.setenv("LEDGERLAKE_RETRY_VISIBILITY_SECONDS", "300")
    batch_id = invoke(NAME, LOOK)["batch_id"]
    names = [executions.name_of(batch_id, number) for number in range(1, attempt + 1)]
    ago = {"seconds": rests - 10}

    def failed(machine, name):
        ended = datetime.now(UTC) - timedelta(**ago)
        return executions.ExecutionState("FAILED", ended) if name in names else executions.ExecutionState("")

    monkeypatch.setattr(StateMachine, "find", failed)
    assert returned(invoke(NAME, messages(event_of(KEYS[0])))) == []
    answer = invoke(NAME, SCHEDULE)
    assert f"execution {names[-1]} has failed; its batch is retried at" in answer["outcome"]
    assert (answer["execution"], len(cloud.executions()), holder(cloud)) == (None, 1, "")
    ago["seconds"] = rests - 4
    assert invoke(NAME, LOOK)["execution"] == executions.name_of(batch_id, attempt + 1)


@pytest.mark.parametrize("status", ["ABORTED", "TIMED_OUT"])
def test_a_batch_whose_execution_was_ended_from_outside_is_gone_on_with_at_once(cloud, invoke, monkeypatch, status):
    cloud.put(*KEYS)
    batch_id = invoke(NAME, LOOK)["batch_id"]
    now = executions.ExecutionState(status, datetime.now(UTC))
    find = StateMachine.find
    monkeypatch.setattr(StateMachine, "find", lambda machine, name: now if name == batch_id else find(machine, name))
    assert invoke(NAME, LOOK)["execution"] == f"{batch_id}-2"


def test_an_execution_of_that_name_that_another_has_started_meanwhile_is_fine(cloud, invoke, monkeypatch):
    cloud.put(*KEYS)
    find = StateMachine.find

    def then_started_by_another(machine, name):
        found = find(machine, name)
        cloud.start(name)
        cloud.end(name)
        return found

    monkeypatch.setattr(StateMachine, "find", then_started_by_another)
    assert returned(invoke(NAME, messages(event_of(KEYS[0])))) == []
    assert len(cloud.executions()) == 1


def test_a_batch_that_a_run_by_date_left_open_is_gone_on_with(cloud, invoke):
    cloud.load()
    cloud.put("raw/orders/2025-04-01.csv")
    (delivery,) = waiting(cloud.s3, BUCKET).deliveries
    made = batch.make(cloud.s3, BUCKET, (delivery,), "step_functions:some-uuid", set(), datetime.now(UTC))
    assert invoke(NAME, LOOK)["execution"] == made.batch_id


# --- the wait for raw/ to settle


def test_it_waits_until_raw_is_quiet_and_no_longer_than_its_own_time(cloud, invoke, monkeypatch):
    waited = []
    monkeypatch.setattr(
        "ledgerlake.planning.availability.wait_until_quiet", lambda *args, **_: waited.append(args[3]), raising=True
    )
    monkeypatch.setenv("LEDGERLAKE_MAX_WAIT_SECONDS", "600")
    for seconds in (900, 300, 20):
        invoke(NAME, LOOK, seconds=seconds)
    assert waited == [600, 210, 0]


# --- who consumes the queue, and events of other kinds


def test_while_airflow_consumes_the_queue_nothing_is_started_and_messages_come_back(cloud, invoke, monkeypatch):
    monkeypatch.setenv("LEDGERLAKE_ORCHESTRATOR", "airflow")
    cloud.put(*KEYS)
    assert returned(invoke(NAME, messages(event_of(KEYS[0])))) == ["m0"]
    assert invoke(NAME, LOOK)["outcome"] == "airflow consumes the queue, so no execution is started"
    assert batch.open_batches(cloud.s3, BUCKET) == []


@pytest.mark.parametrize(
    "event",
    [
        {},
        [],
        "look",
        {"Records": [{"eventSource": "aws:s3"}]},
        {"Records": [{"eventSource": "aws:sqs"}]},
        {"Records": ["look"]},
        {"Records": "look"},
        {"source": "aws.s3"},
    ],
    ids=str,
)
def test_an_event_of_another_kind_says_what_was_expected(cloud, invoke, event):
    with pytest.raises(LedgerlakeError, match=r"the event is .*expected messages of SQS"):
        invoke(NAME, event)


@pytest.mark.parametrize("name", ["LEDGERLAKE_BUCKET", "STATE_MACHINE_ARN", "TOPIC_ARN"])
def test_a_variable_that_is_missing_is_named(cloud, invoke, monkeypatch, name):
    monkeypatch.delenv(name)
    with pytest.raises(SettingsError, match=f"{name} is not set"):
        invoke(NAME, LOOK)


def test_its_clients_are_those_of_boto3_alone(cloud, invoke, monkeypatch):
    """Nothing is asked of AWS beyond what its role will allow."""
    made = []
    client = boto3.client
    monkeypatch.setattr(boto3, "client", lambda name, **more: made.append(name) or client(name, **more))
    cloud.put(*KEYS)
    invoke(NAME, LOOK)
    assert set(made) == {"s3", "stepfunctions", "glue"}
