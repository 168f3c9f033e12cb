"""Every setting, its default per environment, and the only reader of the process environment.

A setting `settle_seconds` is read from `LEDGERLAKE_SETTLE_SECONDS`, else from
`AIRFLOW__LEDGERLAKE__SETTLE_SECONDS` (what an MWAA configuration option `ledgerlake.settle_seconds`
becomes), else it has its environment's default.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from math import inf
from typing import get_type_hints

from ledgerlake.errors import SettingsError

ENVIRONMENTS = ("local", "dev", "prod")
GATES = ("loaded", "delivered", "any")
ORCHESTRATORS = ("airflow", "step_functions")


@dataclass(frozen=True)
class Settings:
    """How one lake behaves. Times are in seconds."""

    environment: str = "local"
    account: str = "000000000000"
    region: str = "us-east-1"
    gate: str = "loaded"
    """`loaded`: a dataset is there when a delivery of it waits or its table is loaded;
    `delivered`: when a delivery of it waits; `any`: always."""
    settle_seconds: float = 30
    """A batch is planned when nothing has landed for so long."""
    max_wait_seconds: float = 600
    """… or when the oldest delivery has waited for so long."""
    visibility_seconds: int = 7200
    """A received message stays hidden for so long: longer than a run with all its retries."""
    retry_visibility_seconds: int = 300
    """After a failed run its messages come back in so long."""
    sensor_timeout_seconds: int = 900
    """Without a message, look into raw/ after so long anyway: an event may have been lost."""
    poll_seconds: float = 20
    """Between two looks at a job, query or crawler."""
    lease_seconds: int = 7200
    """A lease that was not renewed for so long may be taken over."""
    task_retries: int = 2
    retry_delay_seconds: int = 60
    job_timeout_minutes: int = 60
    orchestrator: str = "airflow"
    """Who consumes the queue."""
    sweep_minutes: int = 15
    """Step Functions looks into raw/ so often, also when no event has come."""
    date_concurrency: int = 4
    """So many executions by date are started side by side; the lease lets one work at a time."""
    execution_timeout_minutes: int = 360
    outage_seconds: int = 300
    """One part of Airflow, or its database, may be away for so long: that costs time, and no try of a task."""

    def __post_init__(self) -> None:
        """Validate every setting."""
        for name, allowed in (("environment", ENVIRONMENTS), ("gate", GATES), ("orchestrator", ORCHESTRATORS)):
            if getattr(self, name) not in allowed:
                raise SettingsError(f"{name} is {getattr(self, name)!r}", expected=f"one of {', '.join(allowed)}")
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, int | float) and not 0 <= value < inf:
                raise SettingsError(f"{field.name} is {value}", expected="a finite number, not negative")


_DEFAULTS: dict[str, dict[str, object]] = {
    "local": {
        "settle_seconds": 2.0,
        "max_wait_seconds": 120.0,
        "visibility_seconds": 900,
        "retry_visibility_seconds": 15,
        "sensor_timeout_seconds": 300,
        "poll_seconds": 0.3,
        "lease_seconds": 900,
        "task_retries": 2,
        "retry_delay_seconds": 5,
        "job_timeout_minutes": 20,
        "sweep_minutes": 1,
        "execution_timeout_minutes": 60,
    },
    "dev": {"settle_seconds": 10.0},
    "prod": {},
}


def from_environment(environ: Mapping[str, str] | None = None) -> Settings:
    """Return the settings that `environ` (by default the process environment) describes.

    Raises:
        SettingsError: a variable of Ledgerlake is misspelt or has no valid value.
    """
    environ = os.environ if environ is None else environ
    given = {
        name.removeprefix("AIRFLOW__LEDGERLAKE__").lower(): v for name, v in environ.items() if "__LEDGERLAKE__" in name
    }
    given |= {
        name.removeprefix("LEDGERLAKE_").lower(): v for name, v in environ.items() if name.startswith("LEDGERLAKE_")
    }
    given.setdefault("region", environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or Settings.region)
    kinds = get_type_hints(Settings)
    environment = given.get("environment", "local")
    values: dict[str, object] = dict(_DEFAULTS.get(environment, {}))
    for name, text in given.items():
        if name in _NOT_SETTINGS:
            continue
        if name not in kinds:
            raise SettingsError(f"LEDGERLAKE_{name.upper()} is set", expected=f"one of {', '.join(kinds)}")
        try:
            values[name] = kinds[name](text)
        except ValueError as error:
            raise SettingsError(f"{name} is {text!r}", expected=f"a value of type {kinds[name].__name__}") from error
    return Settings(**values)  # type: ignore[arg-type]


ADDRESSES = ("aws_url", "aws_access_key", "airflow_url", "airflow_browser_url", "airflow_password", "trino_url")
_NOT_SETTINGS = {"home", "bucket", "mwaa_environment", *ADDRESSES}  # each has a function of its own below


@cache
def current() -> Settings:
    """Return the settings of this process, read once."""
    return from_environment()


def state_folder(default: str) -> str:
    """`LEDGERLAKE_HOME`: where a local lake keeps its state."""
    return os.environ.get("LEDGERLAKE_HOME") or default


def addresses(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Those of `ADDRESSES` that are set (`LEDGERLAKE_AWS_URL` …): where a local lake is that others run."""
    environ = os.environ if environ is None else environ
    found = {name: environ.get(f"LEDGERLAKE_{name.upper()}") for name in ADDRESSES}
    return {name: value for name, value in found.items() if value}


def lake_bucket(environ: Mapping[str, str] | None = None) -> str | None:
    """`LEDGERLAKE_BUCKET`, as Lambdas are given it; None where it follows from the settings."""
    environ = os.environ if environ is None else environ
    return environ.get("LEDGERLAKE_BUCKET") or environ.get("AIRFLOW__LEDGERLAKE__BUCKET")


def state_machine_arn(environ: Mapping[str, str] | None = None) -> str:
    """`STATE_MACHINE_ARN`, as the Lambda that starts executions is given it.

    Raises:
        SettingsError: it is not set.
    """
    return _given("STATE_MACHINE_ARN", environ)


def topic_arn(environ: Mapping[str, str] | None = None) -> str:
    """`TOPIC_ARN`, as the Lambda that publishes notifications is given it.

    Raises:
        SettingsError: it is not set.
    """
    return _given("TOPIC_ARN", environ)


def _given(name: str, environ: Mapping[str, str] | None) -> str:
    value = (os.environ if environ is None else environ).get(name)
    if not value:
        raise SettingsError(f"{name} is not set", expected="the ARN that the template gives the Lambda")
    return value


def mwaa_environment(environment: str) -> str:
    """`LEDGERLAKE_MWAA_ENVIRONMENT`: what the Airflow of `environment` is called on MWAA."""
    return os.environ.get("LEDGERLAKE_MWAA_ENVIRONMENT") or mwaa_name(environment)


def mwaa_name(environment: str) -> str:
    """Return the name that the template gives to the MWAA environment of `environment`."""
    return f"ledgerlake-{environment}"
