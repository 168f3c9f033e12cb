"""Two lakes: Airflow runs the one, Step Functions the other."""

import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parent)]
from history import ACTS, Told  # noqa: E402
from whole_lake import lake_of  # noqa: E402


@pytest.fixture(scope="session")
def told():
    """The whole history, played on both lakes side by side: what each said, and what each holds now."""
    with ExitStack() as stack:
        lakes = {
            "airflow": stack.enter_context(lake_of()),
            "step_functions": stack.enter_context(lake_of("--orchestrator", "step_functions")),
        }

        def play(name):
            lake = lakes[name]
            said = [act(lake) for act in ACTS]
            return Told(lake, said)

        with ThreadPoolExecutor(2) as pool:
            yield dict(zip(lakes, pool.map(play, lakes), strict=True))
