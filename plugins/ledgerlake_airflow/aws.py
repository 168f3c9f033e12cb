"""The AWS clients of the tasks, through Airflow's connection, and the lake they work on."""

from __future__ import annotations

from functools import cache
from typing import Any

from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook

from ledgerlake import lease, settings
from ledgerlake.errors import LeaseTaken
from ledgerlake.places import Places
from ledgerlake_airflow import HOLDER

CONNECTION = "aws_default"


def client(service: str) -> Any:
    """A boto3 client with the credentials of the connection `aws_default`."""
    return AwsBaseHook(aws_conn_id=CONNECTION, client_type=service).get_conn()


@cache
def lake() -> Places:
    """The lake that the settings of this process describe."""
    return Places.of(settings.current())


def hold_lease() -> None:
    """Take the lease for this DAG, or renew it; tasks side by side may renew it at the same moment.

    Raises:
        LeaseTaken: another orchestrator, or a person, is at work on the lake.
    """
    s3, bucket = client("s3"), lake().bucket
    try:
        lease.acquire(s3, bucket, HOLDER, settings.current().lease_seconds)
    except LeaseTaken:
        held = lease.show(s3, bucket)
        if held is None or held.holder != HOLDER:
            raise


def release_lease() -> bool:
    """Give the lease back; False when this DAG did not have it."""
    return lease.release(client("s3"), lake().bucket, HOLDER)
