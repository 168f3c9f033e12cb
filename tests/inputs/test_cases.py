"""The cases themselves: none without a verdict, and enough of them."""

from __future__ import annotations

from inputs import cases, outcome


def test_every_file_has_a_verdict_and_every_verdict_a_reason():
    assert cases.undescribed() == []
    assert [case.path for case in cases.load() if not case.why] == []


def test_every_contract_and_dataset_that_cases_name_is_known():
    for case in cases.load():
        assert case.dataset in outcome.CONTRACTS[case.contract]


def test_there_are_at_least_two_hundred_cases():
    assert len(cases.load()) >= 200
