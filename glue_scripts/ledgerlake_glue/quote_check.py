"""Quotes of a whole file, checked as its bytes pass: quickly where they are in order, else record by record."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from ledgerlake_glue.broken_quotes import LONGEST, fault_of

_LF, _CR, _QUOTE, _BACKSLASH = b'\n\r"\\'


class QuoteCheck:
    """Finds the records with broken quotes among the bytes that it is fed.

    Args:
        delimiter: of the file.
        columns: how many it has.
        rows: before the first byte.

    The bytes come in through `passed`, block by block and an empty one at their end. Arrow reads them in a thread of
    its own, which does no work here. After the end, `open` is the number of the record with a quote that is
    never closed.
    """

    def __init__(self, delimiter: str, columns: int, rows: int = 0) -> None:
        """Begin a check with no line read."""
        self.passed: deque[bytes] = deque()
        self.open: int | None = None
        self._delimiter, self._columns, self._rows = delimiter, columns, rows
        self._faults: deque[tuple[int, str]] = deque()
        self._held = b""  # of a record that has not ended yet
        starts = np.zeros(256, bool)
        starts[[_LF, _CR, ord(delimiter)]] = True
        self._starts = starts  # after these characters a field starts, and before them one ends
        self._beside = starts.copy()
        self._beside[_QUOTE] = True

    def faults_of_rows_to(self, row: int) -> list[tuple[int, str]]:
        """Take number and reason of the records with broken quotes up to that number; their bytes have passed."""
        while self.passed:
            self._check(self.passed.popleft())
        taken = []
        while self._faults and self._faults[0][0] <= row:
            taken.append(self._faults.popleft())
        return taken

    def _check(self, block: bytes) -> None:
        """Check the records that end in the block, the next of the file."""
        if not block:
            self._finish()
        elif b'"' not in block and b'"' not in self._held and b"\r" not in block and b"\r" not in self._held:
            self._count_lines(block)
        else:
            text = self._held + block
            self._held = text[self._checked(text) :]

    def _finish(self) -> None:
        """Check the last record, which may have no line break."""
        if self._held:
            self._check(b"\n")
            self.open = self._rows + 1 if self._held else self.open
            self._held = b""

    def _count_lines(self, block: bytes) -> None:
        """Count the records of the block, each of them a line; a quicker way to do what `_checked` does."""
        end = block.rfind(b"\n") + 1
        if not end:
            self._held += block
            return
        breaks = np.frombuffer(block, np.uint8)[:end] == _LF
        is_empty = breaks[1:] & breaks[:-1]
        first_is_empty = bool(breaks[0]) and not self._held
        self._rows += int(np.count_nonzero(breaks)) - int(np.count_nonzero(is_empty)) - first_is_empty
        self._held = block[end:]

    def _checked(self, text: bytes) -> int:
        """Check the records that end in `text`, which begins with one, and return where the last of them ends."""
        starts, ends, after = _lines(text)
        if not len(after):
            return 0
        codes = np.frombuffer(text, np.uint8)
        quotes = np.flatnonzero(codes == _QUOTE)
        quotes = quotes[: np.searchsorted(quotes, after[-1])]
        is_record = ends > starts
        stop: int = len(after)
        faults: list[tuple[int, str]] = []
        if not self._is_proper(codes, quotes, after):
            odd = self._odd_lines(codes, quotes, after)
            stop, faults = self._walk(text, starts, after, odd, is_record)
        numbers = self._rows + np.cumsum(is_record[:stop])
        self._faults.extend((int(numbers[line]), fault) for line, fault in faults)
        self._rows = int(numbers[-1]) if stop else self._rows
        return int(after[stop - 1]) if stop else 0

    def _is_proper(
        self, codes: npt.NDArray[np.uint8], quotes: npt.NDArray[np.int64], after: npt.NDArray[np.int64]
    ) -> bool:
        """Return whether every field with a quote is a quoted one, on one line."""
        if len(quotes) % 2:
            return False
        opening, closing = quotes[::2], quotes[1::2]
        before = codes[opening - 1]
        before[:1] = before[:1] if opening[:1].any() else _LF  # at the very beginning a field starts
        if not (self._beside[before].all() and self._beside[codes[closing + 1]].all()):
            return False
        return not (np.searchsorted(quotes, after) % 2).any()

    def _odd_lines(
        self, codes: npt.NDArray[np.uint8], quotes: npt.NDArray[np.int64], after: npt.NDArray[np.int64]
    ) -> list[int]:
        """Return the lines that have to be read to say what their quotes mean, if a record starts with them."""
        before_line = np.concatenate([[0], np.searchsorted(quotes, after)])
        counts = np.diff(before_line)
        line = np.repeat(np.arange(len(after)), counts)
        place = np.arange(len(quotes)) - np.repeat(before_line[:-1], counts)
        before, behind = codes[quotes - 1], codes[quotes + 1]
        if len(quotes) and quotes[0] == 0:
            before[0] = _LF
        opens = place % 2 == 0
        improper = ~np.where(opens, self._beside[before], self._beside[behind])
        odd = (counts % 2 == 1) | (np.bincount(line[improper], minlength=len(after)) > 0)
        # One quote inside of a field, as inches are written, is a character.
        inch = (counts[line] == 1) & ~self._starts[before] & (before != _BACKSLASH)
        odd[line[inch]] = False
        return [int(each) for each in np.flatnonzero(odd)]

    def _walk(
        self,
        text: bytes,
        starts: npt.NDArray[np.int64],
        after: npt.NDArray[np.int64],
        odd: list[int],
        is_record: npt.NDArray[np.bool_],
    ) -> tuple[int, list[tuple[int, str]]]:
        """Read the records that start with an odd line; a line inside of a record is taken out of `is_record`.

        Returns:
            The number of lines whose records have ended, and the faults by the line that they start in.
        """
        faults: list[tuple[int, str]] = []
        passed = 0
        for line in odd:
            if line < passed:
                continue
            record = self._record(text[starts[each] : after[each]] for each in range(line, len(after)))
            if record is None:
                return line, faults
            pieces, joined = record
            passed = line + pieces
            is_record[line + 1 : passed] = False
            if fault := fault_of(joined.rstrip("\r\n"), self._delimiter, self._columns):
                faults.append((line, fault))
        return len(after), faults

    def _record(self, lines: Iterator[bytes]) -> tuple[int, str] | None:
        """Return the number of lines and the text of the record from the first line on; None if it has no end."""
        taken: list[str] = []
        ended = False

        def pieces() -> Iterator[str]:
            nonlocal ended
            # Bytes that are not UTF-8 are the reader's to reject; the quotes around them can be checked.
            for each in lines:
                taken.append(each.decode(errors="replace"))
                yield taken[-1]
            ended = True

        # csv.reader asks for another line exactly when a quoted field continues in it.
        csv.field_size_limit(LONGEST)
        try:
            next(csv.reader(pieces(), delimiter=self._delimiter))
        except csv.Error:  # a field longer than any that is meant
            return None
        return None if ended else (len(taken), "".join(taken))


def _lines(text: bytes) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Where each line starts and ends, and where the next one starts; what follows the last line break is no line."""
    codes = np.frombuffer(text, np.uint8)
    breaks = codes == _LF
    if b"\r" in text:
        alone = codes == _CR
        alone[:-1] &= codes[1:] != _LF
        breaks |= alone
    last = np.flatnonzero(breaks)
    starts = np.concatenate([[0], last[:-1] + 1]) if len(last) else last
    ends = last - ((last > starts) & (codes[last] == _LF) & (codes[last - 1] == _CR))
    return starts, ends, last + 1
