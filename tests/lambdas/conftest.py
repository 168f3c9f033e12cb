"""A versioned lake bucket in moto, the state machine and the topic beside it, and handlers as Lambda loads them."""

import importlib.util
import json
import os
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import boto3
import pytest
from moto import mock_aws
from moto.moto_api import state_manager

from ledgerlake import keys, names
from ledgerlake.contracts import DATASETS

LAMBDAS = Path(__file__).parents[2] / "lambdas"
BUCKET = "lake"
ACCOUNT = "123456789012"  # moto's
KEYS = ("raw/products/p.csv", "raw/orders/o.csv", "raw/order_items/i.csv")


_make_client = boto3.client


@cache
def _client(name):
    """One for all tests, as making one takes longer than most tests do."""
    return _make_client(name, aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")


@pytest.fixture
def s3(monkeypatch):
    for name in [name for name in os.environ if name.startswith(("AWS_", "LEDGERLAKE_"))]:
        monkeypatch.delenv(name)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("LEDGERLAKE_BUCKET", BUCKET)
    with mock_aws():
        client = _client("s3")
        client.create_bucket(Bucket=BUCKET)
        client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        yield client


def load(name):
    spec = importlib.util.spec_from_file_location(name, LAMBDAS / name / "handler.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def archive_etl_files():
    return load("archive_etl_files")


class Cloud:
    """The lake's AWS in memory, and short words for what tests do with it."""

    def __init__(self, s3):
        self.s3, self.bucket = s3, BUCKET
        self.sqs, self.sns, self.states = (boto3.client(name) for name in ("sqs", "sns", "stepfunctions"))
        self.machine = self.states.create_state_machine(
            name=names.STATE_MACHINE,
            definition=json.dumps({"StartAt": "End", "States": {"End": {"Type": "Succeed"}}}),
            roleArn=f"arn:aws:iam::{ACCOUNT}:role/states",
        )["stateMachineArn"]
        self.topic = self.sns.create_topic(Name=names.TOPIC)["TopicArn"]
        self._notifications = self.sqs.create_queue(QueueName="notifications")["QueueUrl"]
        arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:notifications"
        self.sns.subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=arn)

    def put(self, *keys, body=b"id\n1\n"):
        for key in keys:
            self.s3.put_object(Bucket=BUCKET, Key=key, Body=body)

    def load(self, *datasets):
        """Let the tables be there; all, if none is named."""
        for name in datasets or DATASETS:
            self.put(f"{keys.table_prefix(name)}_delta_log/0.json")

    def archive(self, *keys):
        """Have the files taken out of `raw/`, for a test that needs no archive."""
        for key in keys:
            self.s3.delete_object(Bucket=BUCKET, Key=key)

    def executions(self):
        """By name: the input of each execution, oldest first."""
        listed = self.states.list_executions(stateMachineArn=self.machine)["executions"]
        names = [each["name"] for each in sorted(listed, key=lambda each: each["startDate"])]
        return {name: json.loads(self._execution(name)["input"]) for name in names}

    def start(self, name):
        """Have an execution run that somebody else started."""
        self.states.start_execution(stateMachineArn=self.machine, name=name, input="{}")

    def run_job(self, batch_id):
        """Let Glue run a job, whatever has started it."""
        state_manager.set_transition("glue::job_run", {"progression": "manual", "times": 100})
        glue = boto3.client("glue")
        command = {"Name": "glueetl", "ScriptLocation": "s3://artifacts/orders_etl.py"}
        glue.create_job(Name="orders_etl", Role="glue", Command=command)
        return glue.start_job_run(JobName="orders_etl", Arguments={"--batch_id": batch_id})["JobRunId"]

    def end(self, name):
        self.states.stop_execution(executionArn=self._arn(name))

    def notifications(self):
        """(Subject, Message) of each, also of those that were read before."""
        answer = self.sqs.receive_message(QueueUrl=self._notifications, MaxNumberOfMessages=10, VisibilityTimeout=0)
        said = [json.loads(message["Body"]) for message in answer.get("Messages", [])]
        return [(each["Subject"], each["Message"]) for each in said]

    def _arn(self, name):
        return f"{self.machine.replace(':stateMachine:', ':execution:')}:{name}"

    def _execution(self, name):
        return self.states.describe_execution(executionArn=self._arn(name))


@pytest.fixture
def cloud(s3, monkeypatch):
    """An empty lake for which Step Functions works, and in which a delivery is planned in the second it landed."""
    monkeypatch.setattr(boto3, "client", lambda name, **_: _client(name))
    made = Cloud(s3)
    for module in ("batch", "by_date"):
        monkeypatch.setattr(f"ledgerlake.planning.{module}.is_final", lambda *_: True)
    monkeypatch.setenv("LEDGERLAKE_ENVIRONMENT", "local")
    monkeypatch.setenv("LEDGERLAKE_ORCHESTRATOR", "step_functions")
    monkeypatch.setenv("LEDGERLAKE_SETTLE_SECONDS", "0")
    monkeypatch.setenv("STATE_MACHINE_ARN", made.machine)
    monkeypatch.setenv("TOPIC_ARN", made.topic)
    return made


@pytest.fixture
def invoke():
    """`invoke(lambda, event)` calls the handler with JSON, as AWS does, and gives its answer as JSON."""
    modules = {}

    def called(name, event, request_id="r-1", seconds=900):
        module = modules.setdefault(name, load(name))
        context = SimpleNamespace(
            aws_request_id=request_id,
            invoked_function_arn=f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:Any",
            get_remaining_time_in_millis=lambda: seconds * 1000,
        )
        return json.loads(json.dumps(module.handler(json.loads(json.dumps(event)), context)))

    return called
