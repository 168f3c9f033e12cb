"""The queue that wakes the pipeline, and the topic by which it tells people."""

from __future__ import annotations

from aws_cdk import Aws, Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.data_plane_parameters import Parameters
from infra.data_plane_storage import lake_bucket_arn
from ledgerlake import places

_KEPT = Duration.days(14)  # the longest that SQS offers: nobody may look for a fortnight


class Messages(Construct):
    """`queue`, its dead letters, and `topic`; all encrypted, and reached by TLS only."""

    def __init__(self, scope: Construct, parameters: Parameters, key: kms.IKey) -> None:
        super().__init__(scope, "Messages")
        self.dead_letters = sqs.Queue(
            self,
            "DeadLetters",
            queue_name=places.DEAD_LETTER_QUEUE,
            retention_period=_KEPT,
            encryption_master_key=key,
            enforce_ssl=True,
        )
        self.queue = sqs.Queue(
            self,
            "Queue",
            queue_name=places.QUEUE,
            retention_period=_KEPT,
            encryption_master_key=key,
            enforce_ssl=True,
            dead_letter_queue=sqs.DeadLetterQueue(queue=self.dead_letters, max_receive_count=5),
        )
        # an L2 queue wants the number of seconds now; it depends on the environment
        self.queue.node.default_child.visibility_timeout = parameters.setting("VisibilitySeconds")
        self.queue.add_to_resource_policy(
            iam.PolicyStatement(
                sid="TheLakeTellsOfDeliveries",
                principals=[iam.ServicePrincipal("s3.amazonaws.com")],
                actions=["sqs:SendMessage"],
                resources=[self.queue.queue_arn],
                conditions={
                    "StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID},
                    "ArnEquals": {"aws:SourceArn": lake_bucket_arn(parameters)},
                },
            )
        )
        self.topic = sns.Topic(self, "Topic", topic_name=places.TOPIC, master_key=key, enforce_ssl=True)
