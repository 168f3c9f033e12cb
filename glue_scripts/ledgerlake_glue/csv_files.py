"""One delivered CSV file as Arrow batches of text, exact about rows.

pyarrow's streaming reader does the parsing (RFC 4180: quotes are doubled, a backslash is a
character, quoted line breaks are data). Columns are found by header name, in any order and case.
What makes a file unreadable is found here and is an error of that file alone.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv as pa_csv

from ledgerlake.contracts import Dataset
from ledgerlake.display import display_text
from ledgerlake.errors import ConservationError
from ledgerlake_glue.csv_header import BrokenFile, Header, Joined, read_header
from ledgerlake_glue.header_matching import match_header, path_of
from ledgerlake_glue.originals import open_quote
from ledgerlake_glue.path_columns import contradictions, first_of
from ledgerlake_glue.quote_check import QuoteCheck
from ledgerlake_glue.rows_without_value import blank_rows, is_blank, repeated_headers

__all__ = ["BLOCK", "BrokenFile", "Rows", "Section"]

BLOCK = 16 << 20
"""Bytes that Arrow parses at once. A row that is longer cannot be read; Athena shows none above 32 MB."""

HEADER_AGAIN = "header_again: the row repeats the header"


@dataclass(frozen=True)
class Section:
    """A part of a file that can be read for itself.

    Args:
        names: of the file's header.
        start, stop: its bytes in the file.
        first: rows before it.
        rows: in it, with those that hold no value.
        delimiter: of the file, where it is not that of the contract.
    """

    names: tuple[str, ...]
    start: int
    stop: int
    first: int
    rows: int
    delimiter: str = ""


class Rows:
    """The rows of one file, in order, as batches of text columns.

    Args:
        open_stream: gives the unzipped bytes from their beginning, each time it is called; called with two
            numbers, those between them.
        dataset: whose contract names the columns and the delimiter.
        section: the only one to be read; the whole file if not given.
        key: of the delivery, whose folders may give values to columns.

    Iterating yields record batches with a column of text for each of the contract's (NULL where
    the file has no such column), `_source_row` (1 for the first row after the header) and
    `_problem` (NULL, or why the row could not be split into columns). Afterwards `count` is
    the number of rows, `blank_rows` that of the rows without any value, which have a number and are
    not passed on, `unknown` names the file's columns that the contract does not have, and `absent` its
    optional columns that the file does not have.

    Raises (while iterating):
        BrokenFile: a required column is missing, the text is not UTF-8, the gzip is truncated, …
        ConservationError: the section has another number of rows than was counted before.
    """

    def __init__(
        self, open_stream: Callable[..., BinaryIO], dataset: Dataset, section: Section | None = None, key: str = ""
    ) -> None:
        """Open the file."""
        self.key = key
        self.open_stream, self.dataset, self.section = open_stream, dataset, section
        self._first = section.first if section else 0
        self._last = self._first  # the number of the row that was passed on last
        self._delimiter = dataset.delimiter
        self.unknown: list[str] = []
        self.absent: list[str] = []
        self.blank_rows = 0
        self._bad: list[tuple[int, str]] = []  # rows of the wrong width that are not passed on yet; "" if blank

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows as record batches."""
        # An OSError of the network is no fault of the file: it passes, and the job is tried again.
        try:
            yield from self._batches()
        except pa.ArrowInvalid as error:
            raise BrokenFile(self._what_is_wrong(str(error))) from error
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise BrokenFile(f"unreadable_file: {error} (after row {self._last})") from error

    @property
    def count(self) -> int:
        """Rows that were passed on."""
        return self._last - self._first - self.blank_rows

    def _batches(self) -> Iterator[pa.RecordBatch]:
        header = self._header()
        if not header.names:
            return
        self._delimiter = header.delimiter
        positions = self.positions(header)
        if header.rest is None:
            return  # Arrow refuses a file without rows; for us it is ordinary
        check = QuoteCheck(header.delimiter, len(header.names), self._first)
        header.rest.passed = check.passed
        for batch in self._parse(header.rest, header):
            yield from self._numbered(batch, header, positions, check)
        yield from self._bad_rows()
        check.faults_of_rows_to(self._last)  # what has passed since the last batch; of bad rows alone there is none
        if check.open is not None:
            raise BrokenFile(_never_closed(check.open))
        passed = self._last - self._first
        if self.section and passed != self.section.rows:
            raise ConservationError(
                f"{passed} rows between the bytes {self.section.start} and {self.section.stop} of the file",
                expected=f"{self.section.rows}, as counted before",
                remedy="report it, with the file: the numbers of its rows would be wrong",
            )

    def _header(self) -> Header:
        if self.section is None:
            return read_header(self.open_stream(), self.dataset.delimiter)
        rest = self.open_stream(self.section.start, self.section.stop)
        return Header(list(self.section.names), Joined(b"", rest), self.section.delimiter or self.dataset.delimiter)

    def _parse(self, stream: Joined, header: Header) -> pa_csv.CSVStreamingReader:
        names = [str(number) for number in range(len(header.names))]  # those of the header may be doubled
        return pa_csv.open_csv(
            pa.PythonFile(stream, mode="r"),
            read_options=pa_csv.ReadOptions(block_size=BLOCK, use_threads=False, column_names=names),
            parse_options=pa_csv.ParseOptions(
                delimiter=header.delimiter,
                newlines_in_values=True,
                invalid_row_handler=self._remember,
            ),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
            ),
        )

    def positions(self, header: Header) -> dict[str, int]:
        """Where each column of the contract is in the file.

        Raises:
            BrokenFile: as `match_header`.
        """
        matched = match_header(header.names, self.dataset, self._path)
        self.unknown, self.absent = matched.unknown, matched.absent
        return matched.positions

    def _remember(self, row: pa_csv.InvalidRow) -> str:
        problem = f"wrong_width: {row.actual_columns} fields, expected {row.expected_columns}"
        self._bad.append((self._first + row.number, "" if is_blank(row.text, self._delimiter) else problem))
        return "skip"

    def _numbered(
        self, batch: pa.RecordBatch, header: Header, positions: dict[str, int], check: QuoteCheck
    ) -> Iterator[pa.RecordBatch]:
        """Assign numbers to the good rows around the bad ones, which the parser has reported before the batch came."""
        numbers = self._next_numbers(batch.num_rows)
        batch, numbers, again = self._without_odd_rows(batch, header, positions, numbers)
        columns = [
            batch.column(positions[name]) if name in positions else self._not_in_file(name, batch.num_rows)
            for name in self.dataset.column_names
        ]
        faults = check.faults_of_rows_to(self._last)
        problems = first_of(_problems_of(numbers, faults), self._contradictions(batch, positions))
        yield _record_batch(self.dataset, columns, pa.array(numbers), problems)
        passed = [entry for entry in self._bad if entry[0] <= self._last]
        self._bad = [entry for entry in self._bad if entry[0] > self._last]
        yield from self._problems(sorted(passed + again))

    def _without_odd_rows(
        self, batch: pa.RecordBatch, header: Header, positions: dict[str, int], numbers: npt.NDArray[np.int64]
    ) -> tuple[pa.RecordBatch, npt.NDArray[np.int64], list[tuple[int, str]]]:
        """Take out the rows without any value, and those that repeat the header, which are bad ones."""
        filled = positions.get(self.dataset.key[0], 0)
        blank, again = blank_rows(batch, filled), repeated_headers(batch, header.names, filled)
        self.blank_rows += len(blank)
        if not len(blank) and not len(again):
            return batch, numbers, []
        bad = [(int(number), HEADER_AGAIN) for number in numbers[again]]
        kept = np.delete(np.arange(batch.num_rows), np.concatenate([blank, again]))
        return batch.take(pa.array(kept)), numbers[kept], bad

    @cached_property
    def _path(self) -> dict[str, str | None]:
        return path_of(self.key, self.dataset)

    def _not_in_file(self, name: str, rows: int) -> pa.Array:
        return pa.repeat(pa.scalar(self._path.get(name), pa.string()), rows)

    def _contradictions(self, batch: pa.RecordBatch, positions: dict[str, int]) -> dict[str, pa.Array]:
        """By column that both the path and the file have: why its text is not what the path says."""
        return {
            name: contradictions(
                batch.column(positions[name]), self.dataset.column(name), value, self.dataset.null_words
            )
            for name, value in self._path.items()
            if name in positions
        }

    def _next_numbers(self, rows: int) -> npt.NDArray[np.int64]:
        """Of the next good rows: those that follow, but for the bad ones among them."""
        bad = [number for number, _ in self._bad]
        following = np.arange(self._last + 1, self._last + 1 + rows + len(bad), dtype=np.int64)
        numbers = following[~np.isin(following, bad)][:rows]
        self._last = int(numbers[-1]) if rows else self._last
        return numbers

    def _bad_rows(self) -> Iterator[pa.RecordBatch]:
        self._last += len(self._bad)
        yield from self._problems(self._bad)

    def _problems(self, rows: list[tuple[int, str]]) -> Iterator[pa.RecordBatch]:
        bad = [row for row in rows if row[1]]
        self.blank_rows += len(rows) - len(bad)
        if bad:
            texts = [pa.nulls(len(bad), pa.string()) for _ in self.dataset.columns]
            numbers, problems = zip(*bad, strict=True)
            yield _record_batch(self.dataset, texts, pa.array(numbers, pa.int64()), pa.array(problems, pa.string()))

    def _what_is_wrong(self, error: str) -> str:
        if "straddling" in error:
            number = open_quote(self.open_stream(), self.dataset.delimiter)
            if number is not None:
                return _never_closed(number)
            return f"row_too_long: a row after row {self._last} is longer than {BLOCK >> 20} MB"
        text = " ".join(error.split())
        # The handler of rows of the wrong width leaves only those to Arrow that it cannot even decode.
        if place := re.search(r"Row #(\d+): (CSV conversion error to string: invalid UTF8|Expected \d+ columns)", text):
            return f"wrong_encoding: row {self._first + int(place[1])} has bytes that are not UTF-8; expected UTF-8"
        return f"unreadable_file: {display_text(text, 500)}"


def _never_closed(row: int) -> str:
    return f"unclosed_quote: a quote opened in row {row} is never closed"


def _problems_of(numbers: npt.NDArray[np.int64], faults: list[tuple[int, str]]) -> pa.Array:
    """Return the faults at the places of their numbers; those of rows of another width have no place."""
    if not faults:
        return pa.nulls(len(numbers), pa.string())
    known = dict(faults)
    problems: list[str | None] = [None] * len(numbers)
    for place in np.flatnonzero(np.isin(numbers, list(known))):
        problems[place] = known[int(numbers[place])]
    return pa.array(problems, pa.string())


def _record_batch(dataset: Dataset, texts: list[pa.Array], numbers: pa.Array, problems: pa.Array) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([*texts, numbers, problems], [*dataset.column_names, "_source_row", "_problem"])
