"""The records at the beginning of a file, as long as each of them is one line; found a thousand at a time."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from ledgerlake_glue.csv_header import Joined

_BLOCK = 16 << 20


class PlainLines:
    """The lines of a file up to the block that holds its first quote, or a line break of an old Macintosh.

    Args:
        stream: the bytes after the header; no block of it ends between CR and LF.

    After `texts`, `count` is the number of records that were passed, and `rest` the bytes after them.
    """

    def __init__(self, stream: BinaryIO) -> None:
        """Read lines from the stream."""
        self._stream = stream
        self.count = 0
        self.rest: BinaryIO = Joined(b"", stream)  # type: ignore[assignment]

    def texts(self, wanted: Sequence[int]) -> Iterator[tuple[int, str]]:
        """Yield number (from 1) and text of the wanted records, without the line break. Empty lines are no records.

        Args:
            wanted: rising numbers; behind the last of them nothing is read.
        """
        held = b""
        while self.count < wanted[-1] and (block := self._stream.read(_BLOCK)):
            held += block
            if not is_plain(held):
                self.rest = Joined(held, self._stream)  # type: ignore[assignment]
                return
            end = held.rfind(b"\n") + 1
            yield from self._of(held[:end], wanted)
            held = held[end:]
        if self.count < wanted[-1] and held:  # the last line may end without a break
            yield from self._of(held + b"\n", wanted)

    def _of(self, lines: bytes, wanted: Sequence[int]) -> Iterator[tuple[int, str]]:
        starts, ends = spans(lines)
        filled = np.flatnonzero(ends > starts)
        first, self.count = self.count, self.count + len(filled)
        for number in wanted[bisect_right(wanted, first) : bisect_right(wanted, self.count)]:
            line = filled[number - first - 1]
            yield number, lines[starts[line] : ends[line]].decode(errors="replace")


def is_plain(text: bytes) -> bool:
    """Return whether each record of it is one line: it has no quote, and no line break of an old Macintosh."""
    return b'"' not in text and (b"\r" not in text or text.count(b"\r") == text.count(b"\r\n"))


def spans(lines: bytes) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Where each line starts and ends, without its line break; what follows the last one is no line."""
    codes = np.frombuffer(lines, np.uint8)
    ends = np.flatnonzero(codes == ord("\n"))
    starts = np.concatenate([[0], ends[:-1] + 1]) if len(ends) else ends
    return starts, ends - ((ends > starts) & (codes[ends - 1] == ord("\r")))
