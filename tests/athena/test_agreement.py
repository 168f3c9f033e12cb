"""The quick engine of the local Athena says what a real Trino says; where it does not, the page says so.

The tables are those that Glue's jobs wrote; first they are as they should be, then spoilt on purpose,
so that every check has something to find.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import deltalake
import pyarrow as pa
import pytest
from deltalake import write_deltalake

from ledgerlake.tables.checks import checks
from local.aws_clients import storage_options
from local.home import ROOT
from tests.athena.engines import JUDGE, QUICK, Refused, difference
from tests.athena.statements import of_the_project

pytestmark = pytest.mark.timeout(1200)  # the first of them waits for a whole lake
PAGE = ROOT / "docs" / "athena-sql.md"
ROW = re.compile(r"^\| `(?P<sql>[^|]+)` \| (?P<quick>[^|]+) \| (?P<judge>[^|]+) \|", re.MULTILINE)


@dataclass(frozen=True)
class Known:
    """A row of the page: a difference that is known."""

    sql: str
    quick: str
    judge: str


_TABLE = PAGE.read_text().partition("## Where they differ")[2].partition("|---")[2]
KNOWN = [Known(**{name: text.strip() for name, text in row.groupdict().items()}) for row in ROW.finditer(_TABLE)]


@pytest.fixture(scope="module")
def statements(engines) -> dict[str, str]:
    return of_the_project(engines.lake)


def disagreements(engines, asked: dict[str, str]) -> dict[str, str]:
    found = {where: difference(sql, *engines.both(sql)) for where, sql in asked.items()}
    return {where: said for where, said in found.items() if said}


def test_the_pipeline_ran_on_trino_and_left_rows_of_every_kind(engines):
    for table in ("orders", "order_items", "products", "rejected_orders", "parked_order_items", "ledger"):
        answer = engines.ask(JUDGE, f"SELECT count(*) FROM {table}")
        assert int(answer.rows[0][0]) > 0, table


def test_every_statement_is_there(statements):
    assert len(statements) >= 35
    for where in ("check ", "analytics ", "command ", "README.md: ", "a-file-was-rejected.md: ", "help: "):
        assert any(name.startswith(where) for name in statements), f"no statement of {where}was found"


def test_every_statement_of_the_project_has_one_answer(engines, statements):
    assert disagreements(engines, statements) == {}


def test_none_of_them_is_refused_and_none_but_the_checks_is_empty(engines, statements):
    answers = {where: engines.ask(JUDGE, sql) for where, sql in statements.items()}
    assert {where: answer.said for where, answer in answers.items() if isinstance(answer, Refused)} == {}
    empty = {where for where, answer in answers.items() if not answer.rows}
    nothing_parked = {"every column of parked_orders", "every column of parked_products"}
    examples = ("README.md", "a-file", "a-check-failed")  # with keys that the tour makes, or that the reader replaces
    of_a_reader = {where for where in statements if where.startswith(examples)}
    assert empty - of_a_reader - nothing_parked == {f"check {each.name}" for each in checks()}


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("SELECT * FROM nowhere", "TABLE_NOT_FOUND"),
        ("SELECT nothing FROM orders", "COLUMN_NOT_FOUND"),
        ("SELEC 1", "SYNTAX_ERROR"),
        ("SELECT count(*) FROM orders WHERE date = '2026-11-01'", "TYPE_MISMATCH"),
        ("SELECT count(*) FROM orders WHERE date BETWEEN '2025-04-01' AND '2025-04-02'", "TYPE_MISMATCH"),
        ("SELECT count(*) FROM orders WHERE order_id = '5'", "TYPE_MISMATCH"),
        ("SELECT count(*) FROM orders WHERE order_id IN ('5')", "TYPE_MISMATCH"),
        ("SELECT coalesce(source_row, 'whole file') FROM rejected_orders", "TYPE_MISMATCH"),
        ("SELECT 'order ' || order_id FROM orders", "FUNCTION_NOT_FOUND"),
        ("SELECT no_such_function(1)", "FUNCTION_NOT_FOUND"),
        ("SELECT CAST(original AS bigint) FROM rejected_orders", "INVALID_CAST_ARGUMENT"),
        ("SELECT 1 / (SELECT count(*) FROM orders WHERE order_id < 0)", "DIVISION_BY_ZERO"),
    ],
)
def test_what_trino_refuses_the_quick_engine_refuses_with_the_same_code(engines, sql, code):
    assert {engines.ask(engine, sql).code for engine in (QUICK, JUDGE)} == {code}


@pytest.mark.parametrize(
    "expression",
    [
        "7 / 2, -7 / 2, 7 % -3, 7 / 2e0",
        "round(2.5e0), CAST(2.5e0 AS integer), CAST(-2.5e0 AS bigint), CAST(2.5 AS integer)",
        "try_cast('1.5' AS integer), try_cast(' 5 ' AS bigint), try_cast('five' AS bigint), CAST('+5' AS bigint)",
        "date_diff('day', TIMESTAMP '2025-04-01 23:00:00', TIMESTAMP '2025-04-02 01:00:00')",
        "date_diff('month', DATE '2025-01-31', DATE '2025-02-28')",
        "date_diff('week', DATE '2025-01-01', DATE '2025-01-13')",
        "DATE '2025-04-01' + INTERVAL '1' DAY, DATE '2025-03-31' - INTERVAL '1' MONTH",
        "date_add('day', 3, current_date), date_add('day', 3, date_trunc('month', DATE '2025-04-17'))",
        "date_trunc('month', DATE '2025-04-17'), date_trunc('day', TIMESTAMP '2025-04-17 10:00:00')",
        "max(order_timestamp), min(_landed_at), max(date_trunc('hour', order_timestamp)) FROM orders",
        "count(*) FROM orders WHERE order_timestamp >= TIMESTAMP '2025-04-02 00:00:00'",
        "sum(total_amount), avg(total_amount), CAST(avg(total_amount) AS decimal(10, 2)) FROM orders",
        "reasons, cardinality(reasons), reasons[1] FROM rejected_orders",
        "array_join(ARRAY['a', NULL, 'b'], ','), contains(ARRAY[1, 2], 2), element_at(ARRAY[1, 2], 5), sequence(1, 3)",
        "'a' || CAST(NULL AS varchar), coalesce(NULL, 5), nullif(1, 1), greatest(1, NULL), NULL IS DISTINCT FROM 1",
        "day_of_week(DATE '2025-04-06'), date_format(TIMESTAMP '2025-04-01 10:00:00', '%Y-%m'), from_unixtime(0)",
        "x FROM (VALUES 1, NULL, 3) t(x) ORDER BY x DESC",
        "12345678.5e0, 0.0001e0, 1.5, 1.50 + 1, true, CAST('a' AS varbinary)",
    ],
)
def test_expressions_that_engines_like_to_see_differently_have_one_value(engines, expression):
    sql = f"SELECT {expression}"
    quick, judge = engines.both(sql)
    assert not isinstance(judge, Refused), judge
    assert difference(sql, quick, judge) == ""


def test_the_page_lists_differences():
    assert len(KNOWN) >= 8


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: known.sql)
def test_every_difference_of_the_page_is_one_and_is_told_as_it_is(engines, known):
    sql = f"SELECT {known.sql}"
    quick, judge = engines.both(sql)
    assert difference(sql, quick, judge), f"{known.sql} has one answer now: take it off the page"
    assert (shown(quick), shown(judge)) == (known.quick, known.judge)


def shown(answer) -> str:
    """As the page writes it: the value and its type, or the code of the refusal."""
    if isinstance(answer, Refused):
        return answer.code
    value = "NULL" if answer.rows[0][0] is None else f"`{answer.rows[0][0]}`"
    return f"{value} ({answer.kinds[0]})"


def delta(lake, table: str) -> str:
    return f"s3://{lake.bucket}/lakehouse-dwh/{table}"


def first_row(lake, table: str) -> pa.Table:
    return deltalake.DeltaTable(delta(lake, table), storage_options=storage_options(lake.home)).to_pyarrow_table()[:1]


def changed(row: pa.Table, **values) -> pa.Table:
    for name, value in values.items():
        place = row.schema.get_field_index(name)
        row = row.set_column(place, row.schema.field(name), pa.array([value], row.schema.field(name).type))
    return row


@pytest.fixture(scope="module")
def spoilt(lake, engines):
    """A key twice, a NULL where there has to be a value, an item without its order; and so wrong counts."""
    order, item = first_row(lake, "orders"), first_row(lake, "order_items")
    for table, row in (
        ("orders", order),
        ("orders", changed(order, order_id=7, user_id=None)),
        ("order_items", changed(item, id=8, order_id=9)),
    ):
        write_deltalake(delta(lake, table), row, mode="append", storage_options=storage_options(lake.home))
    return engines


@pytest.mark.parametrize(
    "check", [each for each in checks() if each.name != "tables_not_empty"], ids=lambda each: each.name
)
def test_a_check_finds_the_same_rows_on_both_where_a_table_is_spoilt(spoilt, check):
    quick, judge = spoilt.both(check.sql)
    assert judge.rows, f"{check.name} found nothing"
    assert difference(check.sql, quick, judge) == ""


def test_the_check_of_empty_tables_finds_an_empty_one_on_both(lake, spoilt):
    deltalake.DeltaTable(delta(lake, "order_items"), storage_options=storage_options(lake.home)).delete()
    (check,) = [each for each in checks() if each.name == "tables_not_empty"]
    quick, judge = spoilt.both(check.sql)
    assert [row[0] for row in judge.rows] == ["order_items"]
    assert difference(check.sql, quick, judge) == ""
