"""The cases themselves: none without a verdict, and enough of them."""

from __future__ import annotations

import re
from pathlib import Path

from inputs import cases, outcome

PAGE = Path(__file__).parents[2] / "docs" / "files-and-values.md"


def test_every_file_has_a_verdict_and_every_verdict_a_reason():
    assert cases.undescribed() == []
    assert [case.path for case in cases.load() if not case.why] == []


def test_every_contract_and_dataset_that_cases_name_is_known():
    for case in cases.load():
        assert case.dataset in outcome.CONTRACTS[case.contract]


def test_there_are_at_least_two_hundred_cases():
    assert len(cases.load()) >= 200


def test_fifteen_cases_and_more_were_reported_to_other_projects():
    issues = {case.issue for case in cases.load() if case.issue}
    assert len(issues) >= 15
    assert [
        issue for issue in issues if not re.fullmatch(r"https://github[.]com/[^/]+/[^/]+/(issues|pull)/\d+", issue)
    ] == []


def test_the_docs_list_exactly_the_reasons_that_cases_are_given():
    rules = {rule.name for datasets in outcome.CONTRACTS.values() for d in datasets.values() for rule in d.rules}
    given = {reason.partition(":")[0] for case in cases.load() for reason in _reasons(case)} - rules
    table = PAGE.read_text().partition("## Reasons")[2]
    listed = {name for row in re.findall(r"^\|([^|]*)\|", table, re.MULTILINE) for name in re.findall("`(.*?)`", row)}
    assert listed - {"missing_file"} == given, "missing_file cannot be delivered"


def _reasons(case):
    verdict = case.expected()
    return [*verdict["file"], *(reason for row in verdict["rows"].values() for reason in row.get("rejected", []))]
