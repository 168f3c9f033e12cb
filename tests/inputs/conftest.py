"""All cases in one go: a batch for each contract, its jobs run as always."""

from __future__ import annotations

import sys
from collections import defaultdict
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
def judged(spark):  # noqa: F811
    """By contract, dataset and file, what became of it."""
    found = {}
    for contract, datasets in outcome.CONTRACTS.items():
        mine = [case for case in cases.load() if case.contract == contract]
        found[contract] = _run(Lake(spark, Settings(gate="any")), datasets, mine)
    return found


def _run(lake, datasets, mine):
    lake.contracts |= datasets
    for case in mine:
        lake.deliver(case.dataset, case.path, case.body)
    if "products" in datasets:
        for dataset, text in PARENTS.items():
            lake.deliver(dataset, "parents.csv", text)
    planned = lake.plan()
    unknown = defaultdict(dict)
    for dataset in planned.datasets:
        unknown[dataset] = lake.job(dataset, planned.batch_id).get("unknown_columns", {})
    return {dataset: outcome.judged(lake, dataset, unknown[dataset]) for dataset in planned.datasets}
