"""A versioned bucket in moto, and what is delivered to it."""

from __future__ import annotations

import os

import boto3
import pytest
from moto import mock_aws
from moto.backends import get_backend

BUCKET = "lake"


def _of_this_machine() -> list[str]:
    return [name for name in os.environ if name.startswith(("AWS_", "LEDGERLAKE_", "AIRFLOW__LEDGERLAKE__"))]


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch):
    for name in _of_this_machine():
        monkeypatch.delenv(name)


@pytest.fixture(scope="module")
def _client():
    """One for all tests of a module, as making one takes longer than most tests do."""
    with pytest.MonkeyPatch.context() as patch, mock_aws(config={"core": {"mock_credentials": False}}):
        for name in _of_this_machine():
            patch.delenv(name)
        yield boto3.client("s3", aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1")


@pytest.fixture
def s3(_client):
    """A client of an S3 that holds the empty bucket `lake`."""
    get_backend("s3")["123456789012"]["aws"].reset()
    _client.create_bucket(Bucket=BUCKET)
    _client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    return _client


@pytest.fixture
def deliver(s3):
    """`deliver(key, body)` puts an object and returns its version."""

    def put(key: str, body: bytes = b"x") -> str:
        return s3.put_object(Bucket=BUCKET, Key=key, Body=body)["VersionId"]

    return put
