"""The tags by which the bill is divided: on everything of every stack that can bear a tag."""

from __future__ import annotations

import aws_cdk as cdk

from infra.environments import ENVIRONMENTS
from ledgerlake import settings

PROJECT = "ledgerlake"


def cost_centers() -> dict[str, str]:
    """By environment; a local lake costs nobody anything."""
    rented = {name: each.guardrails.cost_center for name, each in ENVIRONMENTS.items()}
    return {name: rented.get(name, "none") for name in settings.ENVIRONMENTS}


def tag(stack: cdk.Stack, environment: str) -> None:
    """Tag the stack's resources with Project, Environment and CostCenter; `environment` is its parameter."""
    centers = cdk.CfnMapping(
        stack, "CostCenters", mapping={name: {"CostCenter": center} for name, center in cost_centers().items()}
    )
    values = {
        "Project": PROJECT,
        "Environment": environment,
        "CostCenter": cdk.Fn.find_in_map(centers.logical_id, environment, "CostCenter"),
    }
    for name, value in values.items():
        # of a stack CDK would also make tags of the deployment, which cannot hold what only a template knows
        cdk.Tags.of(stack).add(name, value, exclude_resource_types=["aws:cdk:stack"])
