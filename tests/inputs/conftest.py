"""All cases in one go: a batch for each contract, its jobs run as always, but compiled.

Of few rows a job interprets its plans, and so do nearly all tests; here is every kind of value and of rule, so
that both ways are seen to mean the same.
"""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from inputs import cases, outcome
from shop import order, orders, product, products
from spark_lake import COMPILED, Lake, set_all

from ledgerlake.settings import Settings
from ledgerlake_glue import session

PARENTS = {"orders": orders(order(1), order(2)), "products": products(product(1), product(2))}
"""Of the items in the cases."""


@pytest.fixture(scope="session")
def lakes(spark):
    """By contract, the lake into which its cases were delivered, and the jobs' answers by dataset."""
    found = {}
    with _compiled(spark):
        for contract, datasets in outcome.CONTRACTS.items():
            lake = Lake(spark, Settings(gate="any"))
            lake.contracts |= datasets
            mine = [case for case in cases.load() if case.contract == contract]
            found[contract] = lake, _run(lake, datasets, mine)
    return found


@contextmanager
def _compiled(spark):
    before = {name: spark.conf.get(name) for name in COMPILED}
    set_all(spark, COMPILED)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(session, "FEW", 0)
            yield
        assert {name: spark.conf.get(name) for name in COMPILED} == COMPILED, "the jobs have left it so"
    finally:
        set_all(spark, before)


def _run(lake, datasets, mine):
    for case in mine:
        lake.deliver(case.dataset, case.path, case.body)
    if "products" in datasets:
        for dataset, text in PARENTS.items():
            lake.deliver(dataset, "parents.csv", text)
    planned = lake.plan()
    return {dataset: lake.job(dataset, planned.batch_id) for dataset in planned.datasets if dataset in datasets}


@pytest.fixture(scope="session")
def judged(lakes):
    """By contract, dataset and file, what became of it."""
    return {
        contract: {name: outcome.judged(lake, name, answer.get("unknown_columns", {})) for name, answer in jobs.items()}
        for contract, (lake, jobs) in lakes.items()
    }
