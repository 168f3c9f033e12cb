"""The command on a lake in moto, whose Athena answers what the test says."""

import os
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from moto import mock_aws
from typer.testing import CliRunner

from cli.clients import connection
from cli.main import app
from ledgerlake import names
from ledgerlake.settings import from_environment
from tests.cli.managed_airflow import NAME, ManagedAirflow, Raw


class Athena:
    """Answers every query with `pages` of (columns, rows), or fails with `reason`."""

    def __init__(self):
        self.columns, self.pages, self.reason, self.asked = ["a"], [[]], None, []
        self.types = {}

    def start_query_execution(self, **request):
        self.asked.append(request)
        return {"QueryExecutionId": "1"}

    def get_query_execution(self, **_):
        status = {"State": "FAILED", "StateChangeReason": self.reason} if self.reason else {"State": "SUCCEEDED"}
        return {"QueryExecution": {"Status": status}}

    def get_paginator(self, _):
        return self

    def paginate(self, **_):
        columns = [{"Name": name, "Type": self.types.get(name, "varchar")} for name in self.columns]
        for number, page in enumerate(self.pages):
            rows = [self.columns, *page] if number == 0 else page
            data = [{"Data": [{} if cell is None else {"VarCharValue": cell} for cell in row]} for row in rows]
            yield {"ResultSet": {"ResultSetMetadata": {"ColumnInfo": columns}, "Rows": data}}


class Stack:
    """The data plane's stack: its parameters, and no more."""

    def __init__(self):
        self.parameters = {"Environment": "dev", "Orchestrator": "airflow"}

    def describe_stacks(self, **_):
        given = [{"ParameterKey": name, "ParameterValue": value} for name, value in self.parameters.items()]
        return {"Stacks": [{"Parameters": given}]}

    def update_stack(self, **request):
        assert request["UsePreviousTemplate"]
        given = {each["ParameterKey"]: each for each in request["Parameters"]}
        assert given.keys() == self.parameters.keys(), "a parameter that is not named falls back to its default"
        self.parameters |= {name: each["ParameterValue"] for name, each in given.items() if "ParameterValue" in each}

    def get_waiter(self, name):
        assert name == "stack_update_complete"
        return self

    def wait(self, **_):
        return None


def unknown_action(**_):
    error = {"Code": "InvalidAction", "Message": "The action StartMessageMoveTask is not valid for this endpoint."}
    parsed = {"Error": error, "ResponseMetadata": {"HTTPStatusCode": 400}}
    return AWSResponse("https://sqs", 400, {}, Raw()), parsed


@dataclass(frozen=True)
class Lake(connection.Connection):
    """A connection with a made-up Athena and Airflow; the other services are moto's."""

    athena: Athena = field(default_factory=Athena)
    airflow: ManagedAirflow = field(default_factory=ManagedAirflow)
    stack: Stack = field(default_factory=Stack)
    mwaa_environment: str = NAME

    def client(self, service: str) -> Any:
        if service == "mwaa":
            return self.airflow.client(self.session)
        if service == "athena":
            return self.athena
        if service == "cloudformation":
            return self.stack
        client = super().client(service)
        if service == "sqs":  # as the local AWS answers; moto would end the test
            client.meta.events.register("before-call.sqs.StartMessageMoveTask", unknown_action)
        return client


@pytest.fixture
def lake(monkeypatch):
    for name in [name for name in os.environ if name.startswith(("AWS_", "LEDGERLAKE_"))]:
        monkeypatch.delenv(name)
    with mock_aws():
        session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")
        made = Lake(from_environment({"LEDGERLAKE_ACCOUNT": "123456789012"}), session)
        made.s3.create_bucket(Bucket=made.bucket)
        made.s3.put_bucket_versioning(Bucket=made.bucket, VersioningConfiguration={"Status": "Enabled"})
        for name in (names.QUEUE, names.DEAD_LETTER_QUEUE):
            made.client("sqs").create_queue(QueueName=name)
        monkeypatch.setattr(connection, "connect", lambda environment: made)
        yield made


@pytest.fixture
def ledgerlake():
    """Run the command; returns click's result, with stdout and stderr apart."""

    def run(*argv):
        return CliRunner().invoke(app, [str(each) for each in argv])

    return run
