from __future__ import annotations

from itertools import permutations

from ledgerlake import keys
from ledgerlake.contracts import DATASETS
from ledgerlake.tables import catalogue

EVERY = (*catalogue.delta_tables(), *catalogue.declared_tables())


def columns(name: str) -> dict[str, str]:
    return dict({table.name: table for table in EVERY}[name].columns)


def test_the_catalogue_holds_the_tables_the_ledger_the_rejects_and_the_parking():
    assert [table.name for table in catalogue.delta_tables()] == ["products", "orders", "order_items"]
    assert [table.name for table in catalogue.declared_tables()] == [
        "ledger",
        "runs",
        "rejected_products",
        "parked_products",
        "rejected_orders",
        "parked_orders",
        "rejected_order_items",
        "parked_order_items",
    ]


def test_a_table_has_the_columns_of_its_contract_and_then_where_each_row_came_from():
    for dataset in DATASETS.values():
        names = [name for name, _ in catalogue.delta_columns(dataset)]
        assert names == [*dataset.column_names, "_source_file", "_source_row", "_landed_at", "_batch_id"]
        for column in dataset.columns:
            assert columns(dataset.name)[column.name] == column.type


def test_a_parked_row_has_every_column_of_its_table_and_the_tables_it_is_missing_in():
    for name in DATASETS:
        assert columns(f"parked_{name}") == columns(name) | {"missing": "array<string>"}


def test_a_reject_keeps_its_text_its_reasons_and_where_it_was_found():
    assert columns("rejected_orders") == {
        "batch_id": "string",
        "source_file": "string",
        "source_row": "bigint",
        "landed_at": "timestamp",
        "original": "string",
        "reasons": "array<string>",
    }


def test_the_dataset_of_a_ledger_row_is_its_partition_alone():
    ledger = catalogue.ledger_table()
    assert ledger.partitions == (("dataset", "string"),)
    assert "dataset" not in columns("ledger")
    assert {kind for name, kind in ledger.columns if name in ("rows_read", "parked", "withdrawn")} == {"bigint"}


def test_every_table_says_what_it_holds():
    assert [table.name for table in EVERY if not table.doc.strip().endswith(".")] == []


def test_no_table_lies_within_another():
    assert all(table.prefix.endswith("/") for table in EVERY)
    for one, other in permutations(EVERY, 2):
        assert not one.prefix.startswith(other.prefix), (one.name, other.name)


def test_a_table_lies_where_the_jobs_write_it():
    where = {table.name: table.prefix for table in EVERY}
    for name in DATASETS:
        assert where[name] == keys.table_prefix(name)
        assert keys.rejected_part(name, "id").startswith(where[f"rejected_{name}"])
        assert keys.parked_part(name, "id").startswith(where[f"parked_{name}"])
        assert keys.ledger_part(name, "b", "a1").startswith(f"{where['ledger']}dataset={name}/")
