"""A story that can be broken off anywhere: rounds of deliveries, and what the lake must be after each.

Every round brings orders, of which the first corrects one of the round before; items, of which one is an orphan until
the next round; and rejects.
"""

from __future__ import annotations

from shop import item, items, order, orders, product, products
from whole_lake import at_rest

from ledgerlake import keys
from ledgerlake.contracts import DATASETS


def deliver(lake, round_: int) -> set[str]:
    """Orders, of which the first corrects one of the round before; items, of which one is an orphan; rejects.

    Returns:
        What lay in the staging area before.
    """
    before = set(lake.keys("staging/"))
    first = 10 * round_
    bodies = {
        f"products/products-{round_}.csv": products(product(round_), "x,1,Home,Sofa"),
        f"orders/orders-{round_}.csv": orders(*(order(first + n, round_) for n in (-9, 1, 2)), "z"),
        f"order_items/items-{round_}.csv": items(
            item(first, first + 1, round_), item(first + 1, first + 12, round_), "x,,,,,,,,"
        ),
    }
    lake.put(bodies)
    return before


def expected(rounds: int) -> dict[str, list[tuple]]:
    """After so many rounds: keys, with what shows of which delivery they are."""
    every = range(1, rounds + 1)
    corrected = [(10 * n + 1, n + 1.0) for n in range(rounds)]
    return {
        "orders": sorted([*corrected, (10 * rounds + 1, float(rounds)), *((10 * n + 2, float(n)) for n in every)]),
        "products": [(n,) for n in every],
        # The second item of a round waits for an order that comes with the next.
        "order_items": sorted([(10 * n,) for n in every] + [(10 * n + 1,) for n in every if n < rounds]),
        "parked": [(10 * rounds + 1,)],
    }


def found(lake) -> dict[str, list[tuple]]:
    def rows(sql: str) -> list[tuple]:
        return sorted(tuple(row.values()) for row in lake.query(sql))

    return {
        "orders": rows("SELECT order_id, total_amount FROM orders"),
        "products": rows("SELECT product_id FROM products"),
        "order_items": rows("SELECT id FROM order_items"),
        "parked": rows("SELECT id FROM parked_order_items"),
    }


def check(lake, rounds: int) -> None:
    """Nothing waits any more, nothing is lost, nothing is doubled."""
    at_rest(lake)
    assert found(lake) == expected(rounds)
    entries = lake.query(
        "SELECT source_file, sum(rows_read) AS rows_read, sum(rejected) AS rejected FROM ledger GROUP BY 1"
    )
    assert {entry["source_file"]: (entry["rows_read"], entry["rejected"]) for entry in entries} == {
        f"raw/{name}-{n}.csv": (rows, 1)
        for n in range(1, rounds + 1)
        for name, rows in (("products/products", 2), ("orders/orders", 4), ("order_items/items", 3))
    }
    for dataset in DATASETS:
        assert lake.query(f"SELECT count(*) AS n FROM rejected_{dataset}") == [{"n": rounds}]
    assert len(lake.keys(keys.ARCHIVED)) == 3 * rounds
    assert lake.keys("control/publishing/") == []
