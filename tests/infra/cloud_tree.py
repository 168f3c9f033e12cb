"""A tree to deploy on the local AWS: the real one, with small templates where it has no such resources.

MWAA, budgets and GitHub's role cannot be had there. What stands for them takes the parameters that
the real ones take, so that a deployment has to find the same values.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from infra.release.packaging import ROOT
from infra.synth import TEMPLATES
from ledgerlake import names

_COPIED = ("dags", "plugins", "lambdas", "glue_scripts", "step_functions", "infra/templates")
_ENVIRONMENT = {"Environment": {"Type": "String"}}


def copy(folder: Path) -> Path:
    """The tree, below `folder`."""
    root = folder / "tree"
    for name in _COPIED:
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "requirements.txt", root / "requirements.txt")
    airflow = json.loads(TEMPLATES[names.AIRFLOW_STACK].read_text())
    _write(root, "delivery", _ENVIRONMENT, _artifacts())
    _write(root, "airflow", airflow["Parameters"], _noted(*airflow["Parameters"]))
    _write(root, "guardrails", {**_ENVIRONMENT, "TopicArn": {"Type": "String"}}, _noted("Environment", "TopicArn"))
    return root


def rewrite(root: Path, stack: str, resources: dict[str, Any]) -> None:
    """Give the stack's template other resources."""
    path = root / "infra" / "templates" / f"ledgerlake-{stack}.template.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"Resources": resources}))


def _write(root: Path, stack: str, parameters: dict[str, Any], resources: dict[str, Any]) -> None:
    body = {"Parameters": parameters, "Resources": resources, "Outputs": {}}
    (root / "infra" / "templates" / f"ledgerlake-{stack}.template.json").write_text(json.dumps(body))


def _artifacts() -> dict[str, Any]:
    name = {"Fn::Sub": "ledgerlake-artifacts-${Environment}-${AWS::AccountId}-${AWS::Region}"}
    properties = {"BucketName": name, "VersioningConfiguration": {"Status": "Enabled"}}
    return {"Artifacts": {"Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain", "Properties": properties}}


def _noted(*parameters: str) -> dict[str, Any]:
    """One parameter of the Parameter Store for each of the template's, with the value that it was given."""
    return {
        name: {
            "Type": "AWS::SSM::Parameter",
            "Properties": {"Type": "String", "Name": f"/{len(parameters)}/{name}", "Value": _text(name)},
        }
        for name in parameters
    }


def _text(name: str) -> dict[str, Any]:
    return {"Fn::Join": [",", {"Ref": name}]} if name == "Zones" else {"Ref": name}
