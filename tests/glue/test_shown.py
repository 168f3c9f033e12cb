"""Reasons hide nothing: not in Python, where files are judged, nor in SQL, where rows are."""

from __future__ import annotations

import pytest

from ledgerlake_spark.shown import SHOWN, literal, shown, shown_sql

TEXTS = {
    "Lamp": "Lamp",
    "a\nb\tc\x00": "a␊b␉c␀",
    "\x7f\x85\u202e\u200b\ufeff": "␡\ufffd\ufffd\ufffd\ufffd",
    "Café 💡 מנורה": "Café 💡 מנורה",
    "'\\' \\u0041 ${x}": "'\\' \\u0041 ${x}",
    "x" * 300: "x" * SHOWN,
    "💡" * 300: "💡" * SHOWN,
}


@pytest.mark.parametrize(("text", "expected"), TEXTS.items())
def test_what_cannot_be_seen_is_made_visible_and_the_beginning_is_enough(text, expected):
    assert shown(text) == expected


@pytest.mark.slow
def test_sql_shows_what_python_shows_and_literals_are_what_they_were_made_of(spark):
    for text in TEXTS:
        row = spark.sql(f"select {literal(text)} as text, {shown_sql(literal(text))} as shown").first()
        assert tuple(row) == (text, shown(text))
