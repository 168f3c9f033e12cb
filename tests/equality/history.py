"""History of a lake over some days: three acts with fourteen deliveries and a killed job.

Each act delivers, waits until the lake is at rest, and returns the exit code of `ledgerlake wait`.
"""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable
from dataclasses import dataclass

from shop import item, items, order, orders, product, products
from whole_lake import PATIENCE, Lake, at_work, kill_job

_CLOSED = 5
_LOOKED = 30
"""Seconds after which both have looked at what had come before; one without a gate is at work then."""
RESTLESS = -1
"""The code of an act after which the lake did not come to rest; no other follows it."""


@dataclass(frozen=True)
class PlayedLake:
    """A lake after the history, and the exit code of each act's waiting."""

    lake: Lake
    codes: list[int]


def closed_gate(lake: Lake) -> int:
    """Orders alone: nothing can be loaded yet, also when everybody has looked, and nobody is woken for nothing."""
    lake.put({"orders/2025-04-01.csv": orders(order(10), order(11), order(12, "ten"), order(13))})
    code = _rest(lake, _CLOSED)
    time.sleep(_LOOKED)
    return code if code == RESTLESS else lake.say("wait", "--timeout", str(PATIENCE)).returncode


def first_day(lake: Lake) -> int:
    """The rest of the day, with defects, duplicates, and items whose order or product comes later."""
    lake.put(
        {
            "order_items/2025-04-01.csv": items(
                item(100, 10), item(100, 11), item(101, 20), item(102, 10, 3), item(103, 13), item(103, 13), "x,,,,,,,,"
            ),
            "products/products.csv": products(product(1), product(2), "x,1,Home,Sofa", product(2, 1, "Chair")),
        },
    )
    return _rest(lake)


def second_day(lake: Lake) -> int:
    """Corrections and odd files; and the job of the orders is killed in the middle of its work.

    An order and a product move to other partitions, parents arrive, and a file is overwritten while it waits. Other
    files are compressed, empty, with a wrong header, under names that are hard to write, and outside every folder.
    """
    before = set(lake.keys("staging/"))
    lake.put(
        {
            "order_items/2025-04-02.csv": items(item(110, 10), item(103, 13), item(111, 30)),
            "orders/2025-04-02.csv": orders(order(10, 12.5, "2025-04-02"), order(20), order(11, -1)),
            "products/2025-04-02.csv": products(product(3), product(1, 2)),
        },
    )
    for total in (40, 41):
        lake.put({"orders/again.csv": orders(order(40, total))})
    whole = items(item(130, 50), item(131, 40), item(132, 99)).encode()
    lake.put(
        {
            "order_items/2025-04-02-b.csv.gz": gzip.compress(whole, mtime=0),
            "orders/2025-04-02 é+ &.csv": orders(order(50)),
            "orders/2025-04-02-empty.csv": "",
            "orders/2025-04-02-wrong.csv": "order,total\n1,2\n",
            "order_items/2025-04-03.csv": items(item(120, 30), item(121, 50)),
            "orders/2025-04-03.csv": orders(order(30), order(13, 99), "y,,,,,"),
            "readme.txt": "no delivery",
        },
    )
    at_work(lake, "orders", before)
    kill_job(lake, "orders")
    return _rest(lake)


def play(lake: Lake) -> list[int]:
    """Play the whole history; return the code of each act."""
    codes: list[int] = []
    for act in ACTS:
        codes.append(act(lake))
        if codes[-1] == RESTLESS:
            break
    return codes


ACTS: tuple[Callable[[Lake], int], ...] = (closed_gate, first_day, second_day)


def _rest(lake: Lake, expected: int = 0) -> int:
    """Repeat `ledgerlake wait` until it ends with that code; the run after a failed one repairs it."""
    deadline = time.monotonic() + PATIENCE
    time.sleep(1)
    while (code := lake.say("wait", "--timeout", str(PATIENCE), timeout=PATIENCE + 60).returncode) != expected:
        if time.monotonic() > deadline:
            print(f"the lake did not come to rest: `ledgerlake wait` ended with {code}")
            return RESTLESS
        time.sleep(2)
    return code
