"""Files as producers deliver them on a random walk: few keys, so that collisions, corrections and orphans are many."""

from __future__ import annotations

import json
from dataclasses import dataclass
from random import Random

from shop import item, items, order, orders, product, products

MOST_ROWS = 6
"""Rows of one file; three files at most are delivered at once, so a burst stays below twenty rows."""
DAYS = ("2025-04-01", "2025-04-02", "2025-04-03")
NAMES = ("a.csv", "b.csv", "2025-04-02.csv", "late.csv")
_TOTALS = (10.0, 20.5, 99.0, -3.0, "ten")
_BROKEN = {
    "products": ("x,1,Home,Lamp", "3,1,Home", ",,Home,"),
    "orders": ("7,3,500,2025-02-30T08:00:00,1,2025-02-30", "7,3,500", "7,,500,2025-04-01T08:00:00,1.0,2025-04-01"),
    "order_items": ("x,,,,,,,,", "5,1,500,3,1,0,2,2025-04-01T08:00:00,2025-04-01"),
}
STRAYS = ("Orders/alone.csv", "order/x.csv", "x.csv", "orders-old/2025.csv", "readme.txt")
MARKERS = ("orders/_SUCCESS", "products/.part-0.csv.crc", "order_items/_temporary/0/task_1/part-0.csv")
ODD_MESSAGES = (
    "",
    "not JSON",
    "[]",
    "{}",
    '{"Records": []}',
    '{"Records": [{"s3": {}}]}',
    '{"look": null}',
    '{"ledgerlake": "look"}',
    '{"Service": "Amazon S3", "Event": "s3:TestEvent"}',
    json.dumps({"Type": "Notification", "Message": json.dumps({"Records": [{"s3": {"bucket": {"name": "other"}}}]})}),
    json.dumps({"detail-type": "Object Created", "source": "aws.s3", "detail": {"bucket": {"name": "other"}}}),
    "\u202e{" * 40,
)


@dataclass(frozen=True)
class File:
    """What a producer puts below raw/."""

    name: str
    body: str

    @property
    def dataset(self) -> str:
        return self.name.partition("/")[0]


def file(chance: Random) -> File:
    """A file of one of the three datasets."""
    dataset = chance.choice(("products", "orders", "orders", "order_items", "order_items"))
    rows = [_row(dataset, chance) for _ in range(chance.randint(0, MOST_ROWS))]
    body = {"products": products, "orders": orders, "order_items": items}[dataset](*rows)
    return File(f"{dataset}/{chance.choice(NAMES)}", body)


def first_files() -> tuple[File, ...]:
    """One of each dataset, which open the gate."""
    return (
        File("products/first.csv", products(product(1), product(2))),
        File("orders/first.csv", orders(order(1), order(2))),
        File("order_items/first.csv", items(item(1, 1), item(2, 9))),
    )


def _row(dataset: str, chance: Random) -> str:
    if chance.random() < 0.1:
        return chance.choice(_BROKEN[dataset])
    day = chance.choice(DAYS)
    if dataset == "products":
        return product(chance.randint(1, 4), chance.choice((1, 1, 2)), chance.choice(("Lamp", "Cup", "Rug")))
    if dataset == "orders":
        return order(chance.randint(1, 9), chance.choice(_TOTALS), day)
    return item(chance.randint(1, 12), chance.randint(1, 10), chance.randint(1, 5), day)
