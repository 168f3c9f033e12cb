"""The committed templates are what CDK makes of the code, and they hold to the rules."""

import csv
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from infra import exceptions
from infra.synth import TEMPLATE, TEMPLATES, text

each_stack = pytest.mark.parametrize("stack", TEMPLATES)


@pytest.mark.slow
@each_stack
def test_the_committed_template_is_a_fresh_synthesis(fresh, stack):
    fresh_text = text(fresh.templates[stack])
    assert TEMPLATES[stack].read_text() == fresh_text, "run python -m infra.synth, and review the difference"


@pytest.mark.slow
def test_every_stack_has_its_committed_template_and_there_is_no_other(fresh):
    assert set(fresh.templates) == set(TEMPLATES)
    assert set(TEMPLATE.parent.iterdir()) == set(TEMPLATES.values())


@pytest.mark.slow
@each_stack
def test_no_rule_of_aws_solutions_is_broken_without_a_reason(fresh, stack):
    rows = _nag(fresh.folder, stack)
    broken = {
        f"{row['Rule ID']} {row['Resource ID']}" for row in rows if row["Compliance"] not in ("Compliant", "Suppressed")
    }
    assert "AwsSolutions-IAM5" in {row["Rule ID"] for row in rows}, "the rules have not looked at this stack"
    assert not broken


@pytest.mark.slow
@each_stack
def test_no_exception_to_the_rules_is_left_over(fresh, stack):
    rows = _nag(fresh.folder, stack)
    used = {row["Exception Reason"].split("] ")[-1] for row in rows if row["Compliance"] == "Suppressed"}
    accepted = exceptions.EXCEPTIONS.get(stack, exceptions.Exceptions())
    reasons = {*accepted.rules.values(), *accepted.wildcards.values()}
    assert {reason for reason in reasons if not any(reason in text for text in used)} == set()


def test_no_exception_is_for_a_stack_that_is_not_there():
    assert set(exceptions.EXCEPTIONS) <= set(TEMPLATES)


@pytest.mark.slow
@each_stack
def test_cfn_lint_finds_nothing(stack):
    cfn_lint = Path(sys.executable).with_name("cfn-lint")
    done = subprocess.run([cfn_lint, TEMPLATES[stack]], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_template_knows_no_account_region_or_machine(committed):
    body = json.dumps(committed)
    assert not re.search(r"\b\d{12}\b|us-east-1|/home/|/tmp/|/Users/", body)
    assert "cdk-hnb659fds" not in body
    assert not {kind for kind in _kinds(committed) if kind.startswith(("Custom::", "AWS::CDK", "AWS::CloudFormation"))}
    assert set(committed["Parameters"]) == {"Environment", "ArtifactBucket", "Release", "Orchestrator"}


def test_the_template_is_far_below_what_cloudformation_reads_from_s3():
    """As every deployment hands it over: with the release, in the artifact bucket. One MB is the most."""
    assert len(TEMPLATE.read_bytes()) <= 300_000


def _kinds(template: dict) -> set[str]:
    return {resource["Type"] for resource in template["Resources"].values()}


def _nag(folder: Path, stack: str) -> list[dict[str, str]]:
    (report,) = folder.glob(f"AwsSolutions-*-{stack}-NagReport.csv")
    with report.open(newline="") as lines:
        return list(csv.DictReader(lines))
