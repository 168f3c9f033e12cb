"""The state machine EcommerceETLPipeline, its role and log, and what starts it when it is the orchestrator."""

from __future__ import annotations

import json

from aws_cdk import Aws, CfnCondition, Fn, RemovalPolicy, Token
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_stepfunctions as stepfunctions
from constructs import Construct

from infra.release.packaging import definition_key
from infra.stacks.data_plane import access, work
from infra.stacks.data_plane.functions import Functions, execution_arns, machine_arn
from infra.stacks.data_plane.messages import Messages
from infra.stacks.data_plane.parameters import Parameters
from infra.state_machine.definition import SUBSTITUTIONS
from ledgerlake import names
from ledgerlake.intake.messages import wake

_LOG = f"/aws/vendedlogs/states/{names.STATE_MACHINE}"  # a prefix whose resource policy never grows too long
_LOG_DELIVERY = (
    "CreateLogDelivery",
    "GetLogDelivery",
    "UpdateLogDelivery",
    "DeleteLogDelivery",
    "ListLogDeliveries",
    "PutResourcePolicy",
    "DescribeResourcePolicies",
    "DescribeLogGroups",
)


class Machine(Construct):
    """`machine`; its definition is an artefact of the release, so that it is deployed with the code it calls."""

    def __init__(
        self,
        scope: Construct,
        parameters: Parameters,
        lake: s3.IBucket,
        key: kms.IKey,
        messages: Messages,
        functions: Functions,
    ) -> None:
        super().__init__(scope, "Machine")
        self.log = logs.LogGroup(
            self,
            "Log",
            log_group_name=_LOG,
            retention=logs.RetentionDays.THREE_MONTHS,
            removal_policy=RemovalPolicy.DESTROY,
        )
        values = {
            **functions.arns(),
            "TopicArn": messages.topic.topic_arn,
            "QueueUrl": messages.queue.queue_url,
            "PollSeconds": parameters.setting_text("PollSeconds"),
            "RetryDelaySeconds": parameters.setting_text("RetryDelaySeconds"),
        }
        if set(values) != SUBSTITUTIONS:
            raise ValueError(f"the definition asks for {sorted(SUBSTITUTIONS)}, and is given {sorted(values)}")
        self.machine = stepfunctions.CfnStateMachine(
            self,
            "Machine",
            state_machine_name=names.STATE_MACHINE,
            state_machine_type="STANDARD",
            role_arn=self._role(lake, key, messages, functions).role_arn,
            definition_s3_location=stepfunctions.CfnStateMachine.S3LocationProperty(
                bucket=parameters.artifact_bucket, key=parameters.artifact_key(definition_key())
            ),
            definition_substitutions=values,
            logging_configuration=stepfunctions.CfnStateMachine.LoggingConfigurationProperty(
                level="ERROR",
                include_execution_data=False,
                destinations=[
                    stepfunctions.CfnStateMachine.LogDestinationProperty(
                        cloud_watch_logs_log_group=stepfunctions.CfnStateMachine.CloudWatchLogsLogGroupProperty(
                            log_group_arn=self.log.log_group_arn
                        )
                    )
                ],
            ),
        )

    def _role(self, lake: s3.IBucket, key: kms.IKey, messages: Messages, functions: Functions) -> iam.Role:
        statements = [
            access.allow(["lambda:InvokeFunction"], list(functions.arns().values())),
            *work.jobs(),
            *work.crawler(),
            *work.queries(),
            *work.query_objects(lake),
            access.allow(["sns:Publish"], [messages.topic.topic_arn]),
            access.allow(["sqs:SendMessage"], [messages.queue.queue_arn]),
            access.encrypted_by(key, "s3", "sns", "sqs"),
            *_of_itself(),
            # CloudWatch Logs knows no resource for these
            access.allow([f"logs:{action}" for action in _LOG_DELIVERY], ["*"]),
        ]
        return iam.Role(
            self,
            "Role",
            description="The state machine starts jobs, functions, crawler and queries, and reads what comes of them.",
            assumed_by=iam.ServicePrincipal("states.amazonaws.com", conditions=access.on_behalf_of(machine_arn())),
            inline_policies={"work": access.document(*statements)},
        )


class Wakers(Construct):
    """The queue and the clock, which call CheckDataAvailability while Step Functions are the orchestrator."""

    def __init__(self, scope: Construct, parameters: Parameters, messages: Messages, functions: Functions) -> None:
        super().__init__(scope, "Wakers")
        chosen = CfnCondition(
            scope, "StepFunctions", expression=Fn.condition_equals(parameters.orchestrator, "step_functions")
        )
        lambda_.CfnEventSourceMapping(
            self,
            "Queue",
            event_source_arn=messages.queue.queue_arn,
            function_name=functions.check.function_arn,
            batch_size=10,
            function_response_types=["ReportBatchItemFailures"],
            scaling_config=lambda_.CfnEventSourceMapping.ScalingConfigProperty(maximum_concurrency=2),
            enabled=Token.as_any(Fn.condition_if(chosen.logical_id, True, False)),
        )
        sweep = events.CfnRule(
            self,
            "Sweep",
            description="Look into raw/ although no message came: an event may have been lost.",
            schedule_expression=parameters.setting_text("SweepRate"),
            state=Token.as_string(Fn.condition_if(chosen.logical_id, "ENABLED", "DISABLED")),
            targets=[
                events.CfnRule.TargetProperty(
                    id="CheckDataAvailability",
                    arn=functions.check.function_arn,
                    input=json.dumps(wake("the sweep")),
                )
            ],
        )
        lambda_.CfnPermission(
            self,
            "SweepMayCall",
            action="lambda:InvokeFunction",
            function_name=functions.check.function_name,
            principal="events.amazonaws.com",
            source_account=Aws.ACCOUNT_ID,
            source_arn=sweep.attr_arn,
        )


def _of_itself() -> list[iam.PolicyStatement]:
    """Run the dates of a range as executions of the same machine, and be notified when they end."""
    rule = access.arn("events", "rule/StepFunctionsGetEventsForStepFunctionsExecutionRule")
    return [
        access.allow(["states:StartExecution"], [machine_arn()]),
        access.allow(["states:DescribeExecution", "states:StopExecution"], [execution_arns()]),
        access.allow(["events:PutTargets", "events:PutRule", "events:DescribeRule"], [rule]),
    ]
