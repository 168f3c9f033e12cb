"""How the text of a field becomes a value: one Spark SQL expression per column type.

Each gives NULL for text that is no such value (`try_cast`, so that the same expression means the
same on Spark 4); `validation` tells that NULL from a field that was empty.
"""

from __future__ import annotations

from ledgerlake.contracts import Column, Dataset

_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME = r"[0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,9})?)?"
_ZONE = r"(Z|[+-][0-9]{2}:[0-9]{2})?"
_BLANKS = r"' \t\r\n\u00a0'"

# Spark's own casts accept more than a value: '2025' as a date, '12:30' as a timestamp of today,
# '1.5d' as a double. The patterns keep those out.
_PATTERNS = {
    "date": rf"^{_DATE}([T ]00:00(:00([.]0+)?)?Z?)?$",
    "timestamp": rf"^{_DATE}([T ]{_TIME}{_ZONE})?$",
    "double": r"^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?$",
}


def text_of(column: Column, dataset: Dataset) -> str:
    """SQL for the field without surrounding blanks, NULL where the contract sees no value in it."""
    trimmed = f"btrim(`{column.name}`, {_BLANKS})"
    words = ", ".join(f"'{word.lower()}'" for word in ("", *dataset.null_words))
    return f"if(lower({trimmed}) in ({words}), null, {'`' + column.name + '`' if column.type == 'string' else trimmed})"


def value_of(column: Column, text: str) -> str:
    """SQL for the value of `text` (a SQL expression), NULL where it is none of the column's type."""
    if column.type == "string":
        return text
    if column.type in ("bigint", "int"):
        # Spreadsheets write 17850 as 17850.0.
        whole = f"regexp_extract({text}, '^([+-]?[0-9]+)[.]0*$', 1)"
        return f"coalesce(try_cast({text} as {column.type}), try_cast({whole} as {column.type}))"
    if column.type == "boolean":
        return (
            f"case when lower({text}) in ('1', '1.0', 'true') then true "
            f"when lower({text}) in ('0', '0.0', 'false') then false end"
        )
    cast = f"if({text} rlike r'{_PATTERNS[column.type]}', try_cast({text} as {column.type}), null)"
    if column.type == "double":
        return f"nullif(nullif({cast}, double('Infinity')), double('-Infinity'))"
    return cast
