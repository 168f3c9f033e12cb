"""A versioned bucket in moto, and what is delivered to it."""

from __future__ import annotations

import os

import boto3
import pytest
from moto import mock_aws

BUCKET = "lake"


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch):
    for name in [name for name in os.environ if name.startswith(("AWS_", "LEDGERLAKE_", "AIRFLOW__LEDGERLAKE__"))]:
        monkeypatch.delenv(name)


@pytest.fixture
def s3(monkeypatch):
    """A client of an S3 that holds the empty bucket `lake`."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket=BUCKET)
        client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        yield client


@pytest.fixture
def deliver(s3):
    """`deliver(key, body)` puts an object and returns its version."""

    def put(key: str, body: bytes = b"x") -> str:
        return s3.put_object(Bucket=BUCKET, Key=key, Body=body)["VersionId"]

    return put
