"""One local AWS for all tests here, in a home of its own; without Postgres and Airflow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from local import local_aws, processes
from local.aws_clients import client_arguments
from local.home import Home

BUCKET = "test-lake"


@pytest.fixture
def home(tmp_path) -> Iterator[Home]:
    """A home in which nothing runs; what a test starts in it is ended after it."""
    made = Home(tmp_path / "home")
    made.folder.mkdir()
    yield made
    processes.end(processes.left_behind(made), patience=1)


@pytest.fixture(scope="session")
def aws_home(tmp_path_factory) -> Iterator[Home]:
    made = Home(tmp_path_factory.mktemp("aws") / "home")
    local_aws.start(made)
    local_aws.wait(made)
    client_of(made, "s3").create_bucket(Bucket=BUCKET)
    client_of(made, "glue").create_database(DatabaseInput={"Name": "shop"})
    client_of(made, "athena").create_work_group(
        Name="shop", Configuration={"ResultConfiguration": {"OutputLocation": f"s3://{BUCKET}/results/"}}
    )
    yield made
    processes.stop(made, "aws")
    assert processes.left_behind(made) == []


@pytest.fixture(scope="session")
def client(aws_home):
    """`client("s3")` and so on, of the local AWS."""
    return lambda service: client_of(aws_home, service)


def client_of(home: Home, service: str) -> Any:
    return boto3.client(service, **client_arguments(home))
