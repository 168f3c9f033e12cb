"""The page for reviewers about a change of the templates."""

import json
import subprocess

import pytest

from infra.review import template_changes
from infra.review.template_changes import NoSuchCommit, at_commit, differences, now, page

NAME = "infra/templates/a.template.json"
QUEUE = {"Type": "AWS::SQS::Queue", "Properties": {"Name": "q", "Seconds": 60}}


def role(*actions):
    return {"Type": "AWS::IAM::Role", "Properties": {"Statements": [{"Action": each} for each in actions]}}


def changes_of(before, after):
    return page({NAME: {"Resources": before}}, {NAME: {"Resources": after}}, "main")


def test_equal_templates_change_nothing():
    assert (
        changes_of({"Q": QUEUE}, {"Q": QUEUE})
        == "### What changes in AWS\n\nNothing: every template is that of `main`.\n"
    )


def test_a_changed_property_is_told_with_both_values():
    changed = {**QUEUE, "Properties": {"Name": "q", "Seconds": 90}}
    assert (
        "**changed** `Q` (AWS::SQS::Queue)\n```diff\n- Properties.Seconds: 60\n+ Properties.Seconds: 90\n```"
        in changes_of({"Q": QUEUE}, {"Q": changed})
    )


def test_what_is_removed_and_keeps_state_is_marked():
    assert "**removed** `Q` (AWS::SQS::Queue) ⚠ AWS::SQS::Queue keeps state" in changes_of({"Q": QUEUE}, {})
    assert "**added** `Q` (AWS::SQS::Queue)\n" in changes_of({}, {"Q": QUEUE})


def test_a_widened_permission_is_marked_and_told_however_long_the_policy_is():
    many = [f"s3:Action{number}" for number in range(300)]
    said = changes_of({"R": role(*many, "s3:GetObject")}, {"R": role(*many, "s3:*")})
    assert "(AWS::IAM::Role) ⚠ permissions" in said
    assert '- Properties.Statements[300].Action: "s3:GetObject"\n+ Properties.Statements[300].Action: "s3:*"' in said


def test_another_order_of_a_list_is_a_difference():
    assert list(differences([1, 2], [2, 1], "at")) == ["! at: the same elements in another order or number"]
    assert list(differences([1, 1], [1], "at")) == ["! at: the same elements in another order or number"]


def test_a_parameter_and_a_state_of_the_state_machine_are_told_too():
    before = {NAME: {"Parameters": {"A": {"Default": "x"}}}, "m.json": {"States": {"Plan": {"Next": "A"}}}}
    after = {NAME: {"Parameters": {"A": {"Default": "y"}}}, "m.json": {"States": {"Plan": {"Next": "B"}}}}
    said = page(before, after, "main")
    assert '**changed** `Parameters`\n```diff\n- A.Default: "x"\n+ A.Default: "y"' in said
    assert '**changed** `Plan`\n```diff\n- Next: "A"\n+ Next: "B"' in said


def test_a_page_fits_into_a_comment_and_says_that_there_is_more():
    said = changes_of({}, {f"Q{number}": QUEUE for number in range(2000)})
    assert len(said) <= template_changes.LONGEST
    assert said.endswith("see the difference of the files themselves.\n")
    assert said.count("```") % 2 == 0


@pytest.fixture
def repository(tmp_path):
    (tmp_path / "infra" / "templates").mkdir(parents=True)
    (tmp_path / "step_functions").mkdir()
    (tmp_path / NAME).write_text(json.dumps({"Resources": {"Q": QUEUE}}))
    (tmp_path / template_changes.packaging.DEFINITION).write_text("{}")
    git = ["git", "-C", tmp_path, "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "first"]):
        subprocess.run([*git, *arguments], check=True)
    return tmp_path


def test_the_working_tree_is_compared_with_a_commit(repository):
    assert at_commit("HEAD", repository) == now(repository)
    (repository / NAME).write_text(json.dumps({"Resources": {}}))
    assert "**removed** `Q`" in page(at_commit("HEAD", repository), now(repository), "HEAD")


def test_a_template_that_is_new_is_told_as_added(repository):
    (repository / "infra" / "templates" / "b.template.json").write_text(json.dumps({"Resources": {"Q": QUEUE}}))
    assert "b.template.json`\n\n**added** `Q`" in page(at_commit("HEAD", repository), now(repository), "HEAD")


def test_an_unknown_commit_is_refused_with_the_way_on(repository):
    with pytest.raises(NoSuchCommit, match="make synth-diff BASE"):
        at_commit("nowhere", repository)
