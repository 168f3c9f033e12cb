"""The text of single rows of a file, exactly as it was delivered."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from typing import BinaryIO


def originals(stream: BinaryIO, rows: Iterable[int]) -> dict[int, str]:
    """The text of the given rows exactly as delivered, without the line break that ends them.

    Args:
        stream: the unzipped bytes of a file that `Rows` could read.
        rows: numbers as in `_source_row`.
    """
    wanted = set(rows)
    last = max(wanted, default=0)
    found: dict[int, str] = {}
    for number, text in enumerate(_records(stream)):
        if number in wanted:
            found[number] = text
        if number >= last:
            break
    return found


def _records(stream: BinaryIO) -> Iterator[str]:
    """The records of a file as text, header first; blank lines do not count, as in `Rows`."""
    taken: list[str] = []

    def lines() -> Iterator[str]:
        for line in io.TextIOWrapper(stream, encoding="utf-8-sig", newline=""):
            taken.append(line)
            yield line

    # csv.reader asks for another line exactly when a quoted field goes on in it. What it makes of
    # the fields does not matter here, so the delimiter does not either.
    csv.field_size_limit(1 << 30)
    for _ in csv.reader(lines()):
        text = "".join(taken).rstrip("\r\n")
        taken.clear()
        if text:
            yield text
