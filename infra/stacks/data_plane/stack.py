"""The data plane: one CloudFormation template for every environment, in the cloud and on a laptop.

It asks for nothing but its parameters: no CDK bootstrap, no assets, no resource that runs code
while it is deployed. The artifact bucket is there before, with the release in it.
"""

from __future__ import annotations

import aws_cdk as cdk
from constructs import Construct

from infra.stacks.boundary import bound
from infra.stacks.data_plane.catalogue import Catalogue
from infra.stacks.data_plane.functions import Functions
from infra.stacks.data_plane.jobs import Jobs
from infra.stacks.data_plane.machine import Machine, Wakers
from infra.stacks.data_plane.messages import Messages
from infra.stacks.data_plane.orchestrator import Orchestrator
from infra.stacks.data_plane.parameters import Parameters
from infra.stacks.data_plane.storage import Lake, LakeKey
from infra.stacks.tags import tag
from ledgerlake import names


class DataPlane(cdk.Stack):
    """Lake, messages, catalogue, jobs, functions, state machine, and the policy of Airflow, the other orchestrator."""

    def __init__(self, scope: Construct) -> None:
        super().__init__(
            scope,
            names.STACK,
            description="Ledgerlake's data plane: every delivered row is accounted for.",
            synthesizer=cdk.DefaultStackSynthesizer(generate_bootstrap_version_rule=False),
        )
        parameters = Parameters(self)
        key = LakeKey(self, parameters).key
        messages = Messages(self, parameters, key)
        lake = Lake(self, parameters, key, messages.queue).bucket
        catalogue = Catalogue(self, lake, key)
        Jobs(self, parameters, lake, key)
        functions = Functions(self, parameters, lake, key, messages)
        machine = Machine(self, parameters, lake, key, messages, functions).machine
        Wakers(self, parameters, messages, functions)
        orchestrator = Orchestrator(self, lake, key, messages)
        bound(self, parameters.environment, only_if=parameters.rented)
        tag(self, parameters.environment)
        self._output("LakeBucket", lake.bucket_name)
        self._output("LakeKeyArn", key.key_arn)
        self._output("CrawlerRoleArn", catalogue.crawler_role.role_arn)
        self._output("QueueUrl", messages.queue.queue_url)
        self._output("TopicArn", messages.topic.topic_arn)
        self._output("StateMachineArn", machine.ref)
        self._output("OrchestratorPolicyArn", orchestrator.policy.managed_policy_arn)

    def _output(self, name: str, value: str) -> None:
        cdk.CfnOutput(self, f"Output{name}", value=value).override_logical_id(name)
