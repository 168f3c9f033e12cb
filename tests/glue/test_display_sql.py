"""Reasons hide nothing: SQL, which judges rows, displays a text as Python does, which judges files."""

from __future__ import annotations

import pytest

from ledgerlake.display import HIDDEN, LONGEST, PICTURES, display_text
from ledgerlake_glue.display_sql import display_sql, literal

TEXTS = (
    "Lamp",
    "Café 💡 מנורה",
    "'\\' \\u0041 ${x} $1",
    "".join(PICTURES),
    "".join(f"{chr(first)}a{chr(last)}b" for first, last in HIDDEN if first != 0xD800),
    "x" * LONGEST,
    "x" * (LONGEST + 1),
    "💡" * (LONGEST + 1),
)


@pytest.mark.slow
def test_sql_displays_what_python_displays_and_literals_are_what_they_were_made_of(spark):
    for text in TEXTS:
        row = spark.sql(f"select {literal(text)} as text, {display_sql(literal(text))} as shown").first()
        assert tuple(row) == (text, display_text(text))
    assert spark.sql(f"select {display_sql('null')} as shown").first().shown is None
