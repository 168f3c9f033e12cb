"""Whole lakes, but for Airflow: deployed, stopped, killed and started again."""

from __future__ import annotations

import signal
import subprocess
import sys

import boto3
import pytest

from cli.clients.connection import Choice, connect
from cli.clients.dead_letters import DeadLetterQueue
from ledgerlake import names, settings
from local import deploy, lake, processes
from local.aws_clients import client_arguments
from local.home import ROOT, Home

pytestmark = pytest.mark.slow


@pytest.fixture
def up(tmp_path):
    """`up("name")` starts a lake in a home of that name."""
    homes = []

    def start(name: str, orchestrator: str | None = None) -> Home:
        home = Home(tmp_path / name)
        homes.append(home)
        lake.up(home, airflow=False, orchestrator=orchestrator)
        return home

    yield start
    for home in homes:
        lake.down(home)
        assert processes.left_behind(home) == []


def client(home: Home, service: str):
    return boto3.client(service, **client_arguments(home))


def bucket(home: Home) -> str:
    return names.Places.of(settings.from_environment(home.environment()), home.endpoint_url).bucket


def comes(home: Home, queue: str, text: str) -> bool:
    """Whether a message with `text` comes; S3 sends a test event before the first."""
    sqs = client(home, "sqs")
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    for _ in range(5):
        found = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1, MaxNumberOfMessages=10).get("Messages", [])
        if any(text in each["Body"] for each in found):
            return True
    return False


def test_a_delivery_wakes_the_queue_and_what_the_topic_sends_is_kept(up):
    home = up("lake")
    client(home, "s3").put_object(Bucket=bucket(home), Key="raw/orders/a.csv", Body=b"x")
    assert comes(home, names.QUEUE, "raw/orders/a.csv")
    topic = client(home, "sns").list_topics()["Topics"][0]["TopicArn"]
    client(home, "sns").publish(TopicArn=topic, Message="the batch is done")
    assert comes(home, deploy.OUTBOX, "the batch is done")


def test_a_dead_letter_raises_the_alarm_is_shown_and_goes_back_to_the_queue(up, monkeypatch):
    home = up("lake")
    monkeypatch.setenv("LEDGERLAKE_HOME", str(home.folder))
    url = client(home, "sqs").get_queue_url(QueueName=names.DEAD_LETTER_QUEUE)["QueueUrl"]
    client(home, "sqs").send_message(QueueUrl=url, MessageBody="a poison message")
    # the local AWS measures no queue by itself
    dimensions = [{"Name": "QueueName", "Value": names.DEAD_LETTER_QUEUE}]
    metric = {"MetricName": "ApproximateNumberOfMessagesVisible", "Dimensions": dimensions, "Value": 1}
    client(home, "cloudwatch").put_metric_data(Namespace="AWS/SQS", MetricData=[metric])
    assert comes(home, deploy.OUTBOX, f'ALARM: \\"{names.DEAD_LETTER_ALARM}')
    dead_letters = DeadLetterQueue.of(connect(Choice()))
    assert [message.body for message in dead_letters.peek(5)] == ["a poison message"]
    assert dead_letters.redrive() == 1
    assert dead_letters.count() == 0
    assert comes(home, names.QUEUE, "a poison message")


@pytest.mark.parametrize(("orchestrator", "works"), [("airflow", False), ("step_functions", True)])
def test_the_queue_and_the_clock_wake_the_orchestrator_that_was_chosen(up, orchestrator, works):
    home = up("lake", orchestrator=orchestrator)
    assert up("lake").orchestrator == orchestrator, "it is remembered"
    (mapping,) = client(home, "lambda").list_event_source_mappings(FunctionName=names.CHECK_FUNCTION)[
        "EventSourceMappings"
    ]
    assert mapping["State"] == ("Enabled" if works else "Disabled")
    (rule,) = [each for each in client(home, "events").list_rules()["Rules"] if "rate" in each["ScheduleExpression"]]
    assert (rule["ScheduleExpression"], rule["State"] == "ENABLED") == ("rate(1 minute)", works)


def test_the_state_machine_is_deployed_with_every_name_in_its_place(up):
    home = up("lake")
    (machine,) = client(home, "stepfunctions").list_state_machines()["stateMachines"]
    assert machine["name"] == names.STATE_MACHINE
    found = client(home, "stepfunctions").describe_state_machine(stateMachineArn=machine["stateMachineArn"])
    assert "${" not in found["definition"]
    assert f":function:{names.PLAN_FUNCTION}" in found["definition"]


def test_every_job_that_a_contract_declares_allows_one_run(up):
    jobs = client(up("lake"), "glue").get_jobs()["Jobs"]
    assert {job["Name"] for job in jobs} == {"product_etl", "orders_etl", "order_items_etl"}
    assert {job["ExecutionProperty"]["MaxConcurrentRuns"] for job in jobs} == {1}


def test_starting_a_running_lake_again_changes_nothing(up):
    home = up("lake")
    before = processes.started(home, "aws")
    assert lake.status(up("lake"))["aws"] == "running"
    assert processes.started(home, "aws") == before


def test_a_killed_lake_comes_up_again_with_its_data_and_its_notifications(up):
    home = up("lake")
    client(home, "s3").put_object(Bucket=bucket(home), Key="archived/kept", Body=b"data")
    killed = processes.started(home, "aws").process()
    killed.kill()
    killed.wait()
    up("lake")
    found = client(home, "s3").get_object(Bucket=bucket(home), Key="archived/kept")
    assert found["Body"].read() == b"data"
    assert client(home, "s3").get_bucket_versioning(Bucket=bucket(home))["Status"] == "Enabled"
    client(home, "s3").put_object(Bucket=bucket(home), Key="raw/orders/b.csv", Body=b"x")
    assert comes(home, names.QUEUE, "raw/orders/b.csv")


def test_two_lakes_side_by_side_do_not_touch_one_another(up):
    one, other = up("one"), up("other")
    assert one.endpoint_url != other.endpoint_url
    client(one, "s3").put_object(Bucket=bucket(one), Key="raw/orders/a.csv", Body=b"x")
    assert "Contents" not in client(other, "s3").list_objects_v2(Bucket=bucket(other), Prefix="raw/")
    lake.down(one, purge=True)
    assert not one.folder.exists()
    assert lake.status(other)["aws"] == "running"


def test_a_fresh_start_forgets_the_data_and_keeps_the_address(up):
    home = up("lake")
    client(home, "s3").put_object(Bucket=bucket(home), Key="archived/old", Body=b"data")
    address = home.endpoint_url
    lake.up(home, fresh=True, airflow=False)
    assert home.endpoint_url == address
    assert "Contents" not in client(home, "s3").list_objects_v2(Bucket=bucket(home), Prefix="archived/")


def test_ctrl_c_while_it_starts_stops_what_was_started(tmp_path):
    home = Home(tmp_path / "lake")
    script = (
        "import sys; from pathlib import Path; from local import lake; from local.home import Home\n"
        "lake.up(Home(Path(sys.argv[1])), airflow=False, say=lambda text: print(text, flush=True))"
    )
    argv = [sys.executable, "-c", script, str(home.folder)]
    starting = subprocess.Popen(
        argv,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        # what a shell puts into the background ignores Ctrl-C, and so do its children
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert starting.stdout.readline() == "starting the local AWS\n"
    while not processes.running(home, "aws"):
        assert starting.poll() is None
    starting.send_signal(signal.SIGINT)
    starting.communicate(timeout=30)
    assert starting.returncode != 0
    assert processes.left_behind(home) == []


def test_a_template_that_cannot_be_deployed_is_told_by_resource_and_reason(up, monkeypatch, tmp_path):
    home = up("lake")
    broken = tmp_path / "broken.json"
    queue = '{"Type": "AWS::No::Such", "Properties": {}}'
    broken.write_text(
        f'{{"Parameters": {{"Environment": {{"Type": "String"}}, "ArtifactBucket": {{"Type": "String"}}, '
        f'"Release": {{"Type": "String"}}}}, "Resources": {{"Odd": {queue}}}}}'
    )
    monkeypatch.setattr(deploy, "TEMPLATE", broken)
    with pytest.raises(deploy.DeployError, match="No::Such"):
        deploy.deploy(home)
