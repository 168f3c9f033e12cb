"""The delivery stack: where releases are kept, and who may deploy them. An administrator deploys it, once.

Everything that limits a deployment is in it: the role of CloudFormation, the boundary of every role, and the role
that GitHub takes. So neither of those may change it.
"""

from __future__ import annotations

import aws_cdk as cdk
from constructs import Construct

from infra.environments import ENVIRONMENTS
from infra.stacks.cicd.bucket import Artifacts
from infra.stacks.cicd.execution import Execution
from infra.stacks.cicd.github import GitHub
from infra.stacks.tags import tag
from ledgerlake import names


class Delivery(cdk.Stack):
    """Artifact bucket, CloudFormation's role with its boundary, and the role of GitHub Actions."""

    def __init__(self, scope: Construct) -> None:
        super().__init__(
            scope,
            names.DELIVERY_STACK,
            description="Ledgerlake's releases, and who may deploy them.",
            synthesizer=cdk.DefaultStackSynthesizer(generate_bootstrap_version_rule=False),
        )
        parameter = cdk.CfnParameter(
            self,
            "ParameterEnvironment",
            type="String",
            description="The rented environment; part of every bucket's name.",
            allowed_values=list(ENVIRONMENTS),
        )
        parameter.override_logical_id("Environment")
        environment = parameter.value_as_string
        artifacts = Artifacts(self, environment)
        execution = Execution(self, environment, artifacts.bucket.bucket_arn, artifacts.key.key_arn)
        github = GitHub(self, environment, artifacts.bucket, execution.role)
        tag(self, environment)
        self._output("ArtifactBucket", artifacts.bucket.bucket_name)
        self._output("CloudFormationRoleArn", execution.role.role_arn)
        self._output("BoundaryArn", execution.boundary.managed_policy_arn)
        self._output("DeployRoleArn", github.role.role_arn, github.wanted)

    def _output(self, name: str, value: str, condition: cdk.CfnCondition | None = None) -> None:
        cdk.CfnOutput(self, f"Output{name}", value=value, condition=condition).override_logical_id(name)
