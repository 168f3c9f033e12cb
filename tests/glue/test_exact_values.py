"""A value is exactly what was written, or its row is rejected with the text."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from two_columns import AB

from ledgerlake.contracts import Column
from ledgerlake_glue.exact_values import decimals, inexact

DOUBLE = Column("x", "double", doc="X.")
MONEY = Column("x", "decimal(12,2)", doc="X.")
TIME = Column("x", "timestamp", doc="X.")
DATASET = replace(AB, null_words=("null", "-1"))


def reasons(column: Column, *texts: str) -> list[str]:
    return [reason for _, reason in inexact(pa.array(texts), column, DATASET)]


@pytest.mark.parametrize(
    "text",
    [
        "9007199254740993",
        "1234567890123456.78",
        "0.30000000000000001",
        "1e-400",
        "90071992547409.93",
        "1.0000000000000001",
    ],
)
def test_a_double_that_keeps_other_digits_is_rejected_with_its_text(text):
    assert reasons(DOUBLE, text) == [f"not_exact: x={text}"]


@pytest.mark.parametrize(
    "text",
    [
        "0.1", "0.10", "1e3", "19.90", "0.30000000000000004", "9007199254740992", "-0", "0e5", "1.50000000000000000000",

        "0.00000000001", "1.005", "1e400", "x", "", "null", "1.7976931348623157e308", "5e-324", "100000000000000000000",
    ],
)  # fmt: skip
def test_a_double_that_keeps_its_digits_is_no_matter(text):
    assert reasons(DOUBLE, text) == []


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_double_as_programs_write_it_is_exact(value):
    assert reasons(DOUBLE, repr(value), str(value).upper()) == []


@given(st.integers(-(10**15) + 1, 10**15 - 1), st.integers(0, 15))
def test_fifteen_digits_are_always_exact(digits, places):
    assert reasons(DOUBLE, format(Decimal(digits).scaleb(-places), "f"), f"{digits}e-{places}") == []


def test_a_double_is_read_with_the_separators_of_its_column():
    european = replace(DOUBLE, thousands=".", decimal=",")
    assert reasons(european, "1.234.567.890.123.456,78", "1.234,50") == ["not_exact: x=1.234.567.890.123.456,78"]


def test_a_time_with_more_than_microseconds_is_rejected():
    kept = ["2025-04-09T08:09:10.123999", "2025-04-09T08:09:10.123999000Z", "9999-12-31T23:59:59.999999"]
    assert reasons(TIME, *kept, "2025-04-09T08:09:10.1239999", "2025-04-09T08:09:10.000000001+02:00") == [
        "not_exact: x=2025-04-09T08:09:10.1239999",
        "not_exact: x=2025-04-09T08:09:10.000000001+02:00",
    ]


@pytest.mark.parametrize(
    ("text", "value", "reason"),
    [
        ("19.90", "19.90", False),
        ("19.900", "19.90", False),
        ("-0.10", "-0.10", False),
        (" +7 ", "7.00", False),
        ("1.5e3", "1500.00", False),
        ("9999999999.99", "9999999999.99", False),
        ("0e999999999", "0.00", False),
        ("1.005", "1.00", True),
        ("0.00000000001", "0.00", True),
        ("1e-3", "0.00", True),
        ("10000000000", None, False),
        ("1e10", None, False),
        ("9999999999.999", None, True),
        ("1e99999999999999999999", None, False),
        ("-1", None, False),
        ("null", None, False),
        ("abc", None, False),
        ("", None, False),
        (None, None, False),
        ("NaN", None, False),
        ("\u0661", None, False),
    ],
)
def test_a_decimal_is_exact_or_rejected(text, value, reason):
    texts = pa.array([text], pa.string())
    assert decimals(texts, MONEY, DATASET).to_pylist() == [None if value is None else Decimal(value)]
    assert len(list(inexact(texts, MONEY, DATASET))) == reason


@pytest.mark.parametrize(
    ("kind", "text"), [("decimal(38,0)", "9" * 38), ("decimal(38,38)", "0." + "9" * 38), ("decimal(1,1)", "0.5")]
)
def test_a_decimal_holds_all_of_its_digits(kind, text):
    column = Column("x", kind, doc="X.")
    found = decimals(pa.array([text, text + "1"]), column, DATASET).to_pylist()
    assert found[0] == Decimal(text)
    assert reasons(column, text) == []


def test_a_decimal_is_read_with_the_separators_of_its_column():
    european = replace(MONEY, thousands=".", decimal=",")
    assert decimals(pa.array(["1.234,5", "7", "1.5"]), european, DATASET).to_pylist() == [
        Decimal("1234.50"),
        Decimal("7.00"),
        None,
    ]
