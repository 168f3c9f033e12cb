"""The command on a lake in moto, whose Athena answers what the test says."""

import os
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from moto import mock_aws
from typer.testing import CliRunner

from cli import connection
from cli.main import app
from ledgerlake import places
from ledgerlake.settings import from_environment


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


@dataclass(frozen=True)
class Lake(connection.Connection):
    """A connection with a made-up Athena; the other services are moto's."""

    athena: Athena = field(default_factory=Athena)

    def client(self, service: str) -> Any:
        return self.athena if service == "athena" else super().client(service)


@pytest.fixture
def lake(monkeypatch):
    for name in [name for name in os.environ if name.startswith(("AWS_", "LEDGERLAKE_"))]:
        monkeypatch.delenv(name)
    with mock_aws():
        session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")
        made = Lake(from_environment({"LEDGERLAKE_ACCOUNT": "123456789012"}), session)
        made.s3.create_bucket(Bucket=made.bucket)
        made.s3.put_bucket_versioning(Bucket=made.bucket, VersioningConfiguration={"Status": "Enabled"})
        made.client("sqs").create_queue(QueueName=places.QUEUE)
        monkeypatch.setattr(connection, "connect", lambda environment: made)
        yield made


@pytest.fixture
def ledgerlake():
    """Run the command; returns click's result, with stdout and stderr apart."""

    def run(*argv):
        return CliRunner().invoke(app, [str(each) for each in argv])

    return run
