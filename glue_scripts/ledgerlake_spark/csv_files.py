"""One delivered CSV file as Arrow batches of text, exact about rows.

pyarrow's streaming reader does the parsing (RFC 4180: quotes are doubled, a backslash is a
character, quoted line breaks are data). Columns are found by header name, in any order and case.
What makes a file unreadable is found here and is an error of that file alone.
"""

from __future__ import annotations

import codecs
import csv
import io
import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO

import pyarrow as pa
import pyarrow.csv as pa_csv

from ledgerlake.contracts import Dataset

BLOCK = 4 << 20
_HEADER_LIMIT = 1 << 20
_LINE_BREAK = re.compile(rb"\r\n|\r|\n")


class BrokenFile(Exception):
    """The file as a whole cannot be read. The text begins with a rule name, then says what was seen."""


class Rows:
    """The rows of one file, in order, as batches of text columns.

    Args:
        open_stream: gives the unzipped bytes from their beginning, each time it is called.
        dataset: whose contract names the columns and the delimiter.

    Iterating yields record batches with a column of text for each of the contract's (NULL where
    the file has no such column), `_source_row` (1 for the first row after the header) and
    `_problem` (NULL, or why the row could not be split into columns). Afterwards `count` is
    the number of rows and `unknown` names the file's columns that the contract does not have.

    Raises (while iterating):
        BrokenFile: a required column is missing, the text is not UTF-8, the gzip is truncated, …
    """

    def __init__(self, open_stream: Callable[[], BinaryIO], dataset: Dataset) -> None:
        self.open_stream, self.dataset = open_stream, dataset
        self.count = 0
        self.unknown: list[str] = []
        self._bad: list[tuple[int, str]] = []  # rows of the wrong width that are not passed on yet

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        try:
            yield from self._batches()
        except (pa.ArrowInvalid, UnicodeDecodeError) as error:
            raise BrokenFile(_what_is_wrong(error)) from error
        except (EOFError, OSError) as error:
            raise BrokenFile(f"unreadable_file: {error} (after row {self.count})") from error

    def _batches(self) -> Iterator[pa.RecordBatch]:
        stream = self.open_stream()
        start = _read_header(stream)
        header = _names(start, self.dataset)
        if not header:
            return
        positions = self._positions(header)
        if not _has_rows(start):
            return  # Arrow refuses a header without rows; for us it is ordinary
        batch = None
        for batch in self._parse(_Joined(start, stream), header):
            yield from self._numbered(batch, positions)
        yield from self._bad_rows()
        if batch is not None and batch.num_rows and _has_line_break(batch.slice(batch.num_rows - 1)):
            self._refuse_open_quote()

    def _parse(self, stream: _Joined, header: list[str]) -> pa_csv.CSVStreamingReader:
        return pa_csv.open_csv(
            pa.PythonFile(stream, mode="r"),
            read_options=pa_csv.ReadOptions(block_size=BLOCK, use_threads=False),
            parse_options=pa_csv.ParseOptions(
                delimiter=self.dataset.delimiter,
                newlines_in_values=True,
                invalid_row_handler=self._remember,
            ),
            convert_options=pa_csv.ConvertOptions(
                column_types={name: pa.string() for name in header}, strings_can_be_null=False
            ),
        )

    def _positions(self, header: list[str]) -> dict[str, int]:
        """Where each column of the contract is in the file."""
        names = [_plain(name) for name in header]
        wanted = self.dataset.column_names
        if doubled := [name for name in wanted if names.count(name) > 1]:
            raise BrokenFile(f"doubled_column: the header has {', '.join(doubled)} more than once")
        if missing := [name for name in self.dataset.required if name not in names]:
            raise BrokenFile(f"missing_column: no {', '.join(missing)} in the header {','.join(header)[:500]}")
        self.unknown = [name for name in header if _plain(name) not in wanted]
        return {name: names.index(name) for name in wanted if name in names}

    def _remember(self, row: pa_csv.InvalidRow) -> str:
        problem = f"wrong_width: {row.actual_columns} fields, expected {row.expected_columns}"
        self._bad.append((row.number - 1, problem))  # Arrow counts the header as row 1
        return "skip"

    def _numbered(self, batch: pa.RecordBatch, positions: dict[str, int]) -> Iterator[pa.RecordBatch]:
        """Number the good rows around the bad ones, of which the parser has told before the batch came."""
        numbers = self._next_numbers(batch.num_rows)
        columns = [
            batch.column(positions[name]) if name in positions else pa.nulls(batch.num_rows, pa.string())
            for name in self.dataset.column_names
        ]
        yield _record_batch(self.dataset, columns, pa.array(numbers, pa.int64()), pa.nulls(batch.num_rows, pa.string()))
        passed = [entry for entry in self._bad if entry[0] <= self.count]
        self._bad = [entry for entry in self._bad if entry[0] > self.count]
        yield from self._problems(passed)

    def _next_numbers(self, rows: int) -> Sequence[int]:
        bad = {number for number, _ in self._bad}
        if not bad:
            self.count += rows
            return range(self.count - rows + 1, self.count + 1)
        free = (number for number in itertools.count(self.count + 1) if number not in bad)
        numbers = list(itertools.islice(free, rows))
        self.count = numbers[-1] if numbers else self.count
        return numbers

    def _bad_rows(self) -> Iterator[pa.RecordBatch]:
        self.count += len(self._bad)
        yield from self._problems(self._bad)

    def _refuse_open_quote(self) -> None:
        """A quote that is never closed makes the rest of the file one field, which Arrow takes as it is."""
        csv.field_size_limit(1 << 30)
        with io.TextIOWrapper(self.open_stream(), encoding="utf-8-sig", newline="") as text:
            try:
                for _ in csv.reader(text, delimiter=self.dataset.delimiter, strict=True):
                    pass
            except csv.Error as error:
                if "unexpected end of data" in str(error):
                    raise BrokenFile(f"unclosed_quote: a quote opened in row {self.count} is never closed") from error

    def _problems(self, bad: list[tuple[int, str]]) -> Iterator[pa.RecordBatch]:
        if bad:
            texts = [pa.nulls(len(bad), pa.string()) for _ in self.dataset.columns]
            numbers, problems = zip(*bad, strict=True)
            yield _record_batch(self.dataset, texts, pa.array(numbers, pa.int64()), pa.array(problems, pa.string()))


def _read_header(stream: BinaryIO) -> bytes:
    """The beginning of the file, as far as the end of its first line that is not blank."""
    start = b""
    while len(start) < _HEADER_LIMIT and not _has_rows(start):
        block = stream.read(1 << 16)
        if not block:
            break
        start += block
    return start


def _names(start: bytes, dataset: Dataset) -> list[str]:
    """The header's names as written; none for a file without a header."""
    lines = _lines(start)
    return next(csv.reader([lines[0].decode()], delimiter=dataset.delimiter)) if lines else []


def _has_rows(start: bytes) -> bool:
    """Whether anything but blank lines follows the header."""
    return len(_lines(start)) > 1


def _lines(start: bytes) -> list[bytes]:
    return [line for line in _LINE_BREAK.split(start.removeprefix(codecs.BOM_UTF8)) if line.strip()]


def _has_line_break(row: pa.RecordBatch) -> bool:
    return any("\n" in (value or "") for values in row.to_pydict().values() for value in values)


class _Joined(io.RawIOBase):
    """Bytes that were already read, then the rest of their stream."""

    def __init__(self, start: bytes, rest: BinaryIO) -> None:
        self.start, self.rest = io.BytesIO(start), rest

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self.start.read(size) or self.rest.read(size)


def _plain(name: str) -> str:
    return name.strip().lower()


def _record_batch(dataset: Dataset, texts: list[pa.Array], numbers: pa.Array, problems: pa.Array) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([*texts, numbers, problems], [*dataset.column_names, "_source_row", "_problem"])


def _what_is_wrong(error: Exception) -> str:
    text = " ".join(str(error).split())
    if "UTF8" in text or isinstance(error, UnicodeDecodeError):
        return f"wrong_encoding: {text}; expected UTF-8"
    return f"unreadable_file: {text}"
