"""What a deployment says about its Airflow: the template's parameters, and the sizes of each environment."""

from __future__ import annotations

from typing import Any

from aws_cdk import Aws, CfnMapping, CfnParameter, Fn, Token
from constructs import Construct

from infra.environments import ENVIRONMENTS, Environment
from infra.stacks.airflow.limits import check_possible, parallelism
from ledgerlake import settings


class AirflowParameters(Construct):
    """Where files, permissions and subnets come from, and the sizes that `infra.environments` gives."""

    def __init__(self, scope: Construct) -> None:
        super().__init__(scope, "Parameters")
        self._environment = _parameter(
            scope, "Environment", "Which sizes hold, and part of every name.", allowed_values=list(ENVIRONMENTS)
        )
        self._artifacts = _parameter(scope, "ArtifactBucket", "The bucket that holds dags/, plugins and requirements.")
        self._policy = _parameter(
            scope, "OrchestratorPolicyArn", "What the DAGs may do: an output of the data plane's stack."
        )
        self._orchestrator = _parameter(
            scope,
            "Orchestrator",
            "Who consumes the queue; as in the data plane's stack.",
            allowed_values=list(settings.ORCHESTRATORS),
            default=settings.Settings.orchestrator,
        )
        # An object's version, so that other content is another value and CloudFormation updates the environment.
        self._plugins = _parameter(scope, "PluginsVersion", "The version of airflow/plugins.zip to run.")
        self._requirements = _parameter(scope, "RequirementsVersion", "The version of airflow/requirements.txt to run.")
        self._zones = _parameter(
            scope,
            "Zones",
            "Two availability zones that have every endpoint of the network; other ones are another network.",
            type="List<AWS::EC2::AvailabilityZone::Name>",
        )
        self._sizes = CfnMapping(scope, "Sizes", mapping={each.name: _sizes(each) for each in ENVIRONMENTS.values()})

    @property
    def environment(self) -> str:
        """The environment's name."""
        return self._environment.value_as_string

    @property
    def name(self) -> str:
        """Of the MWAA environment, as the command line looks for it."""
        return settings.mwaa_name(self.environment)

    @property
    def arn(self) -> str:
        """Of the MWAA environment, also before it exists: its role must know it first."""
        return Fn.join(
            "", ["arn:", Aws.PARTITION, ":airflow:", Aws.REGION, ":", Aws.ACCOUNT_ID, f":environment/{self.name}"]
        )

    @property
    def artifact_bucket(self) -> str:
        """The bucket of the DAGs, plugins and requirements."""
        return self._artifacts.value_as_string

    @property
    def orchestrator_policy(self) -> str:
        """The policy of the orchestrator."""
        return self._policy.value_as_string

    @property
    def orchestrator(self) -> str:
        """The orchestrator that consumes the queue."""
        return self._orchestrator.value_as_string

    @property
    def plugins_version(self) -> str:
        """The object version of the plugins."""
        return self._plugins.value_as_string

    @property
    def requirements_version(self) -> str:
        """The object version of the requirements."""
        return self._requirements.value_as_string

    def zone(self, number: int) -> str:
        """Return an availability zone."""
        return Fn.select(number, self._zones.value_as_list)

    def size(self, name: str) -> str:
        """Return a size of the environment as text."""
        return Fn.find_in_map(self._sizes.logical_id, self.environment, name)

    def count(self, name: str) -> float:
        """Return a size of the environment as a number."""
        return Token.as_number(self.size(name))


def _parameter(scope: Construct, name: str, description: str, type: str = "String", **more: Any) -> CfnParameter:
    parameter = CfnParameter(scope, f"Parameter{name}", type=type, description=description, **more)
    parameter.override_logical_id(name)
    return parameter


def _sizes(environment: Environment) -> dict[str, str]:
    airflow = environment.airflow
    check_possible(airflow)
    return {
        "Class": airflow.environment_class,
        "MinWorkers": str(airflow.min_workers),
        "MaxWorkers": str(airflow.max_workers),
        "Schedulers": str(airflow.schedulers),
        "Webservers": str(airflow.webservers),
        "WebserverAccess": airflow.webserver_access,
        "LogLevel": airflow.log_level,
        "Network": airflow.vpc_cidr,
        "MaintenanceWindow": airflow.maintenance_window,
        "Parallelism": str(parallelism(airflow)),
    }
