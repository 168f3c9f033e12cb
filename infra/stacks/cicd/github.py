"""The role by which GitHub Actions deploys, for one repository, branch and environment there."""

from __future__ import annotations

from typing import Any, cast

from aws_cdk import Aws, CfnCondition, CfnParameter, Fn, ICfnConditionExpression, RemovalPolicy, Token
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.stacks.cicd.smoke import smoke
from infra.stacks.data_plane import access
from ledgerlake import names

_ISSUER = "token.actions.githubusercontent.com"
_CHANGED = (names.STACK, names.AIRFLOW_STACK, names.GUARDRAILS_STACK)
"""The stacks that are deployed from GitHub. The delivery stack is not: it holds the limits of who deploys."""


class GitHub(Construct):
    """`role`, made only when the parameter GitHubRepository is given."""

    def __init__(self, scope: Construct, environment: str, artifacts: s3.IBucket, execution: iam.IRole) -> None:
        super().__init__(scope, "GitHub")
        repository, branch, github_environment, provider = _parameters(scope)
        self.wanted = CfnCondition(
            scope,
            "DeployedFromGitHub",
            expression=Fn.condition_not(Fn.condition_equals(repository.value_as_string, "")),
        )
        name = f"ledgerlake-{environment}-{Aws.ACCOUNT_ID}-{Aws.REGION}"
        lake = s3.Bucket.from_bucket_name(self, "Lake", name)
        trusted = {
            f"{_ISSUER}:aud": "sts.amazonaws.com",
            f"{_ISSUER}:sub": Fn.join(
                "", ["repo:", repository.value_as_string, ":environment:", github_environment.value_as_string]
            ),
        }
        # A job in an environment has a subject that says nothing of its branch. Where IAM does not hand on this claim,
        # the environment's own rule on GitHub says which branch may use it.
        from_branch = {f"{_ISSUER}:ref": f"refs/heads/{branch.value_as_string}"}
        conditions = {"StringEquals": trusted, "StringEqualsIfExists": from_branch}
        issuer = self._issuer(scope, provider.value_as_string)
        self.role = iam.Role(
            self,
            "DeployRole",
            description="Deploys from GitHub Actions: uploads a release and has CloudFormation apply it.",
            assumed_by=iam.WebIdentityPrincipal(issuer, conditions=conditions),
            inline_policies={
                "deploy": access.document(*_deploy(artifacts, execution)),
                "smoke": access.document(*smoke(environment, lake)),
            },
        )
        cast(iam.CfnRole, self.role.node.default_child).cfn_options.condition = self.wanted

    def _issuer(self, scope: Construct, wanted: str) -> str:
        """ARN of the identity provider. An account has one for all its roles, so it stays when this stack goes."""
        provider = iam.CfnOIDCProvider(self, "Provider", url=f"https://{_ISSUER}", client_id_list=["sts.amazonaws.com"])
        provider.apply_removal_policy(RemovalPolicy.RETAIN)
        made = CfnCondition(
            scope,
            "MakesGitHubProvider",
            expression=Fn.condition_and(
                cast(ICfnConditionExpression, self.wanted), Fn.condition_equals(wanted, "create")
            ),
        )
        provider.cfn_options.condition = made
        there = Fn.join("", ["arn:", Aws.PARTITION, ":iam::", Aws.ACCOUNT_ID, f":oidc-provider/{_ISSUER}"])
        return Token.as_string(Fn.condition_if(made.logical_id, provider.ref, there))


def _parameters(scope: Construct) -> list[CfnParameter]:
    """GitHubRepository, GitHubBranch, GitHubEnvironment, GitHubProvider."""
    described: dict[str, tuple[str, dict[str, Any]]] = {
        "Repository": (
            "owner/name on GitHub; empty: nobody deploys from there.",
            {"default": "", "allowed_pattern": r"|[\w.-]+/[\w.-]+"},
        ),
        "Branch": ("The one branch whose workflow may deploy.", {"default": "main", "allowed_pattern": r"[\w./-]+"}),
        "Environment": (
            "The environment on GitHub that the deploying job names.",
            {"default": "dev", "allowed_pattern": r"[\w.-]+"},
        ),
        "Provider": (
            "Whether the account's identity provider for GitHub is to be made, or exists: there can be only one.",
            {"default": "create", "allowed_values": ["create", "exists"]},
        ),
    }
    parameters = []
    for name, (description, more) in described.items():
        parameter = CfnParameter(scope, f"ParameterGitHub{name}", type="String", description=description, **more)
        parameter.override_logical_id(f"GitHub{name}")
        parameters.append(parameter)
    return parameters


def _deploy(artifacts: s3.IBucket, execution: iam.IRole) -> list[iam.PolicyStatement]:
    """Return the permissions that `ledgerlake deploy` needs; CloudFormation uses its own role for the rest."""
    look = ["DescribeStacks", "DescribeStackEvents", "GetTemplate", "GetTemplateSummary", "ListStackResources"]
    prepare = ["DescribeChangeSet", "DeleteChangeSet", "ExecuteChangeSet"]
    change = ["CreateStack", "UpdateStack", "CreateChangeSet"]
    with_role = {"StringEquals": {"cloudformation:RoleArn": execution.role_arn}}
    return [
        access.allow([f"cloudformation:{each}" for each in look], _stacks(names.DELIVERY_STACK, *_CHANGED)),
        access.allow([f"cloudformation:{each}" for each in prepare], _stacks(*_CHANGED)),
        access.allow([f"cloudformation:{each}" for each in change], _stacks(*_CHANGED), conditions=with_role),
        access.allow(
            ["cloudformation:DeleteStack"],
            _stacks(*_CHANGED),
            # without a role, CloudFormation takes the one by which the stack was made
            conditions={"StringEqualsIfExists": {"cloudformation:RoleArn": execution.role_arn}},
        ),
        access.allow(
            ["iam:PassRole"],
            [execution.role_arn],
            conditions={"StringEquals": {"iam:PassedToService": "cloudformation.amazonaws.com"}},
        ),
        access.allow(["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"], [artifacts.arn_for_objects("*")]),
        access.allow(
            ["s3:ListBucket", "s3:ListBucketVersions", "s3:GetBucketLocation", "s3:GetBucketVersioning"],
            [artifacts.bucket_arn],
        ),
        # what Airflow no longer has is taken from its folder; of a release nothing is ever removed
        access.allow(["s3:DeleteObject"], [artifacts.arn_for_objects("airflow/dags/*")]),
        # in which zones Airflow's network can be; EC2 knows no resource for looking
        access.allow(["ec2:DescribeVpcEndpointServices", "ec2:DescribeAvailabilityZones"], ["*"]),
    ]


def _stacks(*names: str) -> list[str]:
    return [access.arn("cloudformation", f"stack/{name}/*") for name in names]
