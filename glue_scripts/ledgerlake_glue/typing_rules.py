r"""How the text of a field becomes a value: one Spark SQL expression per column type.

Each gives NULL for text that is no such value (`try_cast`, so that the same expression means the
same on Spark 4); `validation` tells that NULL from a field that was empty.

Spark's own casts accept more than a value: '2025' as a date, '12:30' as a timestamp of today,
'1.5d' as a double, NUL bytes around an integer. The patterns keep those out. They end in `\z`,
because `$` also matches before a line break.
"""

from __future__ import annotations

import re

from ledgerlake.contracts import Column, Dataset
from ledgerlake_glue.display_sql import literal
from ledgerlake_glue.rows_without_value import BLANKS

# Spark's literals know no escape for a form feed: its \f is the letter f.
_BLANKS = literal(BLANKS)
_DATE = r"(?!0000)[0-9]{4}-[0-9]{2}-[0-9]{2}"  # there is no year 0
_TIME = r"[0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,9})?)?"
_ZONE = r"(Z|[+-][0-9]{2}(:?[0-9]{2})?)?"
_PATTERNS = {
    "date": rf"\A{_DATE}([T ]00:00(:00([.]0+)?)?Z?)?\z",
    "timestamp": rf"\A{_DATE}([T ]{_TIME}{_ZONE})?\z",
}
# A zone may move the first and last hours into years that no other engine knows; Athena rounds the times of a Delta
# table to milliseconds, and cannot show those that it rounds up to the year 10000.
_FIRST, _LAST = "timestamp'0001-01-01 00:00:00Z'", "timestamp'9999-12-31 23:59:59.999499Z'"


def text_of(column: Column, dataset: Dataset, field: str = "") -> str:
    """Return SQL for the field without surrounding blanks, NULL where the contract sees no value in it.

    Args:
        field: the column that holds the text, when it is another than that of the contract.
    """
    field = f"`{field or column.name}`"
    trimmed = f"btrim({field}, {_BLANKS})"
    words = ", ".join(literal(word.lower()) for word in ("", *dataset.null_words))
    return f"if(lower({trimmed}) in ({words}), null, {field if column.type == 'string' else trimmed})"


def value_of(column: Column, text: str) -> str:
    """Return SQL for the value of `text` (a SQL expression), NULL where it is none of the column's type."""
    if column.type in ("bigint", "int"):
        return _integer(column, text)
    if column.type == "double":
        return _double(column, text)
    if column.digits:
        return f"cast(null as {column.type})"  # the reader has made all of them
    if column.type == "boolean":
        return (
            f"case when lower({text}) in ('1', '1.0', 'true') then true "
            f"when lower({text}) in ('0', '0.0', 'false') then false end"
        )
    if column.type == "date":
        return f"if({text} rlike r'{_PATTERNS['date']}', try_cast({text} as date), null)"
    return _timestamp(text) if column.type == "timestamp" else text


def _integer(column: Column, text: str) -> str:
    """Digits; or, as spreadsheets write 17850, `17850.0`.

    No exponent: in the `1.23457E+15` that a spreadsheet makes of a long number digits are lost.
    """
    mark, thousands = re.escape(column.decimal), re.escape(column.thousands)
    digits = rf"[0-9]+|[0-9]{{1,3}}(?:{thousands}[0-9]{{3}})+" if thousands else "[0-9]+"
    pattern = literal(rf"\A([+-]?(?:{digits}))(?:{mark}0*)?\z")
    # Where nothing matches, NULL: to cast the empty text would throw, and catch, an error for each such row.
    whole = f"nullif({_without(column.thousands, f'regexp_extract({text}, {pattern}, 1)')}, '')"
    # Most fields are plain digits, for which the cast alone is enough, and much faster than a pattern.
    # It would only trim what is left of control characters.
    plain = f"if({text} >= '+' and {text} < ':' and right({text}, 1) between '0' and '9', {text}, null)"
    return f"coalesce(try_cast({plain} as {column.type}), try_cast({whole} as {column.type}))"


def _double(column: Column, text: str) -> str:
    """Finite only: NaN breaks every comparison of a rule, and no amount is infinite. `-0` is 0."""
    mark, thousands = re.escape(column.decimal), re.escape(column.thousands)
    digits = rf"(?:[0-9]+|[0-9]{{1,3}}(?:{thousands}[0-9]{{3}})+)" if thousands else "[0-9]+"
    pattern = literal(rf"\A[+-]?({digits}(?:{mark}[0-9]*)?|{mark}[0-9]+)([eE][+-]?[0-9]+)?\z")
    number = _without(column.thousands, text)
    number = number if column.decimal == "." else f"replace({number}, {literal(column.decimal)}, '.')"
    cast = f"if({text} rlike {pattern}, try_cast({number} as double), null)"
    return f"nullif(nullif({cast}, double('Infinity')), double('-Infinity')) + 0D"


def _timestamp(text: str) -> str:
    # Spark wants seconds before a zone: 08:00Z is written as 08:00:00Z for it.
    with_seconds = f"overlay({text} placing ':00' from 17 for 0)"
    cast = f"coalesce(try_cast({text} as timestamp), try_cast({with_seconds} as timestamp))"
    inside = f"({text} >= '0002' and {text} < '9999') or {cast} between {_FIRST} and {_LAST}"
    return f"if({text} rlike r'{_PATTERNS['timestamp']}' and ({inside}), {cast}, null)"


def _without(thousands: str, text: str) -> str:
    return f"replace({text}, {literal(thousands)}, '')" if thousands else text
