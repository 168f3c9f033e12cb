"""Texts become values as a few lines of plain Python say, for thousands of texts at once."""

from __future__ import annotations

import math
import random
import re
from datetime import UTC, date, datetime, timedelta, timezone

import pyarrow as pa
import pytest

from ledgerlake.contracts import Column, Dataset
from ledgerlake_glue.plain_values import AS_WRITTEN, left_over, plain
from ledgerlake_glue.session import prepare
from ledgerlake_glue.typing_rules import text_of, value_of

pytestmark = pytest.mark.slow
BLANKS = " \t\r\n\x0b\x0c\u00a0\u2007\u202f\u3000\ufeff"
VALID = [
    *("0", "-0", "7", "+17850", "17850.0", "1,234", "1.234,50", "1 234.5", "12345678", "2147483648", ".5", "5."),
    *("9223372036854775807", "-9223372036854775809", "1e3", "2.5E-3", "1e400", "NaN", "inf", "true", "False", "1.0"),
    *("2025-04-01", "2024-02-29", "2025-02-29", "0001-01-01", "9999-12-31", "0000-01-01", "1582-10-10"),
    *("2025-04-01T08:09:10", "2025-04-01 23:59:59.999999", "2025-04-01T08:09Z", "2025-04-01T00:00:00+0530"),
    *("0001-01-01T00:30:00+01:00", "9999-12-31T23:59:59-18:00", "2025-04-01T24:00:00", "2016-12-31T23:59:60Z"),
]
ALPHABET = "00112359+-.,eE:TZ _'/\u0663\uff11\x00\x01xfdaL\u00a0\n"


def column(kind: str, **separators: str) -> Column:
    return Column("x", kind, doc="X.", **separators)


COLUMNS = [
    *(column(kind) for kind in ("bigint", "int", "double", "boolean", "date", "timestamp")),
    *(column(kind, thousands=",") for kind in ("bigint", "double")),
    *(column(kind, thousands=".", decimal=",") for kind in ("bigint", "double")),
    column("double", thousands="'", decimal=","),
]


def texts() -> list[str]:
    """Values, and what typing errors make of them."""
    chance = random.Random(20250401)
    found = set(VALID)
    for _ in range(6000):
        text = list(chance.choice(VALID))
        for _ in range(chance.randint(1, 3)):
            place = chance.randint(0, len(text))
            text[place : place + chance.randint(0, 2)] = chance.choices(ALPHABET, k=chance.randint(0, 2))
        found.add("".join(text))
    return sorted(found)


def model(text: str, column: Column) -> object:
    text = text.strip(BLANKS)
    return {"bigint": integer, "int": integer, "double": double}.get(column.type, of_time_or_truth)(text, column)


def integer(text: str, column: Column) -> int | None:
    whole, mark, fraction = text.partition(column.decimal)
    digits = ungrouped(whole, column)
    if digits is None or fraction.strip("0") or (mark and not whole):
        return None
    bits = 63 if column.type == "bigint" else 31
    return int(digits) if -(2**bits) <= int(digits) < 2**bits else None


def double(text: str, column: Column) -> float | None:
    number, e, exponent = text.replace("E", "e").partition("e")
    whole, _, fraction = number.partition(column.decimal)
    digits = ungrouped(whole, column) if whole.strip("+-") else (whole + "0" if len(whole) < 2 and fraction else None)
    if digits is None or not re.fullmatch("[0-9]*", fraction) or (e and not re.fullmatch("[+-]?[0-9]+", exponent)):
        return None
    value = float(f"{digits}.{fraction}e{exponent or 0}")
    return value + 0.0 if math.isfinite(value) else None


def ungrouped(whole: str, column: Column) -> str | None:
    unsigned = whole[1:] if whole[:1] in ("+", "-") else whole
    first, *groups = unsigned.split(column.thousands) if column.thousands else [unsigned]
    sizes_fit = not groups or (1 <= len(first) <= 3 and all(len(group) == 3 for group in groups))
    all_digits = all(re.fullmatch("[0-9]+", part) for part in (first, *groups))
    return whole.replace(column.thousands, "") if sizes_fit and all_digits else None


def of_time_or_truth(text: str, column: Column) -> object:
    if column.type == "boolean":
        return {"1": True, "1.0": True, "true": True, "0": False, "0.0": False, "false": False}.get(text.lower())
    day = re.match("([0-9]{4})-([0-9]{2})-([0-9]{2})", text)
    try:
        start = date(*map(int, day.groups())) if day else None
        if start is None or column.type == "date":
            return start if start and re.fullmatch("([T ]00:00(:00([.]0+)?)?Z?)?", text[10:]) else None
        return instant(start, text[10:])
    except (ValueError, OverflowError):
        return None


def instant(day: date, rest: str) -> datetime | None:
    if not rest:
        return datetime(day.year, day.month, day.day, tzinfo=UTC)
    parts = re.fullmatch(
        "[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.]([0-9]{1,9}))?)?(Z|[+-][0-9]{2}(?::?[0-9]{2})?)?", rest
    )
    if parts is None:
        return None
    hour, minute, second, fraction, zone = parts.groups()
    clock = int(hour), int(minute), int(second or 0), int((fraction or "").ljust(6, "0")[:6])
    return datetime(day.year, day.month, day.day, *clock, tzinfo=offset(zone or "Z")).astimezone(UTC)


def offset(zone: str) -> timezone:
    if zone == "Z":
        return UTC
    digits = zone[1:].replace(":", "").ljust(4, "0")
    ahead = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    if int(digits[2:]) > 59 or ahead > timedelta(hours=18):
        raise ValueError(f"no zone is {ahead} from UTC")
    return timezone(ahead if zone[0] == "+" else -ahead)


def shown(value: object) -> str | None:
    """As the query below shows it: times as text, because Python's and Spark's first years differ."""
    if isinstance(value, datetime):
        return value.strftime(f"{value.year:04}-%m-%d %H:%M:%S.%f")
    return None if value is None else repr(value) if isinstance(value, float) else str(value)


@pytest.mark.parametrize("column", COLUMNS, ids=lambda c: f"{c.type} {c.thousands or 'no'} {c.decimal}")
def test_a_text_is_a_value_exactly_when_plain_python_says_so(spark, column):
    prepare(spark)
    key = Column("k", "bigint", required=True, doc="K.")
    dataset = Dataset(name="xs", job="xs_etl", doc="X.", columns=(key, column), key=("k",))
    rows = spark.createDataFrame([(text,) for text in texts()], "x string")
    value = value_of(column, "text")
    if column.type == "timestamp":
        value = f"date_format({value}, 'yyyy-MM-dd HH:mm:ss.SSSSSS')"
    found = rows.selectExpr("x", f"{text_of(column, dataset)} as text").selectExpr("x", f"{value} as value").collect()
    expected = {text: shown(model(text, column)) for text in texts()}
    wrong = {row.x: (row.value, expected[row.x]) for row in found if shown(row.value) != expected[row.x]}
    assert not wrong
    accepted = sum(row.value is not None for row in found)
    assert accepted > 10, "so few values prove little"


PLAIN = {
    "bigint": ["0", "7", "-7", "17850", "123456789012345678"],
    "int": ["0", "7", "-7", "17850", "999999999"],
    "double": ["0", "-0", "12", "-12.50", "0.01", "123456789012345.5"],
    "boolean": ["0", "1", "true", "false"],
    "date": ["2025-04-01", "2024-02-29", "1900-01-01"],
    "timestamp": ["2025-04-01T08:09:10", "2024-02-29 23:59:59", "1900-01-01T00:00:00"],
}


@pytest.mark.parametrize("negative", [True, False], ids=["also negative", "none negative"])
@pytest.mark.parametrize("column", COLUMNS, ids=lambda c: f"{c.type} {c.thousands or 'no'} {c.decimal}")
def test_what_arrow_types_is_what_plain_python_says_and_the_rest_is_left_to_spark(column, negative):
    every = [*texts(), *PLAIN[column.type], "", " ", "2025-02-29", "2025-13-01", "2025-04-31", "2025-04-00"]
    every += ["00", "07", "1234567890", "1234567890123456789", "\u0661\u0662", "1 ", "+1"]
    every = [text for text in every if negative or not text.startswith("-")]
    values = plain(pa.array([*every, None]), column)
    wrong = {
        text: (value, model(text, column))
        for text, value in zip(every, values.to_pylist(), strict=False)
        if value is not None and (value != model(text, column) or str(value).startswith("-0.0"))
    }
    assert not wrong
    if column.type in AS_WRITTEN:
        typed = [
            (text, str(value)) for text, value in zip(every, values.to_pylist(), strict=False) if value is not None
        ]
        assert not [pair for pair in typed if pair[0] != pair[1]], "people are shown what was written"
    left = left_over(pa.array([*every, None]), values).to_pylist()
    assert [text for text in left if text] == [
        text for text, value in zip(every, values.to_pylist(), strict=False) if value is None and text
    ]
    assert not any(text == "" for text in left), "an empty field is no value, whatever its type"


@pytest.mark.parametrize("kind", PLAIN)
def test_values_as_producers_mostly_write_them_are_plain(kind):
    values = plain(pa.array(PLAIN[kind]), column(kind)).to_pylist()
    assert None not in values
    without = [text for text in PLAIN[kind] if not text.startswith("-")]
    assert None not in plain(pa.array(without), column(kind)).to_pylist()
    if kind in AS_WRITTEN:
        assert [str(value) for value in values] == PLAIN[kind], "what people are shown is what was written"


def test_a_plain_text_that_means_no_value_is_left_to_spark():
    words = ("-1", "0", "null")
    assert plain(pa.array(["-1", "0", "1"]), column("int"), words).to_pylist() == [None, None, 1]
    assert plain(pa.array(["0", "true"]), column("boolean"), words).to_pylist() == [None, True]
