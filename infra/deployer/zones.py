"""The two availability zones of Airflow's network: those in which every endpoint is to be had.

Not every zone has every service (in us-east-1 one has no MWAA), and a stack that asks for one that
has not fails after many minutes.
"""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from infra.deployer.errors import DeploymentError
from infra.stacks.airflow.endpoints import FOR_DAGS, FOR_MWAA, service_name


def choose(ec2: Any, region: str) -> tuple[str, str]:
    """Return the first two zones, by name, that have all of the services.

    Raises:
        DeploymentError: the region has no MWAA, or too few zones.
    """
    wanted = [service_name(service, region) for service in (*FOR_MWAA, *FOR_DAGS)]
    found = _zones_of(ec2, wanted, region)
    if missing := [name for name in wanted if name not in found]:
        raise _unfit(region, f"it has no endpoint {', '.join(missing)}")
    common = sorted(set.intersection(*(set(found[name]) for name in wanted)))
    if len(common) < 2:
        raise _unfit(region, f"only {', '.join(common) or 'no zone'} has all of {', '.join(wanted)}")
    return common[0], common[1]


def _zones_of(ec2: Any, wanted: list[str], region: str) -> dict[str, list[str]]:
    try:
        details = ec2.describe_vpc_endpoint_services(ServiceNames=wanted)["ServiceDetails"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "InvalidServiceName":
            raise _unfit(region, error.response["Error"].get("Message", "")) from error
        raise
    return {each["ServiceName"]: each["AvailabilityZones"] for each in details}


def _unfit(region: str, why: str) -> DeploymentError:
    return DeploymentError(
        f"Airflow cannot be deployed in {region}: {why}",
        expected="two availability zones that have every endpoint of Airflow's network",
        remedy="choose another region: AWS_REGION=eu-west-1 ledgerlake deploy …",
    )
