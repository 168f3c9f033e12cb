"""Writing a sample: the shop's days as CSV files, with the defects drawn for them."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TextIO

from cli.sample.assortment import Product
from cli.sample.defects import ITEM_KINDS, ORDER_KINDS, PRODUCT_KINDS, Defects, Row
from cli.sample.expected import REJECTED_KINDS, Expected
from cli.sample.shop import Order, Shop

HEADERS = {
    "products": "product_id,department_id,department,product_name",
    "orders": "order_num,order_id,user_id,order_timestamp,total_amount,date",
    "order_items": "id,order_id,user_id,days_since_prior_order,product_id,add_to_cart_order,reordered,"
    "order_timestamp,date",
}


@dataclass(frozen=True)
class Sample:
    """Sizes of a sample. `defects` is the share of rows with a defect, 0 to 1; `orders_per_day` is an average."""

    days: int = 3
    seed: int = 1
    defects: float = 0.0
    start: date = date(2025, 4, 1)
    orders_per_day: int = 500
    products: int = 400


def write(sample: Sample, out: Path, on_day: Callable[[date], None] = lambda _: None) -> Expected:
    """Write `products.csv`, `orders/<date>.csv` and `order_items/<date>.csv` below `out`.

    Args:
        on_day: called after each day, for a display of progress.
    """
    shop = Shop(seed=sample.seed, products=sample.products, orders_per_day=sample.orders_per_day)
    writer = _Writer(Defects(seed=sample.seed, rate=sample.defects))
    writer.products(shop.products, out)
    for number in range(sample.days):
        day = sample.start + timedelta(days=number)
        writer.day(shop.day(day), out, f"{day}.csv", last_day=number == sample.days - 1)
        on_day(day)
    return writer.expected


class _Writer:
    """Writes clean and dirty rows and counts both; keeps the rows that come a day later."""

    def __init__(self, defects: Defects) -> None:
        self._defects = defects
        self._later: dict[str, list[Row]] = {"orders": [], "order_items": []}
        self.expected = Expected()

    def products(self, products: list[Product], out: Path) -> None:
        """Every product comes through; its defects are in rows of its own, or items would wait for it for ever."""
        rows = [product.row() for product in products]
        for product in products:
            kind = self._defects.draw(PRODUCT_KINDS)
            if kind is None:
                continue
            self.expected.defects["products"][kind] += 1
            rows.append(self._defective_product(kind, product.row(), len(rows) + 1))
        with _csv_file(out / "products.csv", "products") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)
        self.expected.loaded["products"] = len(products)
        self.expected.rows["products"] = len(rows)
        self.expected.files += 1

    def _defective_product(self, kind: str, row: Row, new_id: int) -> Row:
        if kind == "duplicate":
            return row
        if kind == "duplicate_changed":
            return [*row[:-1], f"New {row[-1]}"]
        return self._defects.broken(kind, [str(new_id), *row[1:]], key=0, number=1, negative=1, time=1)

    def day(self, orders: Iterator[Order], out: Path, name: str, *, last_day: bool) -> None:
        came_later, self._later = self._later, {"orders": [], "order_items": []}
        with (
            _csv_file(out / "orders" / name, "orders") as order_file,
            _csv_file(out / "order_items" / name, "order_items") as item_file,
        ):
            for order in orders:
                comes = self._order(order, order_file, last_day=last_day)
                self._items(order, item_file, comes=comes, last_day=last_day)
            self._put(order_file, "orders", came_later["orders"])
            self._put(item_file, "order_items", came_later["order_items"])
        self.expected.files += 2

    def _order(self, order: Order, file: TextIO, *, last_day: bool) -> bool:
        """Write the order as drawn; returns whether a valid row of it comes, today or later."""
        row = _order_row(order)
        kind = self._defects.draw(ORDER_KINDS, last_day=last_day)
        if kind is not None:
            self.expected.defects["orders"][kind] += 1
        if kind in REJECTED_KINDS:
            self._put(file, "orders", [self._defects.broken(kind, row, key=1, number=2, negative=4, time=3)])
            return False
        if kind == "missing":
            return False
        if kind == "late":
            self._later["orders"].append(row)
        else:
            self._put(file, "orders", [row])
        self._again(kind, "orders", file, row, lambda: _order_row(self._correct(order)))
        self.expected.loaded["orders"] += 1
        self.expected.revenue_cents += order.cents
        return True

    def _correct(self, order: Order) -> Order:
        """Another total; every second time the order also moves to the next business day."""
        order.cents += 100 + int(self._defects.rng.random() * 900)
        if self._defects.rng.random() < 0.5:
            order.date = (date.fromisoformat(order.date) + timedelta(days=1)).isoformat()
        return order

    def _items(self, order: Order, file: TextIO, *, comes: bool, last_day: bool) -> None:
        day = order.timestamp[:10]
        since = "" if order.days_since_prior is None else order.days_since_prior
        counts, rate = self.expected, self._defects
        fate = counts.loaded if comes else counts.parked
        for item_id, product_id, position, reordered in order.lines:
            text = (
                f"{item_id},{order.order_id},{order.user_id},{since},{product_id},{position},{reordered},"
                f"{order.timestamp},{day}"
            )
            kind = rate.draw(ITEM_KINDS, last_day=last_day)
            if kind is None:
                file.write(text + "\n")
                counts.rows["order_items"] += 1
                fate["order_items"] += 1
            else:
                self._defective_item(kind, text.split(","), file, comes=comes)

    def _defective_item(self, kind: str, row: Row, file: TextIO, *, comes: bool) -> None:
        self.expected.defects["order_items"][kind] += 1
        if kind in REJECTED_KINDS:
            self._put(file, "order_items", [self._defects.broken(kind, row, key=0, number=4, negative=3, time=7)])
            return
        self._put(file, "order_items", [row])
        self._again(kind, "order_items", file, row, lambda: [*row[:5], str(int(row[5]) + 1), *row[6:]])
        if comes:
            self.expected.loaded["order_items"] += 1
        else:  # every version waits, because a later parent may release an older one
            self.expected.parked["order_items"] += 2

    def _again(self, kind: str | None, dataset: str, file: TextIO, row: Row, changed: Callable[[], Row]) -> None:
        """Write the row a second time, the same or changed, in this file or in the next day's."""
        if kind == "duplicate":
            self._put(file, dataset, [row])
        elif kind == "duplicate_changed":
            self._put(file, dataset, [changed()])
        elif kind == "repeated_later":
            self._later[dataset].append(row)
        elif kind in ("corrected_later", "changed_later"):
            self._later[dataset].append(changed())

    def _put(self, file: TextIO, dataset: str, rows: list[Row]) -> None:
        for row in rows:
            file.write(",".join(row) + "\n")
        self.expected.rows[dataset] += len(rows)


def _order_row(order: Order) -> Row:
    total = f"{order.cents // 100}.{order.cents % 100:02}"
    return [str(order.num), str(order.order_id), str(order.user_id), order.timestamp, total, order.date]


@contextmanager
def _csv_file(path: Path, dataset: str) -> Iterator[TextIO]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(HEADERS[dataset] + "\n")
        yield file
