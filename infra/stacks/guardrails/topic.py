"""SNS topic of the alarms: CloudWatch and Budgets publish to it."""

from __future__ import annotations

from aws_cdk import Aws, Fn, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct

from infra.stacks.data_plane import access
from infra.stacks.guardrails.parameters import GuardrailsParameters
from ledgerlake import names

ALARM_PREFIX = "ledgerlake-"


class AlarmTopic(Construct):
    """`topic`, encrypted by a key of its own, which those two services may use for our alarms and budgets only."""

    def __init__(self, scope: Construct, parameters: GuardrailsParameters) -> None:
        super().__init__(scope, "AlarmTopic")
        self._key = kms.Key(
            self,
            "Key",
            alias=f"alias/ledgerlake-{parameters.environment}-alarms",
            description="Ledgerlake: alarms",
            enable_key_rotation=True,
            removal_policy=RemovalPolicy.DESTROY,  # it encrypts what is on its way, and nothing that is kept
        )
        self.topic = sns.Topic(self, "Topic", topic_name=names.ALARM_TOPIC, master_key=self._key, enforce_ssl=True)
        budgets = Fn.join("", ["arn:", Aws.PARTITION, ":budgets::", Aws.ACCOUNT_ID, f":budget/{ALARM_PREFIX}*"])
        self._let("Alarms", "cloudwatch.amazonaws.com", access.arn("cloudwatch", f"alarm:{ALARM_PREFIX}*"))
        self._let("Budgets", "budgets.amazonaws.com", budgets)
        mail = sns.CfnSubscription(
            self, "Mail", topic_arn=self.topic.topic_arn, protocol="email", endpoint=parameters.text("Notify")
        )
        mail.cfn_options.condition = parameters.has_address

    def _let(self, who: str, service: str, source: str) -> None:
        """Allow a service to publish, encrypted, on behalf of what `source` matches in this account."""
        conditions = {"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}, "ArnLike": {"aws:SourceArn": source}}
        principals = [iam.ServicePrincipal(service)]
        self.topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid=f"AllowSnsPublishFrom{who}",
                principals=principals,
                actions=["sns:Publish"],
                resources=[self.topic.topic_arn],
                conditions=conditions,
            )
        )
        self._key.add_to_resource_policy(
            iam.PolicyStatement(
                sid=f"AllowKmsUseBy{who}",
                principals=principals,
                actions=["kms:Decrypt", "kms:GenerateDataKey"],
                resources=["*"],
                conditions=conditions,
            )
        )
