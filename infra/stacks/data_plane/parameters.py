"""What a deployment says about itself: the template's parameters and what follows from them."""

from __future__ import annotations

from typing import Any

from aws_cdk import Aws, CfnCondition, CfnMapping, CfnParameter, Fn, Token
from constructs import Construct

from ledgerlake import settings


class Parameters(Construct):
    """Environment, ArtifactBucket, Release and Orchestrator, and the settings of that environment.

    `rented` is the condition that it is an environment of the real AWS.
    """

    def __init__(self, scope: Construct) -> None:
        super().__init__(scope, "Parameters")
        self._environment = _parameter(
            scope,
            "Environment",
            "Which defaults of ledgerlake.settings hold, and part of every bucket's name.",
            allowed_values=list(settings.ENVIRONMENTS),
        )
        self._artifacts = _parameter(
            scope, "ArtifactBucket", "The bucket, made before this stack, that holds the release."
        )
        self._release = _parameter(
            scope,
            "Release",
            "The release (infra/release/packaging.py) whose scripts, wheel and zips run.",
            allowed_pattern="[0-9a-f]{16}",
            constraint_description="must be a release's name: 16 hexadecimal digits",
        )
        self._orchestrator = _parameter(
            scope,
            "Orchestrator",
            "Who consumes the queue: Airflow's sensor, or the Lambda that starts executions of the state machine.",
            allowed_values=list(settings.ORCHESTRATORS),
            default=settings.Settings.orchestrator,
        )
        self.rented = CfnCondition(
            scope, "Rented", expression=Fn.condition_not(Fn.condition_equals(self.environment, "local"))
        )
        self._settings = CfnMapping(
            scope, "Settings", mapping={name: _settings(name) for name in settings.ENVIRONMENTS}
        )

    @property
    def environment(self) -> str:
        """The environment's name."""
        return self._environment.value_as_string

    @property
    def orchestrator(self) -> str:
        """The orchestrator that consumes the queue."""
        return self._orchestrator.value_as_string

    @property
    def artifact_bucket(self) -> str:
        """The bucket of the release."""
        return self._artifacts.value_as_string

    def artifact_key(self, key: str) -> str:
        """Return the key of one of the release's artefacts; `key` as in `infra.release.packaging`."""
        return f"{self._release.value_as_string}/{key}"

    def artifact_uri(self, key: str) -> str:
        """Return the S3 URI of one of the release's artefacts."""
        return f"s3://{self.artifact_bucket}/{self.artifact_key(key)}"

    def setting(self, name: str) -> float:
        """Return a numeric setting of the deployed environment."""
        return Token.as_number(Fn.find_in_map(self._settings.logical_id, self.environment, name))

    def setting_text(self, name: str) -> str:
        """Return a setting of the deployed environment as text."""
        return Fn.find_in_map(self._settings.logical_id, self.environment, name)

    def bucket_name(self, kind: str) -> str:
        """`ledgerlake-<environment>-<account>-<region>`, as `ledgerlake.keys` says."""
        return f"{kind}-{self.environment}-{Aws.ACCOUNT_ID}-{Aws.REGION}"


def _parameter(scope: Construct, name: str, description: str, **more: Any) -> CfnParameter:
    parameter = CfnParameter(scope, f"Parameter{name}", type="String", description=description, **more)
    parameter.override_logical_id(name)
    return parameter


def _settings(environment: str) -> dict[str, str]:
    values = settings.from_environment({"LEDGERLAKE_ENVIRONMENT": environment})
    return {
        "VisibilitySeconds": str(values.visibility_seconds),
        "JobTimeoutMinutes": str(values.job_timeout_minutes),
        "PollSeconds": str(max(1, round(values.poll_seconds))),
        "RetryDelaySeconds": str(values.retry_delay_seconds),
        "SweepRate": _rate(values.sweep_minutes),
    }


def _rate(minutes: int) -> str:
    """As EventBridge asks for it, which refuses `rate(1 minutes)`."""
    return f"rate({minutes} minute{'' if minutes == 1 else 's'})"
