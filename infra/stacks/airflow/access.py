"""Airflow's key and its execution role: what MWAA's user guide asks for, and the policy of the orchestrator."""

from __future__ import annotations

from aws_cdk import Aws, Fn, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from infra.release.distribution import AIRFLOW
from infra.stacks.airflow.parameters import AirflowParameters
from infra.stacks.data_plane import access

PRINCIPALS = ("airflow-env.amazonaws.com", "airflow.amazonaws.com")
_LOGS = (
    "logs:CreateLogGroup",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "logs:GetLogEvents",
    "logs:GetLogRecord",
    "logs:GetLogGroupFields",
    "logs:GetQueryResults",
)
_QUEUE = (
    "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:GetQueueUrl",
    "sqs:ReceiveMessage",
    "sqs:SendMessage",
)


class AirflowKey(Construct):
    """The key of Airflow's database, queue and logs; no row of the lake is ever under it."""

    def __init__(self, scope: Construct, parameters: AirflowParameters) -> None:
        super().__init__(scope, "AirflowKey")
        self.key = kms.Key(
            self,
            "Key",
            alias=f"alias/ledgerlake-{parameters.environment}-airflow",
            description="Ledgerlake: Airflow's database, queue and logs",
            enable_key_rotation=True,
            # it is of no use without the environment, and KMS itself keeps it for 30 days
            removal_policy=RemovalPolicy.DESTROY,
        )
        groups = [f"log-group:airflow-{parameters.name}-*", f"log-group:/ledgerlake/{parameters.environment}/*"]
        self.key.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AllowLogsOfAirflowAndItsNetwork",
                principals=[iam.ServicePrincipal(f"logs.{Aws.REGION}.{Aws.URL_SUFFIX}")],
                actions=["kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"],
                resources=["*"],
                conditions={
                    "ArnLike": {"kms:EncryptionContext:aws:logs:arn": [access.arn("logs", each) for each in groups]}
                },
            )
        )


class ExecutionRole(Construct):
    """`role`: what the processes of Airflow, and so the DAGs, may do."""

    def __init__(self, scope: Construct, parameters: AirflowParameters, key: kms.IKey) -> None:
        super().__init__(scope, "ExecutionRole")
        conditions = access.on_behalf_of(parameters.arn)
        self.role = iam.Role(
            self,
            "Role",
            description="Airflow of Ledgerlake: MWAA's own needs, and the policy of the orchestrator.",
            assumed_by=iam.CompositePrincipal(
                *(iam.ServicePrincipal(each, conditions=conditions) for each in PRINCIPALS)
            ),
            managed_policies=[
                iam.ManagedPolicy.from_managed_policy_arn(self, "Orchestrator", parameters.orchestrator_policy)
            ],
            inline_policies={"Mwaa": access.document(*_files(parameters), *_service(parameters, key))},
        )


def _files(parameters: AirflowParameters) -> list[iam.PolicyStatement]:
    bucket = Fn.join("", ["arn:", Aws.PARTITION, ":s3:::", parameters.artifact_bucket])
    return [
        access.allow(["s3:GetObject*"], [f"{bucket}/{AIRFLOW}*"]),
        access.allow(["s3:GetBucket*", "s3:GetEncryptionConfiguration", "s3:ListBucket*"], [bucket]),
        access.allow(["s3:GetAccountPublicAccessBlock"], ["*"]),  # MWAA starts on a private bucket only
    ]


def _service(parameters: AirflowParameters, key: kms.IKey) -> list[iam.PolicyStatement]:
    # the queue of Celery is in an account of MWAA's own, whose number it does not tell
    queues = Fn.join("", ["arn:", Aws.PARTITION, ":sqs:", Aws.REGION, ":*:airflow-celery-*"])
    through = [Fn.join("", [f"{service}.", Aws.REGION, ".", Aws.URL_SUFFIX]) for service in ("s3", "sqs")]
    return [
        access.allow(["airflow:PublishMetrics"], [parameters.arn]),
        access.allow(_LOGS, [access.arn("logs", f"log-group:airflow-{parameters.name}-*")]),
        access.allow(["logs:DescribeLogGroups"], ["*"]),
        access.allow(["cloudwatch:PutMetricData"], ["*"]),
        access.allow(_QUEUE, [queues]),
        access.allow(
            ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey*", "kms:Encrypt"],
            [key.key_arn],
            conditions={"StringLike": {"kms:ViaService": through}},
        ),
    ]
