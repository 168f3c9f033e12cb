"""What the smoke test of a deployment may do: deliver files of its own, see what becomes of them, and clear up."""

from __future__ import annotations

from aws_cdk import Aws, Fn
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3

from infra.stacks.data_plane import access, work
from infra.stacks.data_plane.functions import execution_arns, machine_arn
from ledgerlake import keys, names
from ledgerlake.contracts import DATASETS

_OWN = "ledgerlake-smoke-"
"""What the smoke test makes is called so: its files, and the queue that stands in for a mailbox."""


def smoke(environment: str, lake: s3.IBucket) -> list[iam.PolicyStatement]:
    """Permissions of whoever runs it on a rented lake."""
    return [*_files(environment, lake), *_observe(environment), *_mailbox()]


def _files(environment: str, lake: s3.IBucket) -> list[iam.PolicyStatement]:
    raw = [f"{keys.raw_prefix(dataset)}{_OWN}*" for dataset in DATASETS]
    archived = [f"{keys.ARCHIVED}{dataset}/*/{_OWN}*" for dataset in DATASETS]
    through = {"kms:ViaService": Fn.join("", ["s3.", Aws.REGION, ".", Aws.URL_SUFFIX])}
    aliases = {"kms:ResourceAliases": f"alias/ledgerlake-{environment}"}
    return [
        access.allow(["s3:PutObject"], [lake.arn_for_objects(key) for key in raw]),
        access.allow(["s3:DeleteObjectVersion"], [lake.arn_for_objects(key) for key in archived]),
        access.versions(lake, keys.RAW),
        access.versions(lake, keys.ARCHIVED),
        access.objects(lake, [keys.BATCHES, keys.LEDGER, keys.LEASE], access.READ),
        access.objects(lake, [keys.ATHENA_RESULTS], access.WRITE),
        access.names(
            lake,
            [keys.BATCHES, keys.ARCHIVED, keys.LEDGER, keys.LEASE, keys.ATHENA_RESULTS, "lakehouse-dwh/"],
        ),
        access.allow(["s3:GetBucketLocation"], [lake.bucket_arn]),
        access.allow(
            ["kms:Decrypt", "kms:GenerateDataKey"],
            [access.arn("kms", "key/*")],  # this stack is there before the lake's key, and knows it by its alias
            conditions={"StringEquals": through, "ForAnyValue:StringEquals": aliases},
        ),
    ]


def _observe(environment: str) -> list[iam.PolicyStatement]:
    airflow = f"ledgerlake-{environment}"
    return [
        *work.queries(),
        access.allow(["airflow:GetEnvironment"], [access.arn("airflow", f"environment/{airflow}")]),
        access.allow(["airflow:InvokeRestApi"], [access.arn("airflow", f"role/{airflow}/Op")]),
        access.allow(["states:ListExecutions", "states:DescribeStateMachine"], [machine_arn()]),
        access.allow(["states:DescribeExecution", "states:GetExecutionHistory"], [execution_arns()]),
        access.allow(
            ["glue:GetJobRun", "glue:GetJobRuns"],
            [access.arn("glue", f"job/{dataset.job}") for dataset in DATASETS.values()],
        ),
        access.allow(["sqs:GetQueueUrl", "sqs:GetQueueAttributes"], [access.arn("sqs", names.QUEUE)]),
    ]


def _mailbox() -> list[iam.PolicyStatement]:
    actions = ("CreateQueue", "DeleteQueue", "GetQueueAttributes", "SetQueueAttributes", "ReceiveMessage")
    topic = access.arn("sns", names.TOPIC)
    return [
        access.allow([f"sqs:{each}" for each in actions], [access.arn("sqs", f"{_OWN}*")]),
        access.allow(["sns:Subscribe"], [topic]),
        access.allow(["sns:Unsubscribe"], [topic, f"{topic}:*"]),
    ]
