"""The stacks in the order of their deployment, and the parameters of each.

A stack takes what its template asks for, by the parameter's name: what is known of the environment,
and the outputs of the stacks before it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.deployer.errors import DeploymentError
from infra.release.distribution import TEMPLATES
from ledgerlake import names


@dataclass(frozen=True)
class Stack:
    """One stack.

    Args:
        file: of its template, below `templates/`.
        holds: what is in it, for people.
        minutes: that its creation and an update take, for people.
    """

    name: str
    file: str
    holds: str
    minutes: str

    def template(self, folder: Path) -> dict[str, Any]:
        """Its template in a distribution.

        Raises:
            DeploymentError: it is not there.
        """
        path = folder / TEMPLATES / self.file
        if not path.is_file():
            raise DeploymentError(
                f"{TEMPLATES}{self.file} is not in the distribution",
                expected=f"the template of {self.name}",
                remedy="make synth, then again",
            )
        return dict(json.loads(path.read_text()))


DELIVERY = Stack(names.DELIVERY_STACK, "ledgerlake-delivery.template.json", "artifact bucket, GitHub's role", "1")
DATA_PLANE = Stack(
    names.STACK, "ledgerlake-data-plane.template.json", "lake, queue, jobs, functions, catalogue", "3 to 5"
)
AIRFLOW = Stack(
    names.AIRFLOW_STACK,
    "ledgerlake-airflow.template.json",
    "MWAA and its network",
    "25 to 40 when it is made, 10 to 30 when it changes",
)
GUARDRAILS = Stack(
    names.GUARDRAILS_STACK, "ledgerlake-guardrails.template.json", "budget, alarms, dashboard, roles of people", "2"
)
STACKS = (DELIVERY, DATA_PLANE, AIRFLOW, GUARDRAILS)


def parameters(stack: Stack, template: Mapping[str, Any], known: Mapping[str, str]) -> dict[str, str]:
    """Return the values of the template's parameters; one with a default may be unknown.

    Raises:
        DeploymentError: names the parameters for which nobody has a value.
    """
    declared = template.get("Parameters", {})
    missing = [name for name, each in declared.items() if name not in known and "Default" not in each]
    if missing:
        raise DeploymentError(
            f"{stack.name} asks for {', '.join(missing)}",
            expected=f"parameters among {', '.join(sorted(known))}, or with a default",
            remedy="deploy the stacks before it first, or correct its template",
        )
    return {name: known[name] for name in declared if name in known}
