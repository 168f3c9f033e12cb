"""Permissions of operators beyond reading: the commands of `ledgerlake` that run and repair a lake."""

from __future__ import annotations

from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3

from infra.stacks.data_plane import access
from infra.stacks.data_plane.functions import execution_arns, machine_arn
from ledgerlake import keys
from ledgerlake.contracts import DATASETS
from ledgerlake.names import DEAD_LETTER_QUEUE, QUEUE, STACK, STATE_MACHINE

_LOGS = ("/aws-glue/jobs", "/aws-glue/crawlers", "/aws/lambda/", f"/aws/vendedlogs/states/{STATE_MACHINE}")


def observe(lake: s3.IBucket) -> list[iam.PolicyStatement]:
    """`status`, `logs`, `executions`, `quarantined`, `lease show`, `backfill --dry-run`; alarms and dashboard."""
    airflow = [f"airflow-ledgerlake-*-{each}" for each in ("DAGProcessing", "Scheduler", "Task", "WebServer", "Worker")]
    groups = [f"{group}*" for group in _LOGS] + airflow
    names = [keys.BATCHES, keys.ARCHIVED, keys.LEASE]
    return [
        access.versions(lake, keys.RAW),
        access.objects(lake, [keys.BATCHES, keys.LEASE, keys.ARCHIVED], access.READ),
        access.names(lake, names),
        access.allow(
            ["glue:GetJob", "glue:GetJobRun", "glue:GetJobRuns"],
            [access.arn("glue", f"job/{dataset.job}") for dataset in DATASETS.values()],
        ),
        access.allow(
            ["logs:FilterLogEvents", "logs:GetLogEvents", "logs:DescribeLogStreams"],
            [access.arn("logs", f"log-group:{group}") for group in groups],
        ),
        access.allow(["sqs:GetQueueAttributes", "sqs:GetQueueUrl"], _queues()),
        access.allow(["states:ListExecutions", "states:DescribeStateMachine"], [machine_arn()]),
        access.allow(["states:DescribeExecution", "states:GetExecutionHistory"], [execution_arns()]),
        access.allow(["cloudformation:DescribeStacks"], [access.arn("cloudformation", f"stack/{STACK}/*")]),
        # for these AWS knows no resource
        access.allow(["lambda:ListEventSourceMappings", "cloudwatch:GetMetricData"], ["*"]),
        access.allow(["cloudwatch:DescribeAlarms"], [access.arn("cloudwatch", "alarm:*")]),
    ]


def repair(lake: s3.IBucket, key_arn: str) -> list[iam.PolicyStatement]:
    """`accept`, `lease release`, `dead-letters redrive`. Tables, deliveries and the archive stay out of reach."""
    receive = ["ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility"]
    move = ["StartMessageMoveTask", "ListMessageMoveTasks", "CancelMessageMoveTask"]
    return [
        access.objects(lake, [keys.ACCEPTED, keys.OPEN_BATCHES, keys.LEASE], ("s3:PutObject",)),
        access.objects(lake, [keys.QUARANTINED], ("s3:DeleteObject",)),
        access.allow([f"sqs:{each}" for each in (*receive, *move)], _queues()[1:]),
        access.allow(["sqs:SendMessage"], _queues()[:1]),
        access.through(key_arn, "sqs"),
    ]


def run(environment: str) -> list[iam.PolicyStatement]:
    """`run`, `backfill`, and their end: through Airflow, as one of its operators, or as executions."""
    role = access.arn("airflow", f"role/ledgerlake-{environment}/Op")
    return [
        access.allow(["airflow:InvokeRestApi", "airflow:CreateWebLoginToken"], [role]),
        access.allow(["airflow:GetEnvironment"], [access.arn("airflow", f"environment/ledgerlake-{environment}")]),
        access.allow(["states:StartExecution"], [machine_arn()]),
        access.allow(["states:StopExecution"], [execution_arns()]),
    ]


def _queues() -> list[str]:
    return [access.arn("sqs", name) for name in (QUEUE, DEAD_LETTER_QUEUE)]
