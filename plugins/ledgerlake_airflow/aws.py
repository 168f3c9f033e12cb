"""AWS clients of the tasks, made from Airflow's connection, and the lake they work on."""

from __future__ import annotations

from functools import cache
from typing import Any

from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook

from ledgerlake import settings
from ledgerlake.names import Places
from ledgerlake.reporting import metrics
from ledgerlake.settings import Settings
from ledgerlake.storage.objects import client_config

CONNECTION = "aws_default"
_SHORTEST_PAUSE = 0.2


@cache
def client(service: str) -> Any:
    """Return the process's boto3 client of the service, with the credentials of the connection `aws_default`."""
    return AwsBaseHook(aws_conn_id=CONNECTION, client_type=service, config=client_config()).get_conn()


@cache
def quick(service: str) -> Any:
    """Return the process's client with short timeouts, for calls that must not delay a run."""
    return AwsBaseHook(aws_conn_id=CONNECTION, client_type=service, config=metrics.client_config()).get_conn()


def cloudwatch() -> Any:
    """Return a CloudWatch client for the metrics of a run."""
    return quick("cloudwatch")


@cache
def lake() -> Places:
    """Return the lake that the settings of this process describe."""
    return Places.of(settings.current())


def pause_of(settings: Settings) -> float:
    """Return the seconds between two polls of an operator. The provider's type hints say int, but it accepts floats."""
    return max(_SHORTEST_PAUSE, settings.poll_seconds)
