"""SQS queue, dead-letter queue and SNS topic, with the alarm on dead letters."""

from __future__ import annotations

from typing import cast

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.stacks.data_plane import access
from infra.stacks.data_plane.parameters import Parameters
from infra.stacks.data_plane.storage import alarm_arn, lake_bucket_arn
from ledgerlake import names

_KEPT = Duration.days(14)  # the longest that SQS offers: nobody may look for a fortnight


class Messages(Construct):
    """`queue`, its dead letters with their alarm, and `topic`; all encrypted, and reached by TLS only."""

    def __init__(self, scope: Construct, parameters: Parameters, key: kms.IKey) -> None:
        super().__init__(scope, "Messages")
        self.dead_letters = sqs.Queue(
            self,
            "DeadLetters",
            queue_name=names.DEAD_LETTER_QUEUE,
            retention_period=_KEPT,
            encryption_master_key=key,
            enforce_ssl=True,
        )
        self.queue = sqs.Queue(
            self,
            "Queue",
            queue_name=names.QUEUE,
            retention_period=_KEPT,
            encryption_master_key=key,
            enforce_ssl=True,
            dead_letter_queue=sqs.DeadLetterQueue(queue=self.dead_letters, max_receive_count=5),
        )
        # an L2 queue wants the number of seconds now; it depends on the environment
        cast(sqs.CfnQueue, self.queue.node.default_child).visibility_timeout = parameters.setting("VisibilitySeconds")
        self.queue.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AllowSqsSendFromLakeBucket",
                principals=[iam.ServicePrincipal("s3.amazonaws.com")],
                actions=["sqs:SendMessage"],
                resources=[self.queue.queue_arn],
                conditions=access.on_behalf_of(lake_bucket_arn(parameters)),
            )
        )
        self.topic = sns.Topic(self, "Topic", topic_name=names.TOPIC, master_key=key, enforce_ssl=True)
        self._alarm()

    def _alarm(self) -> None:
        """Create the alarm on dead letters, which are files that five runs failed to process."""
        self.topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AllowSnsPublishFromDeadLetterAlarm",
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[self.topic.topic_arn],
                conditions=access.on_behalf_of(alarm_arn()),
            )
        )
        alarm = cloudwatch.Alarm(
            self,
            "DeadLettersAlarm",
            alarm_name=names.DEAD_LETTER_ALARM,
            alarm_description="Messages that no run could acknowledge. See: ledgerlake dead-letters show",
            metric=self.dead_letters.metric_approximate_number_of_messages_visible(
                period=Duration.minutes(1), statistic="Maximum"
            ),
            threshold=1,
            evaluation_periods=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,  # SQS says nothing of an idle queue
        )
        alarm.add_alarm_action(actions.SnsAction(self.topic))
        alarm.add_ok_action(actions.SnsAction(self.topic))
