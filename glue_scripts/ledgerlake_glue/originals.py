"""The text of single rows of a file, exactly as it was delivered."""

from __future__ import annotations

import csv
import io
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from ledgerlake_glue.broken_quotes import LONGEST, strict_error
from ledgerlake_glue.csv_header import Joined, read_header
from ledgerlake_glue.plain_lines import PlainLines


def originals(stream: BinaryIO, rows: Iterable[int], delimiter: str = ",") -> dict[int, str]:
    """Return the text of the given rows exactly as delivered, without the line break that ends them.

    Args:
        stream: the unzipped bytes of a file that `Rows` could read.
        rows: numbers as in `_source_row`.
    """
    wanted = sorted(set(rows))
    rest = read_header(stream, delimiter).rest
    if rest is None or not wanted:
        return {}
    lines = PlainLines(rest)  # type: ignore[arg-type]
    found = dict(lines.texts(wanted))
    left = set(wanted[bisect_right(wanted, lines.count) :])
    if left:
        for number, text in enumerate(_records(lines.rest, delimiter), lines.count + 1):
            if number in left:
                found[number] = text
            if number >= wanted[-1]:
                break
    return found


def open_quote(stream: BinaryIO, delimiter: str) -> int | None:
    """Return the number of the row in which a quote is opened that is never closed; None when there is none."""
    number, text = 0, ""
    try:
        for record in _records(read_header(stream, delimiter).rest, delimiter):
            number, text = number + 1, record
    except csv.Error:  # a field longer than any that is meant
        return number + 1
    is_open = "unexpected end" in strict_error(text, delimiter)
    return number if is_open else None


def _records(rest: BinaryIO | Joined | None, delimiter: str) -> Iterator[str]:
    """Return the records as text; empty lines do not count, as in `Rows`.

    Args:
        rest: the bytes after the header; None where there are none.
    """
    if rest is None:
        return
    taken: list[str] = []

    def lines() -> Iterator[str]:
        # Bytes that are not UTF-8 are the reader's to refuse; the quotes around them can be judged.
        raw = io.BufferedReader(rest, 1 << 20)  # type: ignore[type-var]  # both read raw bytes
        for line in io.TextIOWrapper(raw, encoding="utf-8", errors="replace", newline=""):
            taken.append(line)
            yield line

    # csv.reader asks for another line exactly when a quoted field continues in it.
    csv.field_size_limit(LONGEST)
    for _ in csv.reader(lines(), delimiter=delimiter):
        text = "".join(taken).rstrip("\r\n")
        taken.clear()
        if text:
            yield text
