"""Two lakes: Airflow runs the one, Step Functions the other."""

import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parent)]
from history import PlayedLake, play  # noqa: E402
from whole_lake import lake_of  # noqa: E402


@pytest.fixture(scope="session")
def played():
    """Play the whole history on both lakes side by side; return each lake and its exit codes."""
    with ExitStack() as stack:
        lakes = {
            "airflow": stack.enter_context(lake_of()),
            "step_functions": stack.enter_context(lake_of("--orchestrator", "step_functions")),
        }

        with ThreadPoolExecutor(2) as pool:
            ended = pool.map(play, lakes.values())
            yield {name: PlayedLake(lakes[name], codes) for name, codes in zip(lakes, ended, strict=True)}
