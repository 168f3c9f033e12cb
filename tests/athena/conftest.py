"""One lake with rows that real Glue jobs wrote, and its Athena, answered by either engine."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from whole_lake import Lake, lake_of

from cli.clients import connection
from cli.sample import Sample, write
from local.errors import NotInstalled
from local.trino import server
from tests.athena.engines import Engines


@pytest.fixture(scope="session", name="lake")
def lake_with_dirt(tmp_path_factory) -> Iterator[Lake]:
    """Two days of a shop with every kind of defect, loaded by Step Functions, whose checks ask Trino."""
    try:
        server.installed()
    except NotInstalled as error:
        pytest.skip(str(error))
    shop = tmp_path_factory.mktemp("shop")
    write(Sample(days=2, orders_per_day=60, defects=0.15), shop)
    with lake_of("--orchestrator", "step_functions", "--athena", "trino") as running:
        running.do("deliver", "products", shop / "products.csv")
        for dataset in ("orders", "order_items"):
            running.do("deliver", dataset, *sorted((shop / dataset).glob("*.csv")))
        running.do("wait", "--timeout", "900", timeout=960)
        yield running


@pytest.fixture(scope="session")
def engines(lake) -> Iterator[Engines]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEDGERLAKE_HOME", str(lake.home.folder))
        yield Engines(connection.connect(connection.Choice()))
