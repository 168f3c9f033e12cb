"""docs/access.md: who may do what, read from the committed templates, so that the page cannot say anything else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infra.review.security.wildcards import as_list, flat
from ledgerlake.contracts import DATASETS

BEGIN, END = "<!-- from the templates -->", "<!-- until here -->"
_SHORT = (
    ("arn:<AWS::Partition>:", ""),
    ("<AWS::Region>:<AWS::AccountId>", ""),
    ("<AWS::AccountId>", ""),
    ("s3:::ledgerlake-<Environment>--<AWS::Region>", "lake"),
    ("<Environment>", "ENV"),
)


def page(before: str, templates: Mapping[str, Path]) -> str:
    """Return the page with a new part between the two marks.

    Args:
        before: the page as it is.
        templates: by stack.
    """
    head, _, rest = before.partition(BEGIN)
    _, _, tail = rest.partition(END)
    parts = [_stack(stack, json.loads(path.read_text())) for stack, path in templates.items()]
    return "\n\n".join([f"{head}{BEGIN}", _columns(), *filter(None, parts), f"{END}{tail}"])


def _columns() -> str:
    rows = [f"| `{dataset.name}` | {_hidden(dataset.name)} |" for dataset in DATASETS.values()]
    return "\n".join(["## Columns that analysts do not see", "", "| table | left out |", "|---|---|", *rows])


def _hidden(dataset: str) -> str:
    return ", ".join(f"`{column.name}`" for column in DATASETS[dataset].columns if column.sensitive) or "nothing"


def _stack(stack: str, template: Mapping[str, Any]) -> str:
    roles = {name: each["Properties"] for name, each in template["Resources"].items() if _gives(each)}
    return (
        "\n\n".join([f"## {stack}", *(_role(name, properties) for name, properties in roles.items())]) if roles else ""
    )


def _gives(resource: Mapping[str, Any]) -> bool:
    return resource["Type"] in ("AWS::IAM::Role", "AWS::IAM::ManagedPolicy")


def _role(name: str, properties: Mapping[str, Any]) -> str:
    who = f" Taken by {_trusted(properties)}." if "AssumeRolePolicyDocument" in properties else ""
    documents = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
    documents += [properties["PolicyDocument"]] if "PolicyDocument" in properties else []
    rows = [_row(statement) for document in documents for statement in as_list(document["Statement"])]
    title = name.rstrip("0123456789ABCDEF")
    return "\n".join(
        [f"### {title}", "", f"{properties['Description']}{who}", "", "| may | on | if |", "|---|---|---|", *rows]
    )


def _trusted(properties: Mapping[str, Any]) -> str:
    found = []
    for statement in as_list(properties["AssumeRolePolicyDocument"]["Statement"]):
        named = [_shown(each) for value in statement["Principal"].values() for each in as_list(value)]
        found.append(f"{' and '.join(named)}{_if(statement, ', if ')}")
    return "; ".join(found)


def _row(statement: Mapping[str, Any]) -> str:
    actions = ", ".join(f"`{action}`" for action in as_list(statement["Action"]))
    resources = ", ".join(_shown(resource) for resource in as_list(statement["Resource"]))
    return f"| {actions} | {resources} | {_if(statement)} |"


def _if(statement: Mapping[str, Any], before: str = "") -> str:
    conditions = [
        f"`{key}` is {' or '.join(_shown(value) for value in as_list(values))}"
        for operands in statement.get("Condition", {}).values()
        for key, values in operands.items()
    ]
    return before + "; ".join(conditions) if conditions else ""


def _shown(value: Any) -> str:
    text = flat(value)
    for long, short in _SHORT:
        text = text.replace(long, short)
    return f"`{text}`"
