"""What the shop's deliveries must look like; everything else is derived from it.

Adding a dataset is adding one file here and its name below, parents before children.
"""

from __future__ import annotations

from ledgerlake.contracts.model import Column, Dataset, QualityLimit, Reference, Rule, in_order
from ledgerlake.contracts.order_items import ORDER_ITEMS
from ledgerlake.contracts.orders import ORDERS
from ledgerlake.contracts.products import PRODUCTS
from ledgerlake.errors import ContractError

__all__ = ["DATASETS", "Column", "Dataset", "QualityLimit", "Reference", "Rule", "dataset"]

DATASETS = in_order((PRODUCTS, ORDERS, ORDER_ITEMS))


def dataset(name: str) -> Dataset:
    """Return the dataset of that name; ContractError names the known ones."""
    if name not in DATASETS:
        raise ContractError(f"there is no dataset {name!r}", expected=f"one of {', '.join(DATASETS)}")
    return DATASETS[name]
