"""Which rows are plain, and that a task writes the same objects however often it is tried."""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ledgerlake.contracts import DATASETS
from ledgerlake_spark import plain_rows
from ledgerlake_spark.plain_rows import Kept, PlainRows, may_be_apart
from ledgerlake_spark.plain_values import ARROW_TYPES
from ledgerlake_spark.texts import text_names

PRODUCTS = DATASETS["products"]


class Shelf:
    """An S3 that keeps what is put."""

    def __init__(self):
        self.objects: dict[str, bytes] = {}

    def put_object(self, *, Bucket, Key, Body):  # noqa: N803
        self.objects[Key] = Body

    def numbers(self) -> dict[str, list[int]]:
        return {
            key: pq.read_table(io.BytesIO(body))["product_id"].to_pylist() for key, body in sorted(self.objects.items())
        }


@pytest.fixture
def shelf(monkeypatch):
    shelf = Shelf()
    monkeypatch.setattr(plain_rows, "s3", lambda: shelf)
    return shelf


def read(numbers, **odd) -> pa.RecordBatch:
    """Rows as the reader types them; of those in `odd` a column is not plain."""
    columns = {column.name: pa.nulls(len(numbers), ARROW_TYPES[column.type]) for column in PRODUCTS.columns}
    columns["product_id"] = pa.array(numbers, pa.int64())
    for name in ("_problem", *text_names(PRODUCTS)):
        columns[name] = pa.array([odd.get(name, {}).get(number) for number in numbers], pa.string())
    columns["_source_row"] = pa.array(numbers, pa.int64())
    columns["_delivery"] = pa.array([0] * len(numbers), pa.int32())
    return pa.RecordBatch.from_pydict(columns)


def test_a_row_is_plain_when_all_its_values_are_and_it_could_be_read(shelf):
    kept = Kept(PlainRows(PRODUCTS, "lake", "staging/"), 7)
    batch = read([1, 2, 3, 4], _problem={2: "wrong_width"}, _text_department_id={2: "x", 4: " 4"})
    assert kept.others(batch)["product_id"].to_pylist() == [2, 4]
    kept.write()
    assert shelf.numbers() == {"staging/00007-00000.parquet": [1, 3]}


def test_a_task_that_is_tried_again_writes_the_same_objects(shelf, monkeypatch):
    monkeypatch.setattr(plain_rows, "_ROWS", 3)
    for _ in range(2):
        kept = Kept(PlainRows(PRODUCTS, "lake", "staging/"), 0)
        for start in range(0, 8, 2):
            assert kept.others(read([start, start + 1])).num_rows == 0
        kept.write()
        first = {"staging/00000-00000.parquet": [0, 1, 2, 3], "staging/00000-00001.parquet": [4, 5, 6, 7]}
        assert shelf.numbers() == first


def test_a_contract_that_shows_amounts_as_they_were_written_has_no_rows_apart():
    assert [name for name, dataset in DATASETS.items() if may_be_apart(dataset)] == ["products", "order_items"]
