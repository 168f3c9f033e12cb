"""Each check on tables in which its law holds, and on tables in which it is broken."""

from __future__ import annotations

from dataclasses import replace

import duckdb
import pytest
import sqlglot

from ledgerlake.contracts import DATASETS
from ledgerlake.tables.catalogue import declared_tables, delta_tables
from ledgerlake.tables.checks import LIMIT, check, checks

KEYS = {"products": "1", "orders": "10", "order_items": "100"}
REQUIRED = [(dataset.name, column) for dataset in DATASETS.values() for column in dataset.required]
KINDS = {"string": "varchar", "array<string>": "varchar[]"}


@pytest.fixture
def lake():
    """One product, one order with two items, one reject and one parked row, and the ledger that says so."""
    db = duckdb.connect()
    for table in (*delta_tables(), *declared_tables()):
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
            "? AS rejected, ? AS parked, 0 AS released, 0 AS withdrawn, 0 AS restored, 'f' AS source_file, "
            "TIMESTAMP '2025-04-01 08:00:00' AS landed_at, TIMESTAMP '2025-04-01 09:00:00' AS finished_at",
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


@pytest.mark.parametrize(
    "counts",
    ["inserted = 0, rejected = 9", "inserted = 0, parked = 9", "rows_read = 0, inserted = 0", "withdrawn = inserted"],
    ids=["all rejected", "all orphans", "an empty marker", "all withdrawn"],
)  # fmt: skip
def test_a_table_is_empty_by_right_when_no_row_should_be_there(lake, counts):
    lake.execute("DELETE FROM orders")
    lake.execute(f"UPDATE ledger SET {counts} WHERE dataset = 'orders'")
    assert offenders(lake, "tables_not_empty") == []
    lake.execute("UPDATE ledger SET inserted = 5, withdrawn = 4 WHERE dataset = 'orders'")
    assert offenders(lake, "tables_not_empty") == [("orders", "orders", "no row, but 1 should be there")]


def test_a_dataset_that_was_never_delivered_may_be_empty(lake):
    for table in ("products", "ledger", "order_items", "parked_order_items"):
        lake.execute(f"DELETE FROM {table}")
    assert offenders(lake, "tables_not_empty") == []


def test_a_check_shows_at_most_twenty_offenders_of_a_kind(lake):
    lake.execute(
        "INSERT INTO order_items SELECT order_items.* REPLACE (n AS id) FROM order_items, range(200, 300) r(n)"
    )
    assert len(offenders(lake, "primary_keys_unique")) == 20


@pytest.mark.parametrize("each", checks(), ids=lambda each: each.name)
def test_every_check_is_one_query_in_the_words_of_athena(each):
    tree = sqlglot.parse_one(each.sql, read="athena", error_level=sqlglot.ErrorLevel.RAISE)
    assert isinstance(tree, sqlglot.exp.Query)
    assert not list(tree.find_all(sqlglot.exp.Command))


@pytest.mark.parametrize("each", checks(), ids=lambda each: each.name)
def test_every_check_answers_with_dataset_offender_and_detail(lake, each):
    asked = lake.execute(sqlglot.transpile(each.sql, read="athena", write="duckdb")[0])
    assert [column[0] for column in asked.description] == ["dataset", "offending", "detail"]


def test_a_check_is_found_by_its_name():
    assert [each.name for each in checks()] == [
        "primary_keys_unique",
        "references_hold",
        "required_not_null",
        "counts_match_ledger",
        "tables_not_empty",
    ]
    assert all(check(each.name) == each and each.says for each in checks())
    with pytest.raises(KeyError):
        check("primary_keys")


@pytest.mark.parametrize(("dataset", "column"), REQUIRED)
def test_a_null_in_any_required_column_is_found_and_named(lake, dataset, column):
    lake.execute(f"UPDATE {dataset} SET {column} = NULL")
    key = "NULL" if column in DATASETS[dataset].key else KEYS[dataset]
    assert (dataset, key, f"NULL in {column} ") in offenders(lake, "required_not_null")


def test_a_null_in_an_optional_column_is_none_of_its_business(lake):
    lake.execute("UPDATE order_items SET days_since_prior_order = NULL")
    assert offenders(lake, "required_not_null") == []


@pytest.mark.parametrize("dataset", DATASETS)
def test_a_key_in_two_partitions_is_found_in_every_table(lake, dataset):
    (partition,) = DATASETS[dataset].partition_by
    moved = {"date": "DATE '2025-05-01'", "bigint": "99"}[DATASETS[dataset].column(partition).type]
    key = DATASETS[dataset].key[0]
    lake.execute(
        f"INSERT INTO {dataset} SELECT * REPLACE ({moved} AS {partition}) FROM {dataset} WHERE {key} = {KEYS[dataset]}"
    )
    assert offenders(lake, "primary_keys_unique") == [(dataset, KEYS[dataset], "2 rows of one key")]


def test_a_row_that_references_nothing_at_all_is_found(lake):
    lake.execute("UPDATE order_items SET product_id = NULL WHERE id = 101")
    assert offenders(lake, "references_hold") == [("order_items", "101", "product_id NULL is not in products")]


def test_an_absent_order_and_an_absent_product_are_both_told(lake):
    lake.execute("UPDATE order_items SET product_id = 8, order_id = 11 WHERE id = 101")
    assert sorted(offenders(lake, "references_hold")) == [
        ("order_items", "101", "order_id 11 is not in orders"),
        ("order_items", "101", "product_id 8 is not in products"),
    ]


def test_rows_that_were_released_or_withdrawn_are_counted_no_more(lake):
    """The parked item is released and inserted; one of the orders is withdrawn."""
    lake.execute("DELETE FROM parked_order_items; DELETE FROM orders")
    lake.execute("INSERT INTO order_items (id) VALUES (102)")
    lake.execute("UPDATE ledger SET withdrawn = 1 WHERE dataset = 'orders'")
    lake.execute(
        "INSERT INTO ledger BY NAME SELECT 'c' AS batch_id, 'order_items' AS dataset, 0 AS rows_read, 1 AS released, "
        "1 AS inserted, 0 AS rejected, 0 AS parked, 0 AS withdrawn, 0 AS restored, 'f' AS source_file, "
        "TIMESTAMP '2025-04-01 08:00:00' AS landed_at, TIMESTAMP '2025-04-01 10:00:00' AS finished_at"
    )
    assert offenders(lake, "counts_match_ledger") == []


def test_of_a_delivery_that_was_read_again_only_the_last_reading_counts(lake):
    """Read again, the two orders: the reject is valid now; and the items: the parked one still waits."""
    lake.execute("DELETE FROM rejected_orders; INSERT INTO orders (order_id) VALUES (11)")
    for dataset, unchanged, inserted, parked in (("orders", 1, 1, 0), ("order_items", 2, 0, 1)):
        lake.execute(
            "INSERT INTO ledger BY NAME SELECT 'c' AS batch_id, ? AS dataset, 2 AS rows_read, ? AS unchanged, "
            "? AS inserted, ? AS parked, 0 AS rejected, 0 AS released, 0 AS withdrawn, 0 AS restored, "
            "'f' AS source_file, TIMESTAMP '2025-04-01 08:00:00' AS landed_at, "
            "TIMESTAMP '2025-04-01 10:00:00' AS finished_at",
            [dataset, unchanged, inserted, parked],
        )
    assert offenders(lake, "counts_match_ledger") == []


def test_a_row_too_many_is_found_as_well_as_one_too_few(lake):
    lake.execute("INSERT INTO products SELECT * REPLACE (2 AS product_id) FROM products")
    assert offenders(lake, "counts_match_ledger") == [("products", "products", "2 rows, but the ledger says 1")]


def test_a_table_of_which_the_ledger_knows_nothing_is_found(lake):
    lake.execute("DELETE FROM ledger WHERE dataset = 'products'")
    assert offenders(lake, "counts_match_ledger") == [("products", "products", "1 rows, but the ledger says 0")]


def test_one_dataset_does_not_make_up_for_another(lake):
    """The ledger's sum over all datasets stays the same."""
    lake.execute("UPDATE ledger SET inserted = inserted + 1 WHERE dataset = 'products'")
    lake.execute("UPDATE ledger SET inserted = inserted - 1 WHERE dataset = 'orders'")
    assert {row[0] for row in offenders(lake, "counts_match_ledger")} == {"products", "orders"}


@pytest.mark.parametrize("dataset", DATASETS)
def test_a_table_that_is_empty_after_a_delivery_is_found(lake, dataset):
    lake.execute(f"DELETE FROM {dataset}")
    ((name, offending, detail),) = offenders(lake, "tables_not_empty")
    assert (name, offending) == (dataset, dataset)
    assert detail.startswith("no row, but ")


def test_each_table_has_its_own_twenty_offenders(lake):
    for dataset in DATASETS:
        lake.execute(f"INSERT INTO {dataset} SELECT {dataset}.* FROM {dataset}, range(3)")
        key = DATASETS[dataset].key[0]
        lake.execute(
            f"INSERT INTO {dataset} SELECT {dataset}.* REPLACE (n AS {key}) FROM {dataset}, range(200, 230) r(n)"
        )
    found = [row[0] for row in offenders(lake, "primary_keys_unique")]
    assert {name: found.count(name) for name in DATASETS} == dict.fromkeys(DATASETS, LIMIT)


def test_a_parent_that_is_converted_before_its_child_holds_its_references(lake, monkeypatch):
    """The job of the child has had nothing to do since the contract changed."""
    for name in ("orders", "order_items"):
        columns = tuple(
            replace(each, type="string", was=("bigint",)) if each.name == "order_id" else each
            for each in DATASETS[name].columns
        )
        monkeypatch.setitem(DATASETS, name, replace(DATASETS[name], columns=columns))
    lake.execute("ALTER TABLE orders ALTER order_id TYPE varchar")
    lake.execute("INSERT INTO orders SELECT * REPLACE ('W-6' AS order_id) FROM orders")
    assert offenders(lake, "references_hold") == []
    lake.execute("DELETE FROM orders WHERE order_id = '10'")
    assert len(offenders(lake, "references_hold")) == 2
