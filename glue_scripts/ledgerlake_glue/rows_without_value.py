"""Rows that hold no value, as spreadsheets leave them behind their last row: they are no rows, but have a number."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ledgerlake.contracts.columns import plain_header

BLANKS = " \t\r\n\x0b\x0c\u00a0\u2007\u202f\u3000\ufeff"
"""Characters around a value that are no part of it."""

_MAY_BEGIN_BLANK = np.zeros(256, bool)
_MAY_BEGIN_BLANK[sorted({blank.encode()[0] for blank in BLANKS})] = True


def is_blank(row: str, delimiter: str) -> bool:
    """Return whether the text of a row is made of delimiters, blanks and empty quotes alone."""
    return not row.strip(BLANKS + delimiter + '"')


def blank_rows(batch: pa.RecordBatch, filled: int) -> npt.NDArray[np.int64]:
    """Return the places of the rows of which every field is empty or blank.

    Args:
        filled: the column that is hardly ever blank, the key; it is looked at first.
    """
    places = np.flatnonzero(_may_be_blank(batch.column(filled)))
    if len(places):
        picked = batch.take(pa.array(places))
        blank = np.ones(len(places), bool)
        for column in picked.columns:
            empty = pc.equal(pc.utf8_trim(column, characters=BLANKS), "")
            blank &= empty.to_numpy(zero_copy_only=False)
        places = places[blank]
    return places


def repeated_headers(batch: pa.RecordBatch, names: Sequence[str], filled: int) -> npt.NDArray[np.int64]:
    """Return the places of the rows that hold the names of the header again, as in files put together."""
    alike = pc.equal(batch.column(filled), names[filled]).to_numpy(zero_copy_only=False)
    places = np.flatnonzero(alike)
    if not len(places):
        return places
    rows = zip(*(column.take(pa.array(places)).to_pylist() for column in batch.columns), strict=True)
    wanted = [plain_header(name) for name in names]
    return places[[[plain_header(value) for value in row] == wanted for row in rows]]


def _may_be_blank(texts: pa.Array) -> npt.NDArray[np.bool_]:
    """Return whether a text is empty or begins as a blank may; quicker than to trim them all."""
    _, offsets, data = texts.buffers()
    places = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    codes = np.frombuffer(data, np.uint8) if data is not None and data.size else np.zeros(1, np.uint8)
    starts = np.minimum(places[:-1], len(codes) - 1)
    is_empty: npt.NDArray[np.bool_] = places[:-1] == places[1:]
    is_blank_start: npt.NDArray[np.bool_] = _MAY_BEGIN_BLANK[codes[starts]]
    return is_empty | is_blank_start
