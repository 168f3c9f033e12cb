"""Large files of plain lines, cut at line breaks: each task reads a section, and knows the numbers of its rows.

A row's number is its place in the file; so the rows before a section are counted before it is read. A file
with a quote in it, or with bytes that are not UTF-8, is left whole: what is there only its beginning can tell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, groupby, pairwise
from typing import BinaryIO

import numpy as np
import pyarrow as pa
from pyspark.sql import SparkSession

from ledgerlake.contracts import Dataset
from ledgerlake.errors import ConservationError
from ledgerlake.intake.deliveries import Delivery
from ledgerlake_glue import without_pandas
from ledgerlake_glue.csv_files import BLOCK, BrokenFile, Rows, Section
from ledgerlake_glue.csv_header import Header, read_header
from ledgerlake_glue.objects import Missing, open_delivery
from ledgerlake_glue.plain_lines import is_plain, spans

SIZE = 64 << 20
"""Bytes of a section. A file of less than two is left whole: to count its rows would take longer than it saves."""

_NOT_PLAIN = -1
_HEADER = 1 << 22  # bytes in which every header ends that can be read
_STEP = 16 << 20
_FOUND = "number int, start bigint, stop bigint, rows bigint"


@dataclass(frozen=True)
class Cut:
    """The lines of a file that start in some of its bytes.

    Args:
        number: that stands for the delivery.
        start, stop: the bytes.
        size: of the whole file.
        is_first: a line starts at `start`.
    """

    number: int
    start: int
    stop: int
    size: int
    is_first: bool

    def counted(self, open_stream: Callable[[int, int], BinaryIO]) -> tuple[int, int, int]:
        """Where the first of these lines starts, where the last one ends, and how many rows they are.

        Args:
            open_stream: gives the bytes between two places.

        Returns:
            -1 rows when the lines are not plain.
        """
        at = self.start - (not self.is_first)  # when a line break is there, the next byte starts a line
        stream = open_stream(at, min(self.stop + BLOCK, self.size))
        held = b""
        if not self.is_first:
            held = stream.readline(BLOCK)
            at += len(held)
            if not held.endswith(b"\n") and at < self.size:
                return at, at, _NOT_PLAIN
            held = b""
        begin, rows = at, 0
        while at < self.stop:
            block = stream.read(_STEP)
            held += block
            behind = held.find(b"\n", max(0, self.stop - 1 - at)) + 1
            end = behind or (len(held) if not block else held.rfind(b"\n") + 1)
            if not block and at + len(held) < self.size and not behind:
                return begin, at, _NOT_PLAIN  # a line that is longer than a row may be
            found = _rows(held[:end])
            if found < 0:
                return begin, at, _NOT_PLAIN
            rows, at, held = rows + found, at + end, held[end:]
            if not block:
                break
        return begin, at, rows


def sections(
    spark: SparkSession, dataset: Dataset, deliveries: Mapping[int, Delivery], bucket: str
) -> dict[int, list[Section]]:
    """Return the sections of each delivery that can be cut, in their order.

    Args:
        deliveries: by number, as are the sections.
    """
    headers: dict[int, Header] = {}
    cuts: list[Cut] = []
    for number, delivery in deliveries.items():
        if delivery.size >= 2 * SIZE and not delivery.key.lower().endswith(".gz"):
            headers[number] = header = _header(dataset, bucket, delivery)
            cuts += cut(number, header.size, delivery.size) if header.names else []
    if not cuts:
        return {}
    counter = _counter(bucket, {each.number: deliveries[each.number] for each in cuts}, cuts)
    rows = sorted(spark.range(0, len(cuts), 1, len(cuts)).mapInArrow(counter, _FOUND).collect())  # type: ignore[arg-type]
    found = {
        number: numbered(headers[number], deliveries[number].size, [tuple(row)[1:] for row in group])
        for number, group in groupby(rows, lambda row: int(row.number))
    }
    return {number: whole for number, whole in found.items() if whole}


def _header(dataset: Dataset, bucket: str, delivery: Delivery) -> Header:
    """Return the header; one without names where the file is missing or broken, as its reader will tell."""
    try:
        header = read_header(open_delivery(bucket, delivery, 0, _HEADER), dataset.delimiter)
        Rows(partial(open_delivery, bucket, delivery), dataset, key=delivery.key).positions(header)
    except (BrokenFile, Missing):
        return Header([], None, dataset.delimiter)
    return header


def cut(number: int, start: int, size: int) -> list[Cut]:
    """Return the rows of a file of that size that begin at `start`, in equal pieces of at most `SIZE`.

    With a smaller one at the end all cores but one would wait for the last large one.
    """
    pieces = -(-(size - start) // SIZE)
    bounds = [start + (size - start) * piece // pieces for piece in range(pieces + 1)] if pieces else []
    return [Cut(number, at, stop, size, at == start) for at, stop in pairwise(bounds)]


def numbered(header: Header, size: int, found: list[tuple[int, int, int]]) -> list[Section]:
    """Return the sections, from what was `counted` of a whole file; none where a part of it is not plain.

    Raises:
        ConservationError: they do not follow each other.
    """
    if not found or any(rows < 0 for _, _, rows in found):
        return []
    starts, stops, counts = zip(*found, strict=True)
    if (*starts[1:], size) != stops:
        raise ConservationError(
            f"sections from {starts} to {stops}",
            expected=f"each to start where the one before stops, up to {size}",
            remedy="report it, with the file: rows of it would be lost",
        )
    before = accumulate(counts, initial=0)
    every = zip(starts, stops, before, counts, strict=False)
    return [Section(tuple(header.names), *each, header.delimiter) for each in every if each[-1]]


def _counter(
    bucket: str, deliveries: Mapping[int, Delivery], cuts: list[Cut]
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def count(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        without_pandas.forbid()
        for batch in batches:
            for place in batch["id"].to_pylist():
                mine = cuts[place]
                try:
                    counted = mine.counted(partial(open_delivery, bucket, deliveries[mine.number]))
                except Missing:  # since its header was read; the reader will tell
                    counted = (mine.start, mine.stop, _NOT_PLAIN)
                values = [pa.array([mine.number], pa.int32()), *(pa.array([each], pa.int64()) for each in counted)]
                yield pa.RecordBatch.from_arrays(values, ["number", "start", "stop", "rows"])

    return count


def _rows(lines: bytes) -> int:
    """How many rows the whole lines hold; -1 when one of them is not plain. The last may end without a break."""
    if not is_plain(lines) or not _is_utf8(lines):
        return _NOT_PLAIN
    starts, ends = spans(lines if lines.endswith(b"\n") else lines + b"\n")
    if len(starts) and (ends - starts).max() >= BLOCK:
        return _NOT_PLAIN
    return int(np.count_nonzero(ends > starts))


def _is_utf8(text: bytes) -> bool:
    if text.isascii():
        return True
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
