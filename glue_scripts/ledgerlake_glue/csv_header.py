"""CSV header: whether a delivered file is CSV text, and the columns that its header names."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from ledgerlake.display import display_text
from ledgerlake_glue.broken_quotes import LONGEST, fault_of
from ledgerlake_glue.foreign_formats import foreign_format

_STEP = 1 << 16
_LIMIT = 1 << 20
_BLANKS = b" \t\r\n\x0b\x0c"
_LINE_BREAK = re.compile(rb"\r\n|\r|\n")
_TEXT = "expected CSV text in UTF-8"
_HINT = re.compile(rb"""\s*(?:"sep=(?P<quoted>[^"\r\n])"|sep=(?P<bare>[^"\r\n]))[,;|\t ]*""", re.IGNORECASE)
"""A first line that tells a spreadsheet what stands between two fields."""


class BrokenFile(Exception):
    """The file as a whole cannot be read. The text begins with a rule name, then says what was seen."""


@dataclass(frozen=True)
class Header:
    """The names in a file's first record with a value, as written, and the bytes after it.

    `delimiter` stands between the fields of the file. `names` is empty for a file that is empty or blank;
    `rest` is None when nothing follows. `size` is
    the number of bytes before the rest.
    """

    names: list[str]
    rest: Joined | None
    delimiter: str
    size: int = 0


def read_header(stream: BinaryIO, delimiter: str) -> Header:
    """Take the header off the beginning of `stream`.

    Args:
        delimiter: of the contract; a first line such as `sep=;` has the last word.

    Raises:
        BrokenFile: it is no text, not UTF-8, has broken quotes, or does not end within 1 MB.
    """
    start, ended = b"", False
    while True:
        block = stream.read(_STEP)
        start, ended = start + block, not block
        if foreign := foreign_format(start):
            raise BrokenFile(foreign)
        record, end, mark = _first_record(start, delimiter, ended)
        if record or ended:
            break
        if len(start) > _LIMIT:
            raise BrokenFile(f"unreadable_file: no line ends in the first MB that is not blank; {_TEXT}")
    behind = start[end:] or stream.read(_STEP)
    return Header(_names(record, mark), Joined(behind, stream) if behind else None, mark, end)


class Joined(io.RawIOBase):
    """Bytes that were already read, then the rest of their stream; `passed` may collect all that was read.

    No block ends between CR and LF: where one does, Arrow drops the LF, also inside of quotes,
    where it is data (https://github.com/apache/arrow/issues/51368).
    """

    def __init__(self, start: bytes, rest: BinaryIO) -> None:
        """Put `start` before the rest of the stream."""
        self.start, self.rest = io.BytesIO(start), rest
        self.passed: deque[bytes] | None = None
        self._held = b""

    def readable(self) -> bool:
        """Return True, as raw streams are asked before a read."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Read at most `size` bytes."""
        more = size - len(self._held) if size > 0 else size
        block = self._held + (self.start.read(more) or self.rest.read(more))
        whole = block.rstrip(b"\r") or block  # all the CRs at the end are held back, unless there is nothing else
        self._held = block[len(whole) :]
        if self.passed is not None:
            self.passed.append(whole)
        return whole

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Read into the buffer, and return the number of bytes."""
        block = self.read(len(buffer))
        buffer[: len(block)] = block
        return len(block)


def _first_record(start: bytes, delimiter: str, ended: bool) -> tuple[bytes, int, str]:
    """Return the first record with a value, where it ends, and the delimiter; an empty one while it is incomplete."""
    begin = len(codecs.BOM_UTF8) if start.startswith(codecs.BOM_UTF8) else 0
    hint = None
    for line_break in _LINE_BREAK.finditer(start):
        end = line_break.end()
        record = start[begin : line_break.start()]
        if not record.strip(_BLANKS + delimiter.encode()):
            begin = end
        elif hint is None and (hint := _HINT.fullmatch(record)):
            delimiter, begin = (hint["quoted"] or hint["bare"]).decode("latin-1"), end
        elif not _is_open(start[begin:end], delimiter):
            return record, end, delimiter
    rest = start[begin:] if ended else b""
    return (rest if rest.strip(_BLANKS + delimiter.encode()) else b""), len(start), delimiter


def _is_open(record: bytes, delimiter: str) -> bool:
    """Return whether a quote is open at the end of the record, so that it continues in the next line."""
    if record.count(b'"') % 2 == 0:
        return False
    csv.field_size_limit(LONGEST)
    ended = False

    def lines() -> Iterator[str]:
        nonlocal ended
        yield from io.StringIO(_decoded(record), newline="")
        ended = True

    next(csv.reader(lines(), delimiter=delimiter))
    return ended


def _names(record: bytes, delimiter: str) -> list[str]:
    if not record:
        return []
    if _is_open(record, delimiter):
        raise BrokenFile("unclosed_quote: a quote opened in the header is never closed")
    if b"\0" in record:
        raise BrokenFile(f"wrong_encoding: NUL bytes in the header, as UTF-16 has them; {_TEXT}")
    text = _decoded(record)
    csv.field_size_limit(LONGEST)
    names = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    if b'"' in record and (fault := fault_of(text, delimiter, len(names))):
        raise BrokenFile(f"{fault} (in the header {display_text(text, 500)})")
    return names


def _decoded(record: bytes) -> str:
    try:
        return record.decode()
    except UnicodeDecodeError as error:
        raise BrokenFile(f"wrong_encoding: {error} (in the header); {_TEXT}") from error
