"""When something is wrong: batches in quarantine, dead letters, leases of runs that are gone."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from cli import failures
from cli.clients import dead_letters
from cli.clients.dead_letters import DeadLetterQueue, about
from ledgerlake import keys, names
from ledgerlake.intake.deliveries import iso, waiting
from ledgerlake.intake.messages import is_wake
from ledgerlake.planning import lease, quarantine
from ledgerlake.planning.batch import LIVE, make, open_batches

BATCH = "20250402T080000Z-1a2b3c4d"
EVENT = {"Records": [{"s3": {"object": {"key": "raw/orders/a+b%C3%BC.csv"}}}]}
POISON = "neither an event of S3 nor a wake message"
SEEN = "orders: 150 of 200 rows were rejected"
WHY = f"{SEEN}; expected at most 50%; next step: ledgerlake accept {BATCH}"


def put(lake, key, body="x"):
    lake.s3.put_object(Bucket=lake.bucket, Key=key, Body=body)


@pytest.fixture
def set_aside(lake):
    """The id of a batch of one delivery that is in quarantine."""
    put(lake, "raw/orders/a.csv")
    deliveries = waiting(lake.s3, lake.bucket).deliveries
    batch = make(lake.s3, lake.bucket, deliveries, LIVE, set(), datetime.now(UTC))
    quarantine.set_aside(lake.s3, lake.bucket, batch.batch_id, WHY)
    return batch.batch_id


def url(lake, name):
    return lake.client("sqs").get_queue_url(QueueName=name)["QueueUrl"]


def send_dead(lake, *bodies):
    for body in bodies:
        lake.client("sqs").send_message(
            QueueUrl=url(lake, names.DEAD_LETTER_QUEUE),
            MessageBody=body,
            MessageAttributes={"from": {"DataType": "String", "StringValue": "s3"}},
        )


def bodies(lake, name):
    found = lake.client("sqs").receive_message(
        QueueUrl=url(lake, name), MaxNumberOfMessages=10, VisibilityTimeout=0, MessageAttributeNames=["All"]
    )
    return [each["Body"] for each in found.get("Messages", [])]


# --- quarantine


def test_quarantined_batches_are_listed_with_since_when_and_why(ledgerlake, lake, set_aside):
    (row,) = json.loads(ledgerlake("quarantined", "-f", "json").stdout)
    assert (row["batch"], row["why"], row["deliveries"]) == (set_aside, SEEN, 1)
    assert row["since"].startswith(f"{datetime.now(UTC):%Y-%m-%d}")


def test_accepting_a_batch_opens_it_again_and_wakes_the_pipeline(ledgerlake, lake, set_aside):
    result = ledgerlake("accept", set_aside)
    assert result.exit_code == 0, result.stderr
    assert quarantine.is_accepted(lake.s3, lake.bucket, set_aside)
    assert quarantine.quarantined(lake.s3, lake.bucket) == {}
    assert is_wake(json.loads(bodies(lake, names.QUEUE)[0]))


def test_dropping_a_batch_keeps_its_reason_opens_it_again_and_may_be_repeated(ledgerlake, lake, set_aside):
    for _ in range(2):
        result = ledgerlake("drop", set_aside, "--reason", "the file of\n another shop")
        assert result.exit_code == 0, result.stderr
    assert quarantine.dropped(lake.s3, lake.bucket, set_aside) == "the file of another shop"
    assert quarantine.quarantined(lake.s3, lake.bucket) == {}
    assert open_batches(lake.s3, lake.bucket) == [set_aside]
    assert is_wake(json.loads(bodies(lake, names.QUEUE)[0]))


@pytest.mark.parametrize(
    ("batch", "reason", "said"), [(BATCH, "wrong", "is not in quarantine"), (None, " \n", "no reason is given")]
)
def test_dropping_what_is_not_there_or_without_a_reason_wakes_nobody(ledgerlake, lake, set_aside, batch, reason, said):
    result = ledgerlake("drop", batch or set_aside, "--reason", reason)
    assert result.exit_code == failures.USAGE
    assert said in result.stderr
    assert list(quarantine.quarantined(lake.s3, lake.bucket)) == [set_aside]
    assert bodies(lake, names.QUEUE) == []


@pytest.mark.parametrize("batch", [BATCH, "../open/x", ""])
def test_accepting_what_is_not_in_quarantine_names_what_is_and_wakes_nobody(ledgerlake, lake, set_aside, batch):
    result = ledgerlake("accept", batch)
    assert result.exit_code == failures.USAGE
    assert set_aside in result.stderr
    assert bodies(lake, names.QUEUE) == []


def test_wait_is_not_kept_waiting_by_the_files_of_a_quarantined_batch_but_fails_when_it_happens_now(
    ledgerlake, lake, set_aside, monkeypatch
):
    result = ledgerlake("wait")
    assert result.exit_code == 0
    assert f"in quarantine: {set_aside}" in result.stderr
    body = {"why": WHY, "since": iso(datetime.now(UTC) + timedelta(minutes=1))}
    put(lake, keys.quarantined(set_aside), json.dumps(body))
    result = ledgerlake("wait")
    assert result.exit_code == failures.FAILED
    assert SEEN in result.stderr
    assert "expected at most" not in result.stderr
    assert f"ledgerlake accept {set_aside}" in result.stderr


def test_status_counts_quarantine_and_dead_letters_and_names_by_date_runs(ledgerlake, lake, set_aside):
    send_dead(lake, "a", "b")
    lake.airflow.add("r1", "running", {"orders_etl": "running"}, dag=names.BY_DATE_DAG, day="2025-04-01T00:00:00Z")
    lake.airflow.add("r2", "failed", {"orders_etl": "failed"}, dag=names.BY_DATE_DAG, day="2025-04-02T00:00:00Z")
    lake.airflow.add("r3", "success", {}, dag=names.BY_DATE_DAG, day="2025-04-03T00:00:00Z")
    rows = {row["what"]: row["state"] for row in json.loads(ledgerlake("--env", "dev", "status", "-f", "json").stdout)}
    assert (rows["in quarantine"], rows[names.DEAD_LETTER_QUEUE]) == (set_aside, "2 messages")
    assert rows["by date 2025-04-01"] == "at work: orders_etl"
    assert rows["by date 2025-04-02"] == "failed"
    assert "by date 2025-04-03" not in rows
    assert rows["Airflow"] == "the MWAA environment ledgerlake-dev"


# --- dead letters


def test_dead_letters_are_shown_and_stay_where_they_are(ledgerlake, lake):
    send_dead(lake, json.dumps(EVENT), "garbage")
    for _ in range(2):
        rows = json.loads(ledgerlake("dead-letters", "show", "-f", "json").stdout)
        assert sorted(row["about"] for row in rows) == [POISON, "raw/orders/a bü.csv"]
        assert {row["body"] for row in rows} == {json.dumps(EVENT), "garbage"}
    assert rows[0]["received"] > 1


def test_dead_letters_shows_no_more_than_asked_but_counts_all(ledgerlake, lake):
    send_dead(lake, *(f"m{number}" for number in range(12)))
    result = ledgerlake("dead-letters", "show", "--limit", 11)
    assert "12 messages" in result.stdout
    assert sum("neither an event" in line for line in result.stdout.splitlines()) == 11
    assert "ledgerlake dead-letters redrive" in result.stderr


def test_redrive_moves_every_message_back_with_its_attributes(ledgerlake, lake):
    send_dead(lake, *(f"m{number}" for number in range(12)))
    result = ledgerlake("dead-letters", "redrive")
    assert result.exit_code == 0, result.stderr
    assert "12 messages are back" in result.stdout
    assert bodies(lake, names.DEAD_LETTER_QUEUE) == []
    (message,) = lake.client("sqs").receive_message(
        QueueUrl=url(lake, names.QUEUE), MaxNumberOfMessages=1, MessageAttributeNames=["All"]
    )["Messages"]
    assert message["MessageAttributes"]["from"]["StringValue"] == "s3"
    assert "no dead letters" in ledgerlake("dead-letters", "redrive").stdout


def test_a_redrive_that_is_interrupted_loses_nothing(lake, monkeypatch):
    send_dead(lake, "a")
    queue = DeadLetterQueue.of(lake)

    def killed(**_):
        raise KeyboardInterrupt

    monkeypatch.setattr(queue.sqs, "delete_message", killed)
    with pytest.raises(KeyboardInterrupt):
        queue.redrive()
    assert bodies(lake, names.QUEUE) == ["a"]
    attributes = lake.client("sqs").get_queue_attributes(
        QueueUrl=url(lake, names.DEAD_LETTER_QUEUE), AttributeNames=["All"]
    )["Attributes"]
    assert attributes["ApproximateNumberOfMessagesNotVisible"] == "1"


class MoveTasks:
    """SQS that moves by itself, as AWS's does; `tasks` is what it lists, call by call."""

    def __init__(self, sqs, *tasks):
        self.sqs, self.tasks, self.started = sqs, list(tasks), []

    def __getattr__(self, name):
        return getattr(self.sqs, name)

    def start_message_move_task(self, **request):
        self.started.append(request)
        return {"TaskHandle": "h"}

    def list_message_move_tasks(self, **_):
        return {"Results": [self.tasks.pop(0)]}


def test_where_sqs_can_move_messages_by_itself_it_is_asked_to_and_waited_for(lake, monkeypatch):
    monkeypatch.setattr(dead_letters, "_POLL_SECONDS", 0)
    send_dead(lake, "a", "b")
    running = {"TaskHandle": "h", "Status": "RUNNING", "ApproximateNumberOfMessagesMoved": 1}
    done = {"Status": "COMPLETED", "ApproximateNumberOfMessagesMoved": 2}  # SQS names no handle of an ended task
    sqs = MoveTasks(lake.client("sqs"), running, done)
    queue = DeadLetterQueue.of(lake)
    assert DeadLetterQueue(sqs, queue.url, queue.queue_url).redrive() == 2
    assert sqs.started[0]["SourceArn"].endswith(f":{names.DEAD_LETTER_QUEUE}")
    assert len(bodies(lake, names.DEAD_LETTER_QUEUE)) == 2


def test_a_move_that_sqs_gives_up_says_how_far_it_came(lake):
    send_dead(lake, "a", "b")
    failed = {"Status": "FAILED", "ApproximateNumberOfMessagesMoved": 1, "FailureReason": "AccessDenied"}
    queue = DeadLetterQueue.of(lake)
    with pytest.raises(failures.Failed, match=r"after 1 of 2 messages: AccessDenied.*ledgerlake dead-letters redrive"):
        DeadLetterQueue(MoveTasks(lake.client("sqs"), failed), queue.url, queue.queue_url).redrive()


def test_an_error_of_sqs_that_is_no_lack_of_the_service_is_not_papered_over(lake, monkeypatch):
    send_dead(lake, "a")
    queue = DeadLetterQueue.of(lake)

    def denied(**_):
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "StartMessageMoveTask")

    monkeypatch.setattr(queue.sqs, "start_message_move_task", denied)
    with pytest.raises(ClientError, match="AccessDenied"):
        queue.redrive()
    assert bodies(lake, names.DEAD_LETTER_QUEUE) == ["a"]


def test_a_lake_without_the_queue_is_an_error_in_words(ledgerlake, lake):
    lake.client("sqs").delete_queue(QueueUrl=url(lake, names.DEAD_LETTER_QUEUE))
    result = ledgerlake("dead-letters", "show")
    assert result.exit_code == failures.NOT_UP
    assert "there is no queue" in result.stderr


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (json.dumps(EVENT), "raw/orders/a bü.csv"),
        ('{"Event": "s3:TestEvent", "Bucket": "b"}', "S3's test of the queue"),
        ('{"ledgerlake": "look"}', "a wake message"),
        ('{"look": "e-1 failed, and is tried again"}', "a wake message: e-1 failed, and is tried again"),
        (json.dumps({"Type": "Notification", "Message": json.dumps(EVENT)}), "raw/orders/a bü.csv"),
        ("{", POISON),
        ("[1]", POISON),
        ('{"Records": [{"s3": 1}]}', POISON),
        ('{"Records": 1}', POISON),
    ],
)
def test_a_message_is_told_by_what_it_is_about(body, said):
    assert about(body) == said


# --- lease


def shown(ledgerlake):
    (row,) = json.loads(ledgerlake("lease", "show", "-f", "json").stdout)
    return row


def test_a_lease_says_when_it_expires(ledgerlake, lake):
    assert shown(ledgerlake)["holder"] == "free"
    lease.acquire(lake.s3, lake.bucket, "somebody", 605)
    row = shown(ledgerlake)
    assert row["holder"] == "somebody"
    assert row["state"].startswith("expires in 10 min")


def test_an_expired_lease_is_stale_and_still_names_who_left_it(ledgerlake, lake):
    lease.acquire(lake.s3, lake.bucket, "somebody", 60, datetime.now(UTC) - timedelta(minutes=11, seconds=10))
    row = shown(ledgerlake)
    assert row["holder"] == "somebody"
    assert row["state"] == "stale: expired 10 min ago; the next run takes it over"


@pytest.mark.parametrize(
    ("state", "stale"), [("success", True), ("failed", True), ("running", False), ("queued", False)]
)
def test_the_lease_of_a_by_date_run_is_stale_when_that_run_has_ended(ledgerlake, lake, state, stale):
    day = "2025-04-01T00:00:00Z"
    lake.airflow.add("backfill__1", state, {"plan_batch": "success"}, dag=names.BY_DATE_DAG, day=day)
    lease.acquire(lake.s3, lake.bucket, f"airflow:{names.BY_DATE_DAG}/backfill__1", 600)
    what = (
        "stale: the run of 2025-04-01 has ended; expires in" if stale else "the run of 2025-04-01 is at work; expires"
    )
    assert shown(ledgerlake)["state"].startswith(what)


def test_the_lease_of_the_live_dag_is_stale_when_none_of_its_runs_is_at_work(ledgerlake, lake):
    lease.acquire(lake.s3, lake.bucket, f"airflow:{names.LIVE_DAG}", 600)
    lake.airflow.add("r1", "running", {"wait_for_deliveries": "deferred"})
    assert shown(ledgerlake)["state"].startswith("stale")
    lake.airflow.set("r1", "running", {"wait_for_deliveries": "success", "plan_batch": "running"})
    assert shown(ledgerlake)["state"].startswith("the live run is at work; expires in")


def test_of_a_run_that_airflow_does_not_know_nothing_is_claimed(ledgerlake, lake):
    lease.acquire(lake.s3, lake.bucket, f"airflow:{names.BY_DATE_DAG}/long_ago", 600)
    assert shown(ledgerlake)["state"].startswith("expires in")
