"""Every query of sql/analytics runs, on the contracts' columns, and says what it answers."""

from pathlib import Path

import duckdb
import pytest
import sqlglot

from cli.commands.demo import ANALYTICS, read_query
from cli.sample import Sample, write
from ledgerlake.contracts import DATASETS

QUERIES = sorted(ANALYTICS.glob("*.sql"))


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    out: Path = tmp_path_factory.mktemp("sample")
    write(Sample(days=3, orders_per_day=80), out)
    lake = duckdb.connect()
    for dataset in DATASETS.values():
        columns = ", ".join(f"{column.name} {column.type}" for column in dataset.columns)
        lake.execute(f"CREATE TABLE {dataset.name} ({columns})")
        files = out / "products.csv" if dataset.name == "products" else out / dataset.name / "*.csv"
        lake.execute(f"COPY {dataset.name} FROM '{files}' (HEADER)")
    return lake


@pytest.mark.parametrize("path", QUERIES, ids=lambda path: path.stem)
def test_it_answers_its_question(tables, path):
    question, sql = read_query(path)
    assert question.endswith(".")
    rows = tables.execute(sqlglot.transpile(sql, read="athena", write="duckdb")[0]).fetchall()
    assert rows
    assert all(value is not None for row in rows for value in row)


def test_daily_revenue_is_the_sum_of_the_orders(tables):
    sql = sqlglot.transpile(read_query(ANALYTICS / "daily_revenue.sql")[1], read="athena", write="duckdb")[0]
    assert len(tables.execute(sql).fetchall()) == 3
    said = tables.execute(f"SELECT sum(revenue) FROM ({sql})").fetchone()[0]
    assert float(said) == tables.execute("SELECT round(sum(total_amount), 2) FROM orders").fetchone()[0]
