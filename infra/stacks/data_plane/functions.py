"""The Lambda functions, each with a log and a role of its own that reaches what its work needs, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra import functions
from infra.functions import Function
from infra.release.packaging import lambda_key
from infra.stacks.data_plane import access
from infra.stacks.data_plane.catalogue import catalogue_arns
from infra.stacks.data_plane.messages import Messages
from infra.stacks.data_plane.parameters import Parameters
from ledgerlake import keys, names
from ledgerlake.contracts import DATASETS

_ARCHIVE = (*access.READ_VERSIONS, "s3:PutObject", "s3:AbortMultipartUpload", "s3:DeleteObjectVersion")
"""Deleting a version there is for a copy that differs from its delivery: it is made anew."""
_LEASE = keys.LEASE.rpartition("/")[0] + "/"
_EVIDENCE = ("staging/", keys.LEDGER)
"""Of what is published: the summaries of the stages, and the parts of the ledger."""
_EVENT_SOURCE = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes")


class LakeFunction(Construct):
    """`function`, its log and its role."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        declared: Function,
        parameters: Parameters,
        *,
        environment: Mapping[str, str],
        statements: Sequence[iam.PolicyStatement],
    ) -> None:
        super().__init__(scope, name)
        log = logs.LogGroup(
            self,
            "Log",
            log_group_name=f"/aws/lambda/{declared.name}",
            retention=logs.RetentionDays.THREE_MONTHS,
            removal_policy=RemovalPolicy.DESTROY,
        )
        artifacts = s3.Bucket.from_bucket_name(self, "Artifacts", parameters.artifact_bucket)
        self.function = lambda_.Function(
            self,
            "Function",
            function_name=declared.name,
            description=declared.doc,
            runtime=lambda_.Runtime.PYTHON_3_13,
            handler="handler.handler",
            code=lambda_.Code.from_bucket(artifacts, parameters.artifact_key(lambda_key(declared.folder))),
            timeout=Duration.minutes(declared.minutes),
            memory_size=declared.memory,
            environment=dict(environment),
            log_group=log,
            role=self._role(declared, statements),
        )
        # it is made after its role anyway, whose ARN it needs
        cast(lambda_.CfnFunction, self.function.node.default_child).add_deletion_override("DependsOn")

    def _role(self, declared: Function, statements: Sequence[iam.PolicyStatement]) -> iam.Role:
        log = access.logs(f"/aws/lambda/{declared.name}")
        return iam.Role(
            self,
            "Role",
            description=f"{declared.name}: {declared.doc}",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            inline_policies={"work": access.document(*statements, log)},
        )


class Functions:
    """All functions of the data plane, by attribute; `check` is the one that the queue and the clock call."""

    def __init__(
        self, scope: Construct, parameters: Parameters, lake: s3.IBucket, key: kms.IKey, messages: Messages
    ) -> None:
        self._scope, self._parameters = scope, parameters
        self._environment = {
            "LEDGERLAKE_BUCKET": lake.bucket_name,
            "LEDGERLAKE_ENVIRONMENT": parameters.environment,
            "LEDGERLAKE_ORCHESTRATOR": parameters.orchestrator,
        }
        self.check = self._make(
            "Check",
            functions.CHECK,
            [*planner(lake, key), *_starter(key, messages)],
            STATE_MACHINE_ARN=machine_arn(),
            TOPIC_ARN=messages.topic.topic_arn,
        )
        self.plan = self._make(
            "Plan",
            functions.PLAN,
            [*planner(lake, key), *_by_date(lake), *_dead_holders()],
            STATE_MACHINE_ARN=machine_arn(),
        )
        self.archive = self._make("Archive", functions.ARCHIVE, _archive(lake, key))
        self.catalogue = self._make("CatalogueCheck", functions.CATALOGUE, _catalogue())
        self.report = self._make("Report", functions.REPORT, [*_report(lake, key), access.metrics()])

    def _make(
        self, name: str, declared: Function, statements: Sequence[iam.PolicyStatement], **more: str
    ) -> lambda_.Function:
        environment = {**self._environment, **more}
        return LakeFunction(
            self._scope, name, declared, self._parameters, environment=environment, statements=statements
        ).function

    def arns(self) -> dict[str, str]:
        """By the function's name."""
        made = (self.check, self.plan, self.archive, self.catalogue, self.report)
        return {declared.name: each.function_arn for declared, each in zip(functions.FUNCTIONS, made, strict=True)}


def machine_arn() -> str:
    """Of the state machine, also before it exists: it calls functions that call it."""
    return access.arn("states", f"stateMachine:{names.STATE_MACHINE}")


def execution_arns() -> str:
    """Return the ARN pattern of the state machine's executions."""
    return access.arn("states", f"execution:{names.STATE_MACHINE}:*")


def planner(lake: s3.IBucket, key: kms.IKey) -> list[iam.PolicyStatement]:
    """See what waits, take and give back the lease, write a manifest, open a batch."""
    looked_at = [keys.BATCHES, _LEASE, "lakehouse-dwh/"]
    return [
        access.versions(lake, keys.RAW),
        access.objects(lake, [keys.BATCHES, _LEASE], access.WRITE),
        *access.history(lake, [keys.BATCHES, _LEASE]),
        access.names(lake, looked_at),
        access.encrypted_by(key, "s3"),
    ]


def _by_date(lake: s3.IBucket) -> list[iam.PolicyStatement]:
    """Allow reading archived files to plan them again, since the metadata holds the version and the key does not."""
    return [access.objects(lake, [keys.ARCHIVED], access.READ), access.names(lake, [keys.ARCHIVED])]


def _starter(key: kms.IKey, messages: Messages) -> list[iam.PolicyStatement]:
    return [
        access.allow(_EVENT_SOURCE, [messages.queue.queue_arn]),
        access.allow(["sns:Publish"], [messages.topic.topic_arn]),
        access.encrypted_by(key, "sqs", "sns"),
        access.allow(["states:StartExecution"], [machine_arn()]),
        *_dead_holders(),
    ]


def _dead_holders() -> list[iam.PolicyStatement]:
    """See whether the execution that holds the lease has ended, and every job with it."""
    return [access.allow(["states:DescribeExecution"], [execution_arns()]), _job_runs()]


def _job_runs() -> iam.PolicyStatement:
    return access.allow(["glue:GetJobRuns"], [access.arn("glue", f"job/{each.job}") for each in DATASETS.values()])


def _archive(lake: s3.IBucket, key: kms.IKey) -> list[iam.PolicyStatement]:
    return [
        access.objects(lake, [keys.BATCHES, *_EVIDENCE], access.READ),
        *access.history(lake, [keys.BATCHES, "staging/"]),
        access.objects(lake, [keys.RAW], (*access.READ_VERSIONS, "s3:DeleteObjectVersion")),
        access.objects(lake, [keys.ARCHIVED], _ARCHIVE),
        access.names(lake, [keys.BATCHES, keys.RAW, keys.ARCHIVED, *_EVIDENCE]),
        access.versions(lake, keys.RAW),
        access.encrypted_by(key, "s3"),
    ]


def _catalogue() -> list[iam.PolicyStatement]:
    tables = access.arn("glue", f"table/{names.DATABASE}/*")
    return [access.allow(["glue:GetTables"], [*catalogue_arns(), tables])]


def _report(lake: s3.IBucket, key: kms.IKey) -> list[iam.PolicyStatement]:
    """Close the batch, release the lease, read what the jobs left for the notification, and record the cost."""
    return [
        access.objects(lake, [keys.BATCHES, _LEASE], access.WRITE),
        *access.history(lake, [keys.BATCHES, _LEASE, "staging/"]),
        access.objects(lake, [keys.RUNS], access.REPLACE),
        access.objects(lake, _EVIDENCE, access.READ),
        access.names(lake, [keys.BATCHES, _LEASE, keys.RUNS, *_EVIDENCE]),
        access.versions(lake, keys.RAW),
        *_results(lake),
        _job_runs(),
        access.allow(["glue:ListCrawls"], [access.arn("glue", f"crawler/{names.CRAWLER}")]),
        access.encrypted_by(key, "s3"),
    ]


def _results(lake: s3.IBucket) -> list[iam.PolicyStatement]:
    """Read what the checks have found. Athena reads the result with the permissions of whoever asks for it."""
    return [
        access.allow(["athena:GetQueryResults"], [access.arn("athena", f"workgroup/{names.WORKGROUP}")]),
        access.objects(lake, [keys.ATHENA_RESULTS], access.READ),
    ]
