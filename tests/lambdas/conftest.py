"""A versioned lake bucket in moto, and the Lambda's handler as Lambda would load it."""

import importlib.util
import os
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

HANDLER = Path(__file__).parents[2] / "lambdas" / "archive_etl_files" / "handler.py"
BUCKET = "lake"


@pytest.fixture
def s3(monkeypatch):
    for name in [name for name in os.environ if name.startswith(("AWS_", "LEDGERLAKE_"))]:
        monkeypatch.delenv(name)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("LEDGERLAKE_BUCKET", BUCKET)
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket=BUCKET)
        client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        yield client


@pytest.fixture
def archive_etl_files():
    spec = importlib.util.spec_from_file_location("archive_etl_files", HANDLER)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
