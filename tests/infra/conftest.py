"""The templates as they are committed and as CDK makes them now, synthesised once."""

import json
import shutil
from fnmatch import fnmatchcase
from types import SimpleNamespace

import pytest

from infra.synth import TEMPLATE, TEMPLATES, synthesised

VALUES = {
    "Environment": "prod",
    "ArtifactBucket": "ledgerlake-artifacts-prod-123456789012-eu-west-1",
    "Release": "0123456789abcdef",
    "Orchestrator": "airflow",
    "AWS::AccountId": "123456789012",
    "AWS::Region": "eu-west-1",
    "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
}


@pytest.fixture(scope="session")
def fresh(tmp_path_factory):
    """A fresh synthesis: its `templates` by stack, and the `folder` with the reports on the rules."""
    if shutil.which("node") is None:
        pytest.skip("CDK needs Node, which is not on the PATH")
    folder = tmp_path_factory.mktemp("cdk")
    return SimpleNamespace(templates=synthesised(folder), folder=folder)


@pytest.fixture(scope="session")
def committed() -> dict:
    return json.loads(TEMPLATE.read_text())


@pytest.fixture(scope="session")
def template(committed) -> dict:
    """The committed template with every function computed, as a deployment to `prod` would see it."""
    return computed(committed)


@pytest.fixture(scope="session")
def chosen(committed):
    """chosen(kind) → the one resource of that type in a deployment whose orchestrator is Step Functions."""

    def find(kind: str) -> dict:
        resources = computed(committed, Orchestrator="step_functions")["Resources"].values()
        (found,) = [each["Properties"] for each in resources if each["Type"] == kind]
        return found

    return find


def computed(committed: dict, **values: str) -> dict:
    """The template with every function computed; `values` are those of parameters, over `VALUES`."""
    given = {**committed, "Values": {**VALUES, **values}}
    return {**given, "Resources": _compute(committed["Resources"], given)}


@pytest.fixture(scope="session")
def of_type(template):
    """of_type("AWS::Glue::Job") → the properties of every such resource, by logical id."""

    def find(kind: str) -> dict[str, dict]:
        return {name: each["Properties"] for name, each in template["Resources"].items() if each["Type"] == kind}

    return find


@pytest.fixture(scope="session")
def may(template):
    """may(part, action, key) → whether the part's policy allows it on that key of the lake."""

    def ask(part: str, action: str, key: str) -> bool:
        arn = f"arn:aws:s3:::ledgerlake-prod-123456789012-eu-west-1/{key}"
        return any(
            action in _list(statement["Action"])
            and any(fnmatchcase(arn, resource) for resource in _list(statement["Resource"]))
            for statement in statements_of(template, part)
        )

    return ask


@pytest.fixture(scope="session")
def may_list(template):
    """may_list(part, action, prefix) → whether the part's policy lets it list the keys below that prefix."""

    def ask(part: str, action: str, prefix: str) -> bool:
        patterns = [
            pattern
            for statement in statements_of(template, part)
            if action in _list(statement["Action"])
            for pattern in _list(statement["Condition"]["StringLikeIfExists"]["s3:prefix"])
        ]
        return any(fnmatchcase(prefix, pattern) for pattern in patterns)

    return ask


@pytest.fixture(scope="session")
def statements(template):
    """Every statement of a role or managed policy, with the logical id that has it."""
    return [
        (name, statement)
        for name, each in template["Resources"].items()
        if each["Type"] in ("AWS::IAM::Role", "AWS::IAM::ManagedPolicy")
        for statement in statements_of(template, name)
    ]


@pytest.fixture(scope="session")
def deployed():
    """deployed(stack, **parameters) → its committed template with every function computed, in prod."""

    def compute(stack: str, **values: str) -> dict:
        raw = json.loads(TEMPLATES[stack].read_text())
        defaults = {name: each.get("Default", f"<{name}>") for name, each in raw["Parameters"].items()}
        template = computed(raw, **{**defaults, **VALUES, **values})
        there = {
            name: each
            for name, each in template["Resources"].items()
            if "Condition" not in each
            or _holds(raw["Conditions"][each["Condition"]], {**raw, "Values": template["Values"]})
        }
        return {**template, "Resources": there}

    return compute


def statements_of(template: dict, part: str) -> list[dict]:
    (name,) = [
        name for name in template["Resources"] if name.startswith(part) and _is_policy(template["Resources"][name])
    ]
    properties = template["Resources"][name]["Properties"]
    documents = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
    documents += [properties["PolicyDocument"]] if "PolicyDocument" in properties else []
    return [statement for document in documents for statement in document["Statement"]]


def _is_policy(resource: dict) -> bool:
    return resource["Type"] in ("AWS::IAM::Role", "AWS::IAM::ManagedPolicy")


def _list(value) -> list:
    return value if isinstance(value, list) else [value]


def _compute(node, template):
    if isinstance(node, list):
        return [_compute(each, template) for each in node]
    if not isinstance(node, dict):
        return node
    if len(node) == 1:
        ((function, argument),) = node.items()
        if function in _FUNCTIONS:
            return _FUNCTIONS[function](argument, template)
    return {name: _compute(each, template) for name, each in node.items()}


def _ref(name, template):
    if name in template["Values"]:
        return template["Values"][name]
    return _compute(template["Resources"][name]["Properties"].get("BucketName", name), template)


def _get_att(path, template):
    resource = template["Resources"][path[0]]
    is_bucket = resource["Type"] == "AWS::S3::Bucket" and path[1] == "Arn"
    return f"arn:aws:s3:::{_ref(path[0], template)}" if is_bucket else ".".join(path)


def _join(argument, template):
    return argument[0].join(_compute(argument[1], template))


def _find_in_map(argument, template):
    name, first, second = _compute(argument, template)
    return template["Mappings"][name][first][second]


def _if(argument, template):
    name, then, otherwise = argument
    return _compute(then if _holds(template["Conditions"][name], template) else otherwise, template)


def _holds(condition, template) -> bool:
    ((function, argument),) = condition.items()
    if function == "Fn::Not":
        return not _holds(argument[0], template)
    if function == "Fn::And":
        return all(_holds(each, template) for each in argument)
    if function == "Condition":
        return _holds(template["Conditions"][argument], template)
    first, second = _compute(argument, template)
    return first == second


_FUNCTIONS = {"Ref": _ref, "Fn::GetAtt": _get_att, "Fn::Join": _join, "Fn::FindInMap": _find_in_map, "Fn::If": _if}
