"""The quick half of the mutants; `make test-mutants` tries all of them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from mutants import MUTANTS, QUICK, ROOT, copy_of_the_tree, survives

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tree")
    copy_of_the_tree(folder)
    return folder


@pytest.mark.parametrize("mutant", QUICK, ids=lambda mutant: mutant.name)
def test_a_broken_promise_is_found(copy, mutant):
    assert survives(mutant, copy) == ""


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_every_mutant_is_one_edit_of_the_code_as_it_is(mutant):
    assert (ROOT / mutant.file).read_text().count(mutant.find) == 1
    assert mutant.find != mutant.put


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_tests_of_every_mutant_are_there(mutant):
    files = [each for each in mutant.tests if each.startswith("tests/")]
    assert files
    assert all((ROOT / each).exists() for each in files)
