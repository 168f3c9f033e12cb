r"""Quotes of one record that RFC 4180 does not explain: what is wrong with them.

A field in quotes begins and ends at a delimiter or line break, and a quote in it is written twice. A quote
inside of a field that is not quoted is a character, as inches are written. Whatever else a quote does, a
reader can only guess: it takes delimiters into a field, moves them out of one, or loses whole rows.
"""

from __future__ import annotations

import csv
import io
import re
from functools import cache

RULE = "broken_quotes"
TEXT_BEHIND = f"{RULE}: text follows a closing quote; is a quote missing or too much?"
BACKSLASH = f"{RULE}: a backslash before a quote; in CSV a quote inside of a quoted field is written twice"
SCATTERED = f"{RULE}: quotes inside of several fields that are not quoted; is a quote or delimiter missing or too much?"
SEVERAL_ROWS = f"{RULE}: a quoted field over several lines, among them whole rows; is a quote missing or too much?"
LONGEST = 1 << 26
"""Characters of a field: what a quote that is never closed swallows must not fill the memory."""

_LINE_BREAK = re.compile("\r\n|\r|\n")
_ESCAPED_QUOTE = re.compile(r'(?<!\\)(?:\\\\)*\\"')


def fault_of(record: str, delimiter: str, columns: int) -> str | None:
    """Return what is wrong with the quotes of a record, None where there is one way only to read it.

    Args:
        record: its text, without the line break that ends it.
        columns: how many the file has.
    """
    escapes = _ESCAPED_QUOTE.search(record) is not None
    if strict_error(record, delimiter):
        return BACKSLASH if escapes else TEXT_BEHIND
    fields = _fields(delimiter).findall(record)
    if sum('"' in field and field[0] != '"' for field in fields) > 1:
        return SCATTERED
    # Where backslashes escape, this is as good a record, and another one.
    if escapes and _escaped(delimiter).fullmatch(record):
        return BACKSLASH
    return SEVERAL_ROWS if _holds_rows(record, delimiter, columns) else None


def strict_error(record: str, delimiter: str) -> str:
    """Return what a strict CSV reader says against the record, empty where it has nothing to say."""
    csv.field_size_limit(LONGEST)
    try:
        list(csv.reader(io.StringIO(record, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        return str(error)
    return ""


def _holds_rows(record: str, delimiter: str, columns: int) -> bool:
    """Return whether a line inside of the record has the file's width, or its first and its last line have."""
    lines = _LINE_BREAK.split(record)
    if len(lines) == 1 or columns == 1:
        return False
    first, *others = (next(csv.reader([line], delimiter=delimiter), [""]) for line in lines)
    # The quote that is open at the end of the first line may be a character.
    first_is_whole = columns in (len(first), len(first) + first[-1].count(delimiter))
    whole = [len(fields) == columns for fields in others]
    return any(whole[:-1]) or (first_is_whole and whole[-1])


@cache
def _fields(delimiter: str) -> re.Pattern[str]:
    """Match a field of a record that has no strict error."""
    mark = re.escape(delimiter)
    return re.compile(rf'(?:\A|{mark})("[^"]*(?:""[^"]*)*"|[^{mark}]*)')


@cache
def _escaped(delimiter: str) -> re.Pattern[str]:
    """Match a record in which a backslash escapes the character after it."""
    mark = re.escape(delimiter)
    field = rf'(?:"[^"\\]*(?:\\.[^"\\]*)*"|(?!")[^{mark}\\]*(?:\\.[^{mark}\\]*)*)'
    return re.compile(rf"{field}(?:{mark}{field})*", re.DOTALL)
