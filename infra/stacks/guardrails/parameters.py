"""Parameters of the guardrails stack, and the limits that `infra.environments` gives its environment."""

from __future__ import annotations

from typing import Any

from aws_cdk import Aws, CfnCondition, CfnMapping, CfnParameter, Fn, Token
from constructs import Construct

from infra.environments import ENVIRONMENTS, Environment


class GuardrailsParameters(Construct):
    """Environment; the outputs of other stacks by ARN; TablesLoaded; and the limits."""

    def __init__(self, scope: Construct) -> None:
        super().__init__(scope, "Parameters")
        self.environment = _parameter(
            scope, "Environment", "Whose limits hold; part of every name.", allowed_values=list(ENVIRONMENTS)
        )
        self.lake_key = _arn(scope, "LakeKeyArn", "Key of the lake: an output of the data plane.", "kms")
        self.crawler_role = _arn(scope, "CrawlerRoleArn", "Role of the crawler: an output of the data plane.", "iam")
        self.deployer = _arn(
            scope,
            "CloudFormationRoleArn",
            "The role that deploys this stack, an output of the delivery stack: it administers Lake Formation here.",
            "iam",
        )
        loaded = _parameter(
            scope,
            "TablesLoaded",
            "Whether the first batch has been loaded: Lake Formation grants columns of tables that are there, "
            "so analysts see nothing before.",
            allowed_values=["no", "yes"],
            default="no",
        )
        self.tables_loaded = CfnCondition(scope, "TablesAreThere", expression=Fn.condition_equals(loaded, "yes"))
        self._limits = CfnMapping(scope, "Limits", mapping={each.name: _limits(each) for each in ENVIRONMENTS.values()})
        self.has_address = CfnCondition(
            scope, "SomebodyIsTold", expression=Fn.condition_not(Fn.condition_equals(self.text("Notify"), ""))
        )

    def text(self, limit: str) -> str:
        """Return a parameter or limit as text."""
        return Fn.find_in_map(self._limits.logical_id, self.environment, limit)

    def number(self, limit: str) -> float:
        """Return a limit as a number."""
        return Token.as_number(self.text(limit))

    def bucket_name(self) -> str:
        """Of the lake, as `ledgerlake.keys` says."""
        return f"ledgerlake-{self.environment}-{Aws.ACCOUNT_ID}-{Aws.REGION}"


def _parameter(scope: Construct, name: str, description: str, **more: Any) -> str:
    parameter = CfnParameter(scope, f"Parameter{name}", type="String", description=description, **more)
    parameter.override_logical_id(name)
    return parameter.value_as_string


def _arn(scope: Construct, name: str, description: str, service: str) -> str:
    return _parameter(scope, name, description, allowed_pattern=f"arn:aws[a-z-]*:{service}:.+")


def _limits(environment: Environment) -> dict[str, str]:
    limits = environment.guardrails
    return {
        "MonthlyBudget": str(limits.monthly_budget),
        "Notify": limits.notify or "",
        "OldestDeliverySeconds": str(60 * limits.oldest_delivery_minutes),
        "RejectShare": str(limits.reject_share),
    }
