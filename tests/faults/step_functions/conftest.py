"""A lake of its own, on which Step Functions run the pipeline."""

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1]), str(Path(__file__).parent)]
from whole_lake import Lake, lake_of  # noqa: E402


@pytest.fixture(scope="session")
def lake() -> Iterator[Lake]:
    with lake_of("--orchestrator", "step_functions") as running:
        yield running


@pytest.fixture(scope="session")
def rounds(lake: Lake) -> Iterator[int]:
    """The numbers of the story's rounds, whichever tests tell it."""
    return itertools.count(1)
