"""One lake to talk to: the local one, or the one of a real account. Commands do not know which."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import boto3
import typer
from botocore.config import Config

from cli.failures import LakeUnavailable
from ledgerlake.names import Places
from ledgerlake.settings import ENVIRONMENTS, Settings, from_environment, mwaa_environment
from local.home import Home

_CONFIG = Config(retries={"mode": "standard", "max_attempts": 4}, connect_timeout=5, read_timeout=60)


@dataclass(frozen=True)
class Connection:
    """Clients and names of one lake.

    Args:
        home: of a local lake; None for one in a real account.
        mwaa_environment: the name of the account's Airflow.
    """

    settings: Settings
    session: boto3.Session
    home: Home | None = None
    mwaa_environment: str = ""

    @property
    def endpoint_url(self) -> str | None:
        """Return the URL of the local AWS; None for the real one."""
        return self.home.endpoint_url if self.home else None

    @cached_property
    def places(self) -> Places:
        """Return the names of the lake's resources."""
        return Places.of(self.settings, self.endpoint_url)

    @property
    def bucket(self) -> str:
        """Return the name of the lake's bucket."""
        return self.places.bucket

    def client(self, service: str) -> Any:
        """Return a boto3 client of that service."""
        return self.session.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.endpoint_url,
            config=_CONFIG,
        )

    @cached_property
    def s3(self) -> Any:
        """Return an S3 client of the lake."""
        return self.client("s3")


@dataclass(frozen=True)
class Choice:
    """What the global options say: which lake, and under what name its Airflow is found on MWAA."""

    environment: str = ENVIRONMENTS[0]
    mwaa_environment: str | None = None


def connect(choice: Choice) -> Connection:
    """Return the lake that was chosen.

    Raises:
        LakeUnavailable: the local lake does not run.
    """
    return _local() if choice.environment == "local" else _account(choice)


def of(ctx: typer.Context) -> Connection:
    """Return the connection that the global options ask for."""
    return connect(ctx.obj or Choice())


def environment(ctx: typer.Context) -> str:
    """Return the environment that the global options name."""
    return (ctx.obj or Choice()).environment


def up_command(home: Home) -> str:
    """Return what starts the lake of that home."""
    return "docker compose up -d --wait" if home.addresses else "ledgerlake up"


def _local() -> Connection:
    home = Home.current()
    if not home.answering():
        where = home.endpoint_url if home.addresses else home.folder
        raise LakeUnavailable(
            f"the local lake {'at' if home.addresses else 'in'} {where} is not up", remedy=up_command(home)
        )
    variables = home.environment()
    session = boto3.Session(
        aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
        region_name=variables["AWS_DEFAULT_REGION"],
    )
    return Connection(from_environment(variables), session, home)


def _account(choice: Choice) -> Connection:
    session = boto3.Session()
    settings = from_environment({"LEDGERLAKE_ENVIRONMENT": choice.environment})
    region = session.region_name or settings.region
    account = session.client("sts", region_name=region, config=_CONFIG).get_caller_identity()["Account"]
    airflow = choice.mwaa_environment or mwaa_environment(choice.environment)
    return Connection(replace(settings, account=account, region=region), session, mwaa_environment=airflow)
