"""Sample data for benchmarks, made by the product's own generator: same arguments, same bytes."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from benchmarks.sandbox import FOLDER, Sandbox
from cli.sample import Expected, Sample, write

ITEMS_PER_ORDER = 3.77
"""Order items that the generator makes of an order, on average."""


@dataclass(frozen=True)
class Made:
    """Files of a sample.

    Args:
        folder: with `products.csv`, `orders/<day>.csv` and `order_items/<day>.csv`.
        whole: all order items in one file, in the order of the days.
    """

    folder: Path
    whole: Path

    @property
    def items(self) -> list[Path]:
        """Return the files of order items, sorted."""
        return sorted((self.folder / "order_items").iterdir())

    @property
    def orders(self) -> list[Path]:
        """Return the files of orders, sorted."""
        return sorted((self.folder / "orders").iterdir())


def made(sandbox: Sandbox, *, items: int, days: int = 30, defects: float = 0.1) -> Made:
    """About `items` order items with their orders and products.

    Args:
        defects: share of the rows with something wrong: six in ten of those are to be rejected, the others are
            duplicates, of which half come a day later and half are changed.
    """
    folder = FOLDER / f"sample-{items}-{days}-{defects}"
    whole = folder / "order_items.csv"
    if not whole.exists():
        sandbox.say(f"making {items:,} order items …")
        unfinished = folder.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        generate(unfinished, items=items, days=days, defects=defects)
        _join(Made(unfinished, unfinished / "order_items.csv"))
        shutil.rmtree(folder, ignore_errors=True)
        unfinished.rename(folder)
    return Made(folder, whole)


def generate(folder: Path, *, items: int, days: int, defects: float) -> Expected:
    """Write the sample; returns what it holds."""
    per_day = max(1, round(items / days / ITEMS_PER_ORDER))
    return write(Sample(days=days, seed=7, defects=defects, orders_per_day=per_day, products=2000), folder)


def _join(sample: Made) -> None:
    with sample.whole.open("wb") as out:
        for number, path in enumerate(sample.items):
            with path.open("rb") as file:
                header = file.readline()
                if number == 0:
                    out.write(header)
                shutil.copyfileobj(file, out, 1 << 20)
