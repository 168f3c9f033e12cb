"""What producers do to a lake in some days, and what happens to it meanwhile: three acts, fourteen deliveries.

Every act delivers, waits until the lake has come to rest, and answers with what `ledgerlake wait` said.
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
"""Said of an act after which the lake did not come to rest; no other follows it."""


@dataclass(frozen=True)
class Played:
    """A lake after the history, and the exit code of each act's waiting."""

    lake: Lake
    codes: list[int]


def closed_gate(lake: Lake) -> int:
    """Orders alone: nothing can be loaded yet, also when everybody has looked, and nobody is woken for nothing."""
    lake.put({"orders/2025-04-01.csv": orders(order(10), order(11), order(12, "ten"), order(13))})
    said = _rest(lake, _CLOSED)
    time.sleep(_LOOKED)
    return said if said == RESTLESS else lake.say("wait", "--timeout", str(PATIENCE)).returncode


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
            "readme.txt": "nothing of ours",
        },
    )
    at_work(lake, "orders", before)
    kill_job(lake, "orders")
    return _rest(lake)


def play(lake: Lake) -> list[int]:
    """The whole history; what each act answered."""
    said: list[int] = []
    for act in ACTS:
        said.append(act(lake))
        if said[-1] == RESTLESS:
            break
    return said


ACTS: tuple[Callable[[Lake], int], ...] = (closed_gate, first_day, second_day)


def _rest(lake: Lake, code: int = 0) -> int:
    """`ledgerlake wait`, until it says that; a run that fails meanwhile is retried by the next one."""
    deadline = time.monotonic() + PATIENCE
    time.sleep(1)
    while (said := lake.say("wait", "--timeout", str(PATIENCE), timeout=PATIENCE + 60).returncode) != code:
        if time.monotonic() > deadline:
            print(f"the lake did not come to rest: `ledgerlake wait` said {said}")
            return RESTLESS
        time.sleep(2)
    return said
