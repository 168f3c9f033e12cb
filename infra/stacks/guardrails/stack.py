"""Guardrails stack: warnings about cost, delay and rejects, and the permissions of people."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.stacks.boundary import bound
from infra.stacks.guardrails.alarms import Alarms
from infra.stacks.guardrails.budget import Budget
from infra.stacks.guardrails.columns import Columns
from infra.stacks.guardrails.dashboard import Dashboard
from infra.stacks.guardrails.parameters import GuardrailsParameters
from infra.stacks.guardrails.people import People
from infra.stacks.guardrails.topic import AlarmTopic
from infra.stacks.tags import tag
from ledgerlake import names


class Guardrails(cdk.Stack):
    """Budget, alarms, dashboard; the roles of people, and the columns that analysts see."""

    def __init__(self, scope: Construct) -> None:
        super().__init__(
            scope,
            names.GUARDRAILS_STACK,
            description="Budget, alarms and dashboard of Ledgerlake, and the roles of the people who use it.",
            synthesizer=cdk.DefaultStackSynthesizer(generate_bootstrap_version_rule=False),
        )
        parameters = GuardrailsParameters(self)
        lake = s3.Bucket.from_bucket_name(self, "Lake", parameters.bucket_name())
        topic = AlarmTopic(self, parameters).topic
        Alarms(self, parameters, topic)
        Budget(self, parameters, topic.topic_arn)
        Dashboard(self, parameters)
        people = People(self, parameters, lake)
        Columns(self, parameters, lake, people.analyst)
        bound(self, parameters.environment)
        tag(self, parameters.environment)
        self._output("AlarmTopicArn", topic.topic_arn)
        self._output("ReaderRoleArn", people.reader.role_arn)
        self._output("AnalystRoleArn", people.analyst.role_arn)
        self._output("OperatorRoleArn", people.operator.role_arn)

    def _output(self, name: str, value: str) -> None:
        cdk.CfnOutput(self, f"Output{name}", value=value).override_logical_id(name)
