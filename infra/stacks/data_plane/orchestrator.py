"""What an orchestrator may do: the managed policy for the execution role of Airflow."""

from __future__ import annotations

from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.stacks.data_plane import access, work
from infra.stacks.data_plane.messages import Messages
from ledgerlake import keys, names

_LEASE = keys.LEASE.rpartition("/")[0] + "/"
_SUMMARIES = "staging/"  # what the report tells beside the ledger


class Orchestrator(Construct):
    """`policy`: start and watch the work, read its results; never touch a table or a delivery."""

    def __init__(self, scope: Construct, lake: s3.IBucket, key: kms.IKey, messages: Messages) -> None:
        super().__init__(scope, "Orchestrator")
        self.policy = iam.ManagedPolicy(
            self,
            "Policy",
            description="Run the pipeline of Ledgerlake: for the execution role of its orchestrator.",
            statements=[*_objects(lake, key), *_work(), *work.queries(), *_messages(messages), access.metrics()],
        )


def _objects(lake: s3.IBucket, key: kms.IKey) -> list[iam.PolicyStatement]:
    return [
        access.versions(lake, keys.RAW),
        # what was archived is planned again by date: its version stands in the object's metadata, not in its name
        access.objects(lake, [keys.ARCHIVED], access.READ),
        access.names(lake, [keys.ARCHIVED]),
        access.objects(lake, [keys.BATCHES, _LEASE, keys.ATHENA_RESULTS], access.WRITE),
        *access.history(lake, [keys.BATCHES, _LEASE, _SUMMARIES]),
        access.objects(lake, [keys.RUNS], access.REPLACE),
        access.objects(lake, [*work.QUERIED, _SUMMARIES], access.READ),
        access.names(lake, [keys.BATCHES, _LEASE, keys.ATHENA_RESULTS, keys.RUNS, *work.QUERIED, _SUMMARIES]),
        access.allow(["s3:GetBucketLocation"], [lake.bucket_arn]),
        access.encrypted_by(key, "s3", "sqs", "sns"),
    ]


def _work() -> list[iam.PolicyStatement]:
    return [
        *work.jobs("glue:GetJob"),
        *work.crawler("glue:StopCrawler", "glue:ListCrawls"),
        access.allow(["lambda:InvokeFunction"], [access.arn("lambda", f"function:{names.ARCHIVE_FUNCTION}")]),
        # a live run refuses to share the queue with Step Functions; Lambda knows no resource for the question
        access.allow(["lambda:ListEventSourceMappings"], ["*"]),
        # the lease of an execution that has ended is taken over
        access.allow(["states:DescribeExecution"], [access.arn("states", f"execution:{names.STATE_MACHINE}:*")]),
        access.allow(
            ["logs:GetLogEvents", "logs:FilterLogEvents", "logs:DescribeLogStreams"],
            [access.arn("logs", "log-group:/aws-glue/jobs*")],
        ),
    ]


def _messages(messages: Messages) -> list[iam.PolicyStatement]:
    queue = [
        "ReceiveMessage",
        "DeleteMessage",
        "ChangeMessageVisibility",
        "SendMessage",  # to wake the next run for what this one leaves behind
        "GetQueueAttributes",
        "GetQueueUrl",
    ]
    return [
        access.allow([f"sqs:{action}" for action in queue], [messages.queue.queue_arn]),
        access.allow(["sns:Publish"], [messages.topic.topic_arn]),
    ]
