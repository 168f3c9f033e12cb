"""The security gate finds what is put before it on purpose, and nothing in the tree as it is."""

import json
import subprocess

import pytest

from infra.exceptions import ANYWHERE, EXCEPTIONS, Exceptions
from infra.review.security import accepted, scanners, wildcards
from infra.review.security.__main__ import CHECKS
from infra.synth import TEMPLATES
from ledgerlake import names

TOOLS = scanners.TOOLS / "checkov"
needs_tools = pytest.mark.skipif(not TOOLS.exists(), reason="make setup makes .venv-security, which is not there")


# --- the tree as it is; cdk-nag and cfn-lint are asked by test_synth


@pytest.mark.parametrize("check", ["permissions", "ruff S"])
def test_the_tree_passes(check):
    assert CHECKS[check]() == []


@pytest.mark.slow
@needs_tools
@pytest.mark.parametrize("check", ["checkov", "secrets"])
def test_the_tree_passes_the_scanners(check):
    assert CHECKS[check]() == []


# --- permissions


@pytest.fixture(params=TEMPLATES, ids=str)
def stack(request):
    return request.param


@pytest.fixture
def widened(stack):
    """widened(action, resource) → what is said of the stack's template when a role of it may also do that."""

    def ask(action, resource):
        template = _read(stack)
        role = next(each for each in template["Resources"].values() if each["Type"] == "AWS::IAM::Role")
        document = role["Properties"]["Policies"][0]["PolicyDocument"]
        document["Statement"].append({"Effect": "Allow", "Action": action, "Resource": resource})
        return wildcards.unexplained(template, EXCEPTIONS.get(stack, Exceptions()))

    return ask


@pytest.mark.parametrize("action", ["iam:PassRole", "iam:*", "s3:GetObject", "*"])
def test_an_action_on_every_resource_is_found_and_named(widened, action):
    (*_, problem) = widened(action, "*")
    assert f"allows {action} on every resource" in problem


@pytest.mark.parametrize(
    ("action", "resource", "wildcard"),
    [
        ("iam:*", "arn:aws:iam::123456789012:role/a", "Action::iam:*"),
        (["s3:GetObject", "dynamodb:*"], "arn:aws:s3:::a/b", "Action::dynamodb:*"),
        ("s3:GetObject", "arn:aws:s3:::another-bucket/*", "Resource::arn:aws:s3:::another-bucket/*"),
        ("s3:GetObject", {"Fn::GetAtt": ["LakeBucket", "Arn*"]}, "Resource::<LakeBucket.Arn*>"),
    ],
)
def test_a_new_wildcard_is_found_and_named(widened, action, resource, wildcard):
    (problem,) = widened(action, resource)
    assert wildcard in problem


def test_a_wildcard_that_is_gone_takes_its_exception_with_it():
    templates = {name: _read(name) for name in TEMPLATES}
    assert wildcards.left_over(templates, EXCEPTIONS) == []
    unneeded = {**EXCEPTIONS, names.STACK: Exceptions(wildcards={"^Action::dynamodb:": "There was a table."})}
    assert wildcards.left_over(templates, unneeded) == [f"{names.STACK}: ^Action::dynamodb:"]


def test_every_exception_has_a_reason():
    reasons = [*ANYWHERE.values()]
    reasons += [text for each in EXCEPTIONS.values() for text in (*each.rules.values(), *each.wildcards.values())]
    assert [reason for reason in reasons if len(reason.split()) < 5] == []
    with pytest.raises(ValueError, match="expected a sentence"):
        accepted.Accepted("CKV_AWS_18", "*", "because")


def test_an_accepted_finding_that_is_found_no_more_is_an_error():
    gone = accepted.Accepted("CKV_AWS_1", "a:*", "It was there for a while.")
    assert accepted.left_over((gone,), [("CKV_AWS_1", "b:x")]) == [gone]
    assert accepted.unexplained((gone,), [("CKV_AWS_1", "a:x"), ("CKV_AWS_1", "b:x")]) == [("CKV_AWS_1", "b:x")]


# --- scanners


@pytest.mark.slow
@needs_tools
def test_a_public_bucket_an_open_queue_and_a_wildcard_are_found_and_named(tmp_path):
    template = _read(names.STACK)
    bucket = _first(template, "AWS::S3::Bucket")
    del bucket["PublicAccessBlockConfiguration"]
    bucket["AccessControl"] = "PublicRead"
    del _first(template, "AWS::SQS::Queue")["KmsMasterKeyId"]
    role = _first(template, "AWS::IAM::Role")
    anything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    role["Policies"][0]["PolicyDocument"]["Statement"].append(anything)
    copy = tmp_path / "ledgerlake-data-plane.template.json"
    copy.write_text(json.dumps(template))
    found = accepted.unexplained(accepted.CHECKOV, scanners.checkov([copy]))
    kinds = {(rule, where.rpartition(".")[0]) for rule, where in found}
    assert {
        ("CKV_AWS_20", "ledgerlake-data-plane:AWS::S3::Bucket"),
        ("CKV_AWS_53", "ledgerlake-data-plane:AWS::S3::Bucket"),
        ("CKV_AWS_27", "ledgerlake-data-plane:AWS::SQS::Queue"),
        ("CKV_AWS_107", "ledgerlake-data-plane:AWS::IAM::Role"),
    } <= kinds


@pytest.mark.slow
@needs_tools
def test_a_secret_in_the_tree_is_found_and_its_line_named(tmp_path):
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    key = "AKIA" + "Z7Q2M4W6X8Y3B5N1"
    (tmp_path / "settings.py").write_text(f'REGION = "eu-west-1"\nKEY = "{key}"\npassword = "{key.lower()}-x1"\n')
    found = scanners.secrets(tmp_path, scanners.tracked(tmp_path))
    assert ("AWS Access Key", "settings.py:2") in found
    assert ("Secret Keyword", "settings.py:3") in found
    assert accepted.unexplained(accepted.SECRETS, found) == found


@needs_tools
def test_a_scanner_that_has_looked_at_nothing_is_an_error(tmp_path):
    with pytest.raises(scanners.ScanFailed, match="no file to search"):
        scanners.secrets(tmp_path, [])


def test_a_scanner_that_is_not_there_says_how_it_is_made(tmp_path, monkeypatch):
    monkeypatch.setattr(scanners, "TOOLS", tmp_path)
    with pytest.raises(scanners.ScanFailed, match="make setup"):
        scanners.checkov([TEMPLATES[names.STACK]])


def _read(stack):
    return json.loads(TEMPLATES[stack].read_text())


def _first(template, kind):
    return next(each["Properties"] for each in template["Resources"].values() if each["Type"] == kind)
