"""A lake of its own, whose parts are killed."""

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1])]
from whole_lake import Lake, whole_lake  # noqa: E402, F401


@pytest.fixture(scope="session")
def rounds(lake: Lake) -> Iterator[int]:
    """The numbers of the story's rounds, whichever tests tell it."""
    return itertools.count(1)
