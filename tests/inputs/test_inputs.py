"""Every kind of file and of value, judged by the real jobs as `cases/` says."""

from __future__ import annotations

import json

import pytest
from inputs import cases, outcome

pytestmark = pytest.mark.slow
CASES = cases.load()


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.contract}/{case.dataset}/{case.path}")
def test_a_delivery_is_judged_as_its_verdict_says(case, judged):
    got = outcome.seen(case, judged[case.contract][case.dataset][case.path])
    expected = case.expected()
    superseded = [number for number in expected["rows"] if number not in got["rows"]]
    assert not superseded or expected["file"] or got["file"], f"rows {superseded}: does another case use their keys?"
    assert _exactly(got) == _exactly(expected), case.why


def _exactly(verdict):
    """As text, in which -0.0 is not 0.0, nor 1 True."""
    return json.dumps(verdict, indent=1, sort_keys=True, ensure_ascii=False)
