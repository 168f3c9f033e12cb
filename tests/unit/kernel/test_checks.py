"""Each check on tables in which its law holds, and on tables in which it is broken."""

from __future__ import annotations

import duckdb
import pytest
import sqlglot

from ledgerlake.catalogue import delta_tables, parquet_tables
from ledgerlake.checks import check, checks

KINDS = {"string": "varchar", "array<string>": "varchar[]"}


@pytest.fixture
def lake():
    """One product, one order with two items, one reject and one parked row, and the ledger that says so."""
    db = duckdb.connect()
    for table in (*delta_tables(), *parquet_tables()):
        columns = ", ".join(f'"{name}" {KINDS.get(kind, kind)}' for name, kind in (*table.columns, *table.partitions))
        db.execute(f'CREATE TABLE "{table.name}" ({columns})')
    db.execute("INSERT INTO products VALUES (1, 1, 'Home', 'Lamp', 'f', 1, now(), 'b')")
    db.execute("INSERT INTO orders VALUES (7, 10, 5, now(), 1.0, '2025-04-01', 'f', 1, now(), 'b')")
    for number in (100, 101):
        row = f"({number}, 10, 5, NULL, 1, 1, true, now(), '2025-04-01', 'f', 1, now(), 'b')"
        db.execute(f"INSERT INTO order_items VALUES {row}")
    db.execute("INSERT INTO rejected_orders VALUES ('b', 'f', 2, now(), 'x', ['required: a'])")
    db.execute("INSERT INTO parked_order_items (id) VALUES (102)")
    for dataset, read, inserted, rejected, parked in (
        ("products", 1, 1, 0, 0),
        ("orders", 2, 1, 1, 0),
        ("order_items", 3, 2, 0, 1),
    ):
        db.execute(
            "INSERT INTO ledger BY NAME SELECT 'b' AS batch_id, ? AS dataset, ? AS rows_read, ? AS inserted, "
            "? AS rejected, ? AS parked, 0 AS released, 0 AS withdrawn",
            [dataset, read, inserted, rejected, parked],
        )
    return db


def offenders(lake, name: str) -> list[tuple]:
    return lake.execute(sqlglot.transpile(check(name).sql, read="athena", write="duckdb")[0]).fetchall()


def test_every_check_passes_where_the_laws_hold(lake):
    assert {each.name: offenders(lake, each.name) for each in checks()} == {each.name: [] for each in checks()}


@pytest.mark.parametrize(
    ("name", "damage", "dataset", "offending"),
    [
        ("primary_keys_unique", "INSERT INTO orders SELECT * FROM orders", "orders", "10"),
        (
            "primary_keys_unique",
            "INSERT INTO order_items SELECT * FROM order_items WHERE id = 100",
            "order_items",
            "100",
        ),
        ("references_hold", "DELETE FROM products", "order_items", "100"),
        ("references_hold", "UPDATE order_items SET order_id = 11 WHERE id = 101", "order_items", "101"),
        ("required_not_null", "UPDATE orders SET total_amount = NULL", "orders", "10"),
        ("required_not_null", "UPDATE products SET product_id = NULL", "products", "NULL"),
        ("counts_match_ledger", "DELETE FROM order_items WHERE id = 100", "order_items", "order_items"),
        ("counts_match_ledger", "DELETE FROM rejected_orders", "orders", "rejected_orders"),
        ("counts_match_ledger", "DELETE FROM parked_order_items", "order_items", "parked_order_items"),
        ("counts_match_ledger", "UPDATE ledger SET inserted = 5 WHERE dataset = 'products'", "products", "products"),
        ("tables_not_empty", "DELETE FROM orders", "orders", "orders"),
    ],
)
def test_a_broken_law_is_found_with_the_offending_key(lake, name, damage, dataset, offending):
    lake.execute(damage)
    assert (dataset, offending) in [row[:2] for row in offenders(lake, name)]


def test_a_dataset_that_was_never_delivered_may_be_empty(lake):
    for table in ("products", "ledger", "order_items", "parked_order_items"):
        lake.execute(f"DELETE FROM {table}")
    assert offenders(lake, "tables_not_empty") == []


def test_a_check_shows_at_most_twenty_offenders_of_a_kind(lake):
    lake.execute(
        "INSERT INTO order_items SELECT order_items.* REPLACE (n AS id) FROM order_items, range(200, 300) r(n)"
    )
    assert len(offenders(lake, "primary_keys_unique")) == 20
