"""Airflow on MWAA: its network, key, role and environment. Everything that it works on is in the data plane."""

from __future__ import annotations

import aws_cdk as cdk
from constructs import Construct

from infra.stacks.airflow.access import AirflowKey, ExecutionRole
from infra.stacks.airflow.environment import Environment
from infra.stacks.airflow.network import Network
from infra.stacks.airflow.parameters import AirflowParameters
from infra.stacks.boundary import bound
from infra.stacks.tags import tag
from ledgerlake import names


class AirflowStack(cdk.Stack):
    """One template for every rented environment; the sizes are in its mapping."""

    def __init__(self, scope: Construct) -> None:
        super().__init__(
            scope,
            names.AIRFLOW_STACK,
            description="Ledgerlake's Airflow on MWAA.",
            synthesizer=cdk.DefaultStackSynthesizer(generate_bootstrap_version_rule=False),
        )
        parameters = AirflowParameters(self)
        key = AirflowKey(self, parameters).key
        network = Network(self, parameters, key)
        role = ExecutionRole(self, parameters, key).role
        environment = Environment(self, parameters, network, role, key).environment
        bound(self, parameters.environment)
        tag(self, parameters.environment)
        self._output("EnvironmentName", environment.ref)
        self._output("WebserverUrl", environment.attr_webserver_url)
        self._output("ExecutionRoleArn", role.role_arn)

    def _output(self, name: str, value: str) -> None:
        cdk.CfnOutput(self, f"Output{name}", value=value).override_logical_id(name)
