"""The MWAA environment itself, and the groups that its logs go to."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Aws, CfnResource, Fn, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_mwaa as mwaa
from constructs import Construct

from infra.release.distribution import DAGS, PLUGINS, REQUIREMENTS
from infra.stacks.airflow.limits import VERSION
from infra.stacks.airflow.network import Network
from infra.stacks.airflow.parameters import AirflowParameters
from ledgerlake import outages
from ledgerlake.settings import Settings

LOGS = {
    "dag_processing_logs": "DAGProcessing",
    "scheduler_logs": "Scheduler",
    "task_logs": "Task",
    "webserver_logs": "WebServer",
    "worker_logs": "Worker",
}
"""The five logs of an environment, and the end of the name of each one's group."""


class Environment(Construct):
    """`environment`, in a network of its own."""

    def __init__(
        self, scope: Construct, parameters: AirflowParameters, network: Network, role: iam.Role, key: kms.IKey
    ) -> None:
        super().__init__(scope, "Environment")
        self.environment = mwaa.CfnEnvironment(
            self,
            "Mwaa",
            name=parameters.name,
            airflow_version=VERSION,
            environment_class=parameters.size("Class"),
            min_workers=parameters.count("MinWorkers"),
            max_workers=parameters.count("MaxWorkers"),
            schedulers=parameters.count("Schedulers"),
            min_webservers=parameters.count("Webservers"),
            max_webservers=parameters.count("Webservers"),
            webserver_access_mode=parameters.size("WebserverAccess"),
            weekly_maintenance_window_start=parameters.size("MaintenanceWindow"),
            worker_replacement_strategy="GRACEFUL",  # a task that watches a Glue job is let finish
            endpoint_management="SERVICE",
            execution_role_arn=role.role_arn,
            kms_key=key.key_arn,
            source_bucket_arn=Fn.join("", ["arn:", Aws.PARTITION, ":s3:::", parameters.artifact_bucket]),
            dag_s3_path=DAGS.rstrip("/"),
            plugins_s3_path=PLUGINS,
            plugins_s3_object_version=parameters.plugins_version,
            requirements_s3_path=REQUIREMENTS,
            requirements_s3_object_version=parameters.requirements_version,
            airflow_configuration_options=_options(parameters),
            logging_configuration=_logging(parameters),
            network_configuration=mwaa.CfnEnvironment.NetworkConfigurationProperty(
                subnet_ids=network.subnets, security_group_ids=[network.security_group]
            ),
        )
        groups = [self._group(parameters, suffix, key) for suffix in LOGS.values()]
        self._after([*network.ready, *groups])

    def _group(self, parameters: AirflowParameters, suffix: str, key: kms.IKey) -> logs.LogGroup:
        """Made before MWAA would make it, which would keep every line for ever."""
        return logs.LogGroup(
            self,
            f"{suffix}Log",
            log_group_name=f"airflow-{parameters.name}-{suffix}",
            retention=logs.RetentionDays.THREE_MONTHS,
            encryption_key=key,
            removal_policy=RemovalPolicy.DESTROY,
        )

    def _after(self, others: Sequence[Construct | CfnResource]) -> None:
        for other in others:
            self.environment.node.add_dependency(other)


def _options(parameters: AirflowParameters) -> dict[str, str]:
    """Each becomes AIRFLOW__SECTION__KEY; those of `ledgerlake` are settings of the kernel."""
    return {
        "ledgerlake.environment": parameters.environment,
        "ledgerlake.account": Aws.ACCOUNT_ID,
        "ledgerlake.orchestrator": parameters.orchestrator,
        "core.parallelism": parameters.size("Parallelism"),
        # who deploys wants it to run; a lake whose DAG waits for a click would only gather files
        "core.dags_are_paused_at_creation": "False",
        # a deployed DAG is seen within a minute, not within five
        "dag_processor.refresh_interval": "60",
        **outages.airflow_options(Settings()),
    }


def _logging(parameters: AirflowParameters) -> mwaa.CfnEnvironment.LoggingConfigurationProperty:
    each = mwaa.CfnEnvironment.ModuleLoggingConfigurationProperty(enabled=True, log_level=parameters.size("LogLevel"))
    return mwaa.CfnEnvironment.LoggingConfigurationProperty(**dict.fromkeys(LOGS, each))
