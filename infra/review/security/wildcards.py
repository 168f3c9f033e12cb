"""Wildcards in the permissions of every template: each has to be among the exceptions, with its reason.

It says what cdk-nag says (AwsSolutions-IAM5), of the committed templates and without Node; and beyond it, which
actions may be allowed on the resource `*`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from infra.exceptions import ANYWHERE, Exceptions

_ROLES = ("AWS::IAM::Role", "AWS::IAM::ManagedPolicy", "AWS::IAM::Policy")


def statements(template: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(logical id, statement) of every policy of a role, and every managed one."""
    for name, resource in template["Resources"].items():
        if resource["Type"] not in _ROLES:
            continue
        properties = resource["Properties"]
        documents = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
        documents += [properties["PolicyDocument"]] if "PolicyDocument" in properties else []
        for document in documents:
            yield from ((name, statement) for statement in as_list(document["Statement"]))


def found(template: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(logical id, wildcard), the wildcard in cdk-nag's words: `Action::s3:*`, `Resource::arn:<AWS::Partition>:…*`."""
    return [
        (name, wildcard)
        for name, statement in statements(template)
        if statement["Effect"] == "Allow"
        for wildcard in (
            *(f"Action::{action}" for action in as_list(statement["Action"]) if "*" in action),
            *(f"Resource::{text}" for text in map(flat, as_list(statement["Resource"])) if "*" in text),
        )
    ]


def unexplained(template: Mapping[str, Any], accepted: Exceptions) -> list[str]:
    """Return one sentence for each wildcard of the template that no exception explains."""
    problems = [
        f"{name} allows {wildcard}: it is not among the wildcards of infra/exceptions.py"
        for name, wildcard in found(template)
        if not any(re.search(pattern, wildcard) for pattern in accepted.wildcards)
    ]
    for name, statement in statements(template):
        anywhere = statement["Effect"] == "Allow" and "*" in as_list(statement["Resource"])
        for action in as_list(statement["Action"]) if anywhere else ():
            if not any(fnmatchcase(action, pattern) for pattern in ANYWHERE):
                problems.append(
                    f"{name} allows {action} on every resource: it is not in ANYWHERE of infra/exceptions.py"
                )
    return problems


def left_over(templates: Mapping[str, Mapping[str, Any]], accepted: Mapping[str, Exceptions]) -> list[str]:
    """Exceptions that no template needs any more; both mappings are by stack."""
    unused = [
        f"{stack}: {pattern}"
        for stack, exceptions in accepted.items()
        for pattern in exceptions.wildcards
        if not any(re.search(pattern, wildcard) for _, wildcard in found(templates[stack]))
    ]
    wide = {
        action
        for template in templates.values()
        for _, statement in statements(template)
        if "*" in as_list(statement["Resource"])
        for action in as_list(statement["Action"])
    }
    return unused + [
        f"ANYWHERE: {pattern}" for pattern in ANYWHERE if not any(fnmatchcase(each, pattern) for each in wide)
    ]


def flat(value: Any) -> str:
    """Return a text of a template with its functions as cdk-nag writes them: `<Parameter>`, `<Resource.Attribute>`."""
    if isinstance(value, str):
        return value
    ((function, argument),) = value.items()
    if function == "Ref":
        return f"<{argument}>"
    if function == "Fn::GetAtt":
        return f"<{'.'.join(argument)}>"
    if function == "Fn::Join":
        separator, parts = argument
        return str(separator).join(flat(part) for part in parts)
    return json.dumps(value)


def as_list(value: Any) -> list[Any]:
    """Return a single value as a list of one."""
    return value if isinstance(value, list) else [value]
