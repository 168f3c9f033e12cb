"""docs/access.md says what the templates say."""

import json

import pytest

from infra.review import access_page
from infra.synth import ACCESS, TEMPLATES
from ledgerlake import names


def test_the_page_is_what_the_templates_say():
    fresh = access_page.page(ACCESS.read_text(), TEMPLATES)
    assert ACCESS.read_text() == fresh, "run make synth, and review the difference"


def test_another_permission_is_another_page(tmp_path):
    template = json.loads(TEMPLATES[names.STACK].read_text())
    role = next(each["Properties"] for each in template["Resources"].values() if each["Type"] == "AWS::IAM::Role")
    statement = {"Effect": "Allow", "Action": "s3:DeleteBucket", "Resource": {"Fn::GetAtt": ["LakeBucket", "Arn"]}}
    role["Policies"][0]["PolicyDocument"]["Statement"].append(statement)
    changed = tmp_path / "changed.json"
    changed.write_text(json.dumps(template))
    page = access_page.page(ACCESS.read_text(), {**TEMPLATES, names.STACK: changed})
    assert "| `s3:DeleteBucket` | `<LakeBucket.Arn>` |  |" in page


@pytest.mark.parametrize("stack", TEMPLATES)
def test_every_role_says_what_it_is_for(stack):
    for name, each in json.loads(TEMPLATES[stack].read_text())["Resources"].items():
        if each["Type"] in ("AWS::IAM::Role", "AWS::IAM::ManagedPolicy"):
            assert len(each["Properties"]["Description"].split()) >= 4, name


@pytest.mark.parametrize("role", ["reader", "analyst", "operator"])
def test_every_role_of_people_is_explained_before_it_is_listed(role):
    said, _, listed = ACCESS.read_text().partition(access_page.BEGIN)
    assert f"| {role} |" in said
    assert f"### People{role.capitalize()}" in listed
