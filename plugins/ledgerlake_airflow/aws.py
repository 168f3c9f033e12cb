"""The AWS clients of the tasks, through Airflow's connection, and the lake they work on."""

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
    """The process's boto3 client of the service, with the credentials of the connection `aws_default`."""
    return AwsBaseHook(aws_conn_id=CONNECTION, client_type=service, config=client_config()).get_conn()


@cache
def quick(service: str) -> Any:
    """The process's client that gives up soon, for what the run does not wait for."""
    return AwsBaseHook(aws_conn_id=CONNECTION, client_type=service, config=metrics.client_config()).get_conn()


def cloudwatch() -> Any:
    """A client for the figures of a run."""
    return quick("cloudwatch")


@cache
def lake() -> Places:
    """The lake that the settings of this process describe."""
    return Places.of(settings.current())


def pause_of(settings: Settings) -> float:
    """Seconds between two looks of an operator. The provider's hints ask for whole ones; it takes any."""
    return max(_SHORTEST_PAUSE, settings.poll_seconds)
