"""A lake of its own, on which Step Functions run the pipeline."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1])]
from whole_lake import Lake, lake_of  # noqa: E402


@pytest.fixture(scope="session")
def lake() -> Iterator[Lake]:
    with lake_of("--orchestrator", "step_functions") as running:
        yield running
