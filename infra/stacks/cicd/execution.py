"""The role with which CloudFormation makes the lake's stacks, and the boundary of every role that it makes.

It may do anything to what bears the lake's names, and make no role that reaches beyond the boundary; so who may
deploy, from a laptop or from GitHub, can make nothing that may do more than the lake needs.
"""

from __future__ import annotations

from aws_cdk import Aws, Fn
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.functions import FUNCTIONS
from infra.stacks import boundary
from infra.stacks.data_plane import access
from ledgerlake import names
from ledgerlake.contracts import DATASETS

_STACKS = (names.STACK, names.AIRFLOW_STACK, names.GUARDRAILS_STACK)
_TAKERS = ("glue", "lambda", "states", "airflow", "airflow-env", "lakeformation", "vpc-flow-logs")
"""Services to which CloudFormation passes a role of the project."""
_ROLE_WRITES = (
    "iam:CreateRole",
    "iam:PutRolePolicy",
    "iam:DeleteRolePolicy",
    "iam:AttachRolePolicy",
    "iam:DetachRolePolicy",
    "iam:PutRolePermissionsBoundary",
)
_ROLE_REST = (
    "iam:GetRole",
    "iam:GetRolePolicy",
    "iam:ListRolePolicies",
    "iam:ListAttachedRolePolicies",
    "iam:DeleteRole",
    "iam:UpdateRole",
    "iam:UpdateRoleDescription",
    "iam:UpdateAssumeRolePolicy",
    "iam:TagRole",
    "iam:UntagRole",
)
_POLICY = (
    "iam:CreatePolicy",
    "iam:DeletePolicy",
    "iam:GetPolicy",
    "iam:GetPolicyVersion",
    "iam:ListPolicyVersions",
    "iam:CreatePolicyVersion",
    "iam:DeletePolicyVersion",
    "iam:TagPolicy",
    "iam:UntagPolicy",
)
_LOG_DELIVERY = (
    "CreateLogDelivery",
    "GetLogDelivery",
    "UpdateLogDelivery",
    "DeleteLogDelivery",
    "ListLogDeliveries",
    "PutResourcePolicy",
    "DescribeResourcePolicies",
    "DescribeLogGroups",
)


class Execution(Construct):
    """`role`, taken by CloudFormation alone, and the `boundary` that it has to put on each role."""

    def __init__(self, scope: Construct, environment: str, artifacts: str, key: str) -> None:
        """`artifacts`: ARN of the bucket; `key`: of the key that encrypts it."""
        super().__init__(scope, "Execution")
        where = f"{environment}-{Aws.ACCOUNT_ID}-{Aws.REGION}"
        lake, logs = (_bucket(f"{kind}-{where}") for kind in ("ledgerlake", "ledgerlake-logs"))
        self.boundary = iam.ManagedPolicy(
            self,
            "Boundary",
            managed_policy_name=boundary.boundary_name(environment),
            description="What no role of Ledgerlake may exceed; it gives nobody anything by itself.",
            statements=boundary.statements([lake, artifacts]),
        )
        self.role = iam.Role(
            self,
            "Role",
            description="CloudFormation makes the data plane, Airflow and the guardrails with it, and nothing else.",
            assumed_by=iam.ServicePrincipal("cloudformation.amazonaws.com"),
            inline_policies={
                "storage": access.document(*_storage([lake, logs], artifacts, key)),
                "work": access.document(*_work()),
                "airflow": access.document(*_airflow(environment)),
                "guardrails": access.document(*_guardrails()),
                "roles": access.document(*_roles(boundary.boundary_arn(environment))),
            },
        )


def _storage(buckets: list[str], artifacts: str, key: str) -> list[iam.PolicyStatement]:
    """Return access to the buckets without their objects, to keys with the project's tag, to queues and topics."""
    tagged = {"StringEquals": {"aws:RequestTag/Project": "ledgerlake"}}
    tagged_resource = {"StringEquals": {"aws:ResourceTag/Project": "ledgerlake"}}
    keys = access.arn("kms", "key/*")
    return [
        access.allow(["s3:*"], buckets),
        access.allow(["s3:GetObject", "s3:GetObjectVersion"], [f"{artifacts}/*"]),
        access.allow(["s3:ListBucket", "s3:GetBucketLocation"], [artifacts]),
        access.allow(["kms:Decrypt"], [key]),
        access.allow(["kms:CreateKey"], ["*"], conditions=tagged),  # there is no key yet to be named
        access.allow(["kms:TagResource"], [keys], conditions=tagged),
        access.allow(["kms:*"], [keys], conditions=tagged_resource),
        access.allow(
            ["kms:CreateAlias", "kms:UpdateAlias", "kms:DeleteAlias"], [access.arn("kms", "alias/ledgerlake-*")]
        ),
        access.allow(["kms:ListAliases"], ["*"]),  # KMS knows no resource for it
        access.allow(["sqs:*"], [access.arn("sqs", each) for each in (names.QUEUE, names.DEAD_LETTER_QUEUE)]),
        access.allow(["sns:*"], [access.arn("sns", each) for each in (names.TOPIC, names.ALARM_TOPIC)]),
        # a subscription has a name of its own, below its topic's
        access.allow(
            ["sns:Unsubscribe", "sns:GetSubscriptionAttributes"], [access.arn("sns", f"{names.ALARM_TOPIC}:*")]
        ),
    ]


def _work() -> list[iam.PolicyStatement]:
    glue = ["catalog", f"database/{names.DATABASE}", f"table/{names.DATABASE}/*", f"crawler/{names.CRAWLER}"]
    glue += [f"job/{dataset.job}" for dataset in DATASETS.values()]
    check = access.arn("lambda", f"function:{names.CHECK_FUNCTION}")
    mappings = ["lambda:CreateEventSourceMapping", "lambda:UpdateEventSourceMapping", "lambda:DeleteEventSourceMapping"]
    groups = [
        "/aws/lambda/*",
        f"/aws/vendedlogs/states/{names.STATE_MACHINE}*",
        "/ledgerlake/*",
        "airflow-ledgerlake-*",
    ]
    return [
        access.allow(["glue:*"], [access.arn("glue", each) for each in glue]),
        access.allow(["athena:*"], [access.arn("athena", f"workgroup/{names.WORKGROUP}*")]),
        access.allow(["lambda:*"], [access.arn("lambda", f"function:{each.name}") for each in FUNCTIONS]),
        # a mapping has no name: the function that it calls stands for it
        access.allow(mappings, ["*"], conditions={"ArnEquals": {"lambda:FunctionArn": check}}),
        access.allow(
            ["lambda:GetEventSourceMapping", "lambda:ListTags", "lambda:TagResource", "lambda:UntagResource"],
            [access.arn("lambda", "event-source-mapping:*")],
        ),
        access.allow(["states:*"], [access.arn("states", f"stateMachine:{names.STATE_MACHINE}")]),
        access.allow(["events:*"], [access.arn("events", f"rule/{names.STACK}-*")]),
        access.allow(["logs:*"], [access.arn("logs", f"log-group:{each}") for each in groups]),
        # Step Functions and the network ask for the delivery of their logs; CloudWatch Logs knows no resource for it
        access.allow([f"logs:{each}" for each in _LOG_DELIVERY], ["*"]),
        access.allow(
            ["cloudwatch:*"], [access.arn("cloudwatch", f"alarm:{each}*") for each in ("ecommerce-", "ledgerlake-")]
        ),
    ]


def _airflow(environment: str) -> list[iam.PolicyStatement]:
    """MWAA and its network. What EC2 makes has no name before it is there."""
    network = ["vpc", "subnet", "route-table", "security-group", "security-group-rule", "vpc-endpoint", "vpc-flow-log"]
    return [
        access.allow(["airflow:*"], [access.arn("airflow", f"environment/ledgerlake-{environment}")]),
        access.allow(["ec2:*"], [access.arn("ec2", f"{each}/*") for each in [*network, "network-interface"]]),
        access.allow([f"ec2:Describe{each}" for each in _DESCRIBED], ["*"]),  # EC2 knows no resource for looking
        access.allow(
            ["s3:GetEncryptionConfiguration"], [Fn.join("", ["arn:", Aws.PARTITION, ":s3:::ledgerlake-artifacts-*"])]
        ),
    ]


_DESCRIBED = (
    "Vpcs",
    "VpcAttribute",
    "Subnets",
    "RouteTables",
    "SecurityGroups",
    "SecurityGroupRules",
    "VpcEndpoints",
    "VpcEndpointServices",
    "FlowLogs",
    "NetworkInterfaces",
    "AvailabilityZones",
    "PrefixLists",
)


_BUDGET_TAGS = ("TagResource", "UntagResource", "ListTagsForResource")


def _guardrails() -> list[iam.PolicyStatement]:
    dashboards = Fn.join("", ["arn:", Aws.PARTITION, ":cloudwatch::", Aws.ACCOUNT_ID, ":dashboard/ledgerlake-*"])
    budgets = Fn.join("", ["arn:", Aws.PARTITION, ":budgets::", Aws.ACCOUNT_ID, ":budget/ledgerlake-*"])
    lake_formation = (
        "RegisterResource",
        "DeregisterResource",
        "UpdateResource",
        "DescribeResource",
        "GrantPermissions",
        "RevokePermissions",
        "BatchGrantPermissions",
        "BatchRevokePermissions",
        "ListPermissions",
        "GetDataLakeSettings",
        "PutDataLakeSettings",
        "CreateLakeFormationOptIn",
        "DeleteLakeFormationOptIn",
        "ListLakeFormationOptIns",
    )
    return [
        access.allow(
            ["cloudwatch:PutDashboard", "cloudwatch:GetDashboard", "cloudwatch:DeleteDashboards"], [dashboards]
        ),
        access.allow(
            [f"budgets:{each}" for each in ("ModifyBudget", "ViewBudget", *_BUDGET_TAGS)],
            [budgets],
        ),
        # Lake Formation knows no resources; who is its administrator decides beside this
        access.allow([f"lakeformation:{each}" for each in lake_formation], ["*"]),
    ]


def _roles(arn: str) -> list[iam.PolicyStatement]:
    """Roles named after the stacks, and only within the boundary."""
    roles = [_iam(f"role/{stack}-*") for stack in _STACKS]
    services = [f"{service}.amazonaws.com" for service in _TAKERS]
    linked = ("airflow.amazonaws.com", "lakeformation.amazonaws.com")
    return [
        access.allow(_ROLE_WRITES, roles, conditions={"StringEquals": {"iam:PermissionsBoundary": arn}}),
        access.allow(_ROLE_REST, roles),
        access.allow(["iam:PassRole"], roles, conditions={"StringEquals": {"iam:PassedToService": services}}),
        access.allow(_POLICY, [_iam(f"policy/{stack}-*") for stack in _STACKS]),
        access.allow(
            ["iam:CreateServiceLinkedRole"],
            [_iam(f"role/aws-service-role/{each}/*") for each in linked],
            conditions={"StringEquals": {"iam:AWSServiceName": list(linked)}},
        ),
    ]


def _iam(resource: str) -> str:
    return Fn.join("", ["arn:", Aws.PARTITION, ":iam::", Aws.ACCOUNT_ID, f":{resource}"])


def _bucket(name: str) -> str:
    return Fn.join("", ["arn:", Aws.PARTITION, f":s3:::{name}"])
