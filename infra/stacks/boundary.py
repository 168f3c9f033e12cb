"""The permissions boundary: what no role of the lake may ever do, whatever its own policies say.

The delivery stack makes it, under a name that follows from environment and region, so that the other
stacks can put it on their roles; CloudFormation's own role may make no role without it.
"""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import Aws, CfnCondition, Fn
from aws_cdk import aws_iam as iam

from infra.stacks.data_plane import access
from ledgerlake import names


def boundary_arn(environment: str) -> str:
    """Of the boundary of that environment, in the stack's own account and region."""
    name = boundary_name(environment)
    return Fn.join("", ["arn:", Aws.PARTITION, ":iam::", Aws.ACCOUNT_ID, f":policy/{name}"])


def boundary_name(environment: str) -> str:
    """Return the name of the permissions boundary."""
    return f"ledgerlake-boundary-{environment}-{Aws.REGION}"


def bound(stack: cdk.Stack, environment: str, *, only_if: CfnCondition | None = None) -> None:
    """Put the boundary on every role of the stack; call it when all are made.

    Args:
        environment: the stack's parameter.
        only_if: where it is false, the roles have no boundary: on a local AWS there is none.
    """
    arn = boundary_arn(environment)
    value = arn if only_if is None else Fn.condition_if(only_if.logical_id, arn, Aws.NO_VALUE)
    for found in stack.node.find_all():
        if isinstance(found, iam.CfnRole):
            found.add_property_override("PermissionsBoundary", value)


def statements(buckets: list[str]) -> list[iam.PolicyStatement]:
    """Return the statements of the boundary: work on this lake, but no IAM, STS, EC2 or foreign bucket.

    Args:
        buckets: ARNs of the buckets that roles of the lake may read or write at all.
    """
    table = f"table/{names.DATABASE}/*"
    glue = ["catalog", f"database/{names.DATABASE}", table, "job/*", f"crawler/{names.CRAWLER}"]
    return [
        access.allow(["s3:*"], [*buckets, *(f"{bucket}/*" for bucket in buckets)]),
        access.allow(["s3:GetAccountPublicAccessBlock"], ["*"]),  # MWAA asks it of every bucket that it is given
        access.allow(
            ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*"], [access.arn("kms", "key/*")]
        ),
        access.allow(["sqs:*"], [access.arn("sqs", "ecommerce-etl-*"), _celery()]),
        access.allow(["sns:Publish"], [access.arn("sns", names.TOPIC)]),
        access.allow(["glue:*"], [access.arn("glue", each) for each in glue]),
        access.allow(["athena:*"], [access.arn("athena", f"workgroup/{names.WORKGROUP}*")]),
        access.allow(["lambda:InvokeFunction"], [access.arn("lambda", "function:*")]),
        access.allow(
            ["states:*"],
            [access.arn("states", f"{kind}:{names.STATE_MACHINE}*") for kind in ("stateMachine", "execution")],
        ),
        access.allow(
            ["events:PutTargets", "events:PutRule", "events:DescribeRule"],
            [access.arn("events", "rule/StepFunctions*")],
        ),
        access.allow(
            [
                "airflow:PublishMetrics",
                "airflow:InvokeRestApi",
                "airflow:CreateWebLoginToken",
                "airflow:GetEnvironment",
            ],
            [access.arn("airflow", "*")],
        ),
        access.allow(["logs:*"], ["*"]),
        access.allow(["cloudformation:DescribeStacks"], [access.arn("cloudformation", f"stack/{names.STACK}/*")]),
        access.allow(
            [
                "lambda:ListEventSourceMappings",
                "cloudwatch:PutMetricData",
                "cloudwatch:GetMetricData",
                "cloudwatch:DescribeAlarms",
                "cloudwatch:GetDashboard",
                "lakeformation:GetDataAccess",
            ],
            ["*"],
        ),
    ]


def _celery() -> str:
    """Return the ARN of the queue between MWAA's scheduler and workers, which is in an account of AWS."""
    return Fn.join("", ["arn:", Aws.PARTITION, ":sqs:", Aws.REGION, ":*:airflow-celery-*"])
