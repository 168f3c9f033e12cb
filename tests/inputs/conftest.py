"""All cases in one go: a batch for each contract, its jobs run as always."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from inputs import cases, outcome
from shop import order, orders, product, products
from spark_lake import Lake, s3_endpoint, spark  # noqa: F401

from ledgerlake.settings import Settings

PARENTS = {"orders": orders(order(1), order(2)), "products": products(product(1), product(2))}
"""Of the items in the cases."""


@pytest.fixture(scope="session")
def lakes(spark):  # noqa: F811
    """By contract, the lake into which its cases were delivered, and the jobs' answers by dataset."""
    found = {}
    for contract, datasets in outcome.CONTRACTS.items():
        lake = Lake(spark, Settings(gate="any"))
        lake.contracts |= datasets
        mine = [case for case in cases.load() if case.contract == contract]
        found[contract] = lake, _run(lake, datasets, mine)
    return found


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
