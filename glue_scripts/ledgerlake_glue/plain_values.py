"""Values that are written plainly, typed by Arrow where their file is read: nearly all of a delivery, and quickly.

A text of another form is left to the SQL of `typing_rules`, which knows all of them. What is typed here is what that
SQL would make of it, and is shown to people as it was written.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ledgerlake.contracts import Column

ARROW_TYPES = {
    "bigint": pa.int64(),
    "int": pa.int32(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", "UTC"),
    "string": pa.string(),
}


def arrow_type(column: Column) -> pa.DataType:
    """Return the type of the column's values."""
    return pa.decimal128(*column.digits) if column.digits else ARROW_TYPES[column.type]


AS_WRITTEN = ("bigint", "int", "date")
"""Types of which a plain value, written out again, is the text that it was."""

_INTEGERS = {"bigint": (18, r"^(0|-?[1-9][0-9]{0,17})$"), "int": (9, r"^(0|-?[1-9][0-9]{0,8})$")}
_WHOLE, _FRACTION = r"^-?(0|[1-9][0-9]{0,14})", r"([.][0-9]{1,9})?$"
_DATE, _TIMESTAMP = b"dddd-dd-dd", b"dddd-dd-ddTdd:dd:dd"
_YEARS = (1900, 2200)
_DAY = 86_400_000_000  # in microseconds


def plain(texts: pa.Array, column: Column, null_words: Collection[str] = ()) -> pa.Array:
    """Return the values of the texts that are plain, NULL for the others.

    Args:
        texts: of one column, which is not of type string.
        null_words: texts that mean no value, however plain they are.
    """
    if words := [word for word in null_words if word[:1].isdigit() or word[:1] == "-" or column.type == "boolean"]:
        meant = pc.is_in(texts, value_set=pa.array(words, pa.string()))
        texts = pc.if_else(meant, pa.scalar(None, pa.string()), texts)
    if column.type in _INTEGERS:
        return _integers(texts, *_INTEGERS[column.type]).cast(ARROW_TYPES[column.type])
    if column.type == "double":
        pattern = _WHOLE + (_FRACTION if column.decimal == "." else "$")
        return pc.add(_matching(texts, pattern).cast(pa.float64()), 0.0)  # -0 is 0
    if column.type == "boolean":
        return _booleans(texts)
    return _dates(texts) if column.type == "date" else _timestamps(texts)


def left_over(texts: pa.Array, values: pa.Array) -> pa.Array:
    """Return the texts of which Spark has to make what they are: those without a plain value, but for empty ones."""
    left = pc.invert(pc.or_kleene(pc.is_valid(values), pc.equal(texts, ""))).fill_null(False)
    # To blank out the others would keep their bytes, unseen, and send them on.
    return pc.replace_with_mask(pa.nulls(len(texts), pa.string()), left, texts.filter(left))


def _matching(texts: pa.Array, pattern: str) -> pa.Array:
    return pc.if_else(pc.match_substring_regex(texts, pattern), texts, pa.scalar(None, pa.string()))


def _integers(texts: pa.Array, digits: int, pattern: str) -> pa.Array:
    """Return the texts that match the pattern; where none is negative, without looking for it, which takes longer."""
    if pc.any(pc.starts_with(texts, "-")).as_py():
        return _matching(texts, pattern)
    is_short = pc.less_equal(pc.binary_length(texts), digits)
    starts_well = pc.or_(pc.equal(texts, "0"), pc.invert(pc.starts_with(texts, "0")))
    matches = pc.and_(pc.and_(pc.ascii_is_decimal(texts), is_short), starts_well)
    return pc.if_else(matches, texts, pa.scalar(None, pa.string()))


def _booleans(texts: pa.Array) -> pa.Array:
    truth = pc.is_in(texts, value_set=pa.array(["1", "true"]))
    known = pc.or_(truth, pc.is_in(texts, value_set=pa.array(["0", "false"])))
    return pc.if_else(known, truth, pa.scalar(None, pa.bool_()))


def _dates(texts: pa.Array) -> pa.Array:
    fixed, written = _written(texts, _DATE)
    days, valid = _days(fixed)
    return _scattered(days, valid, written, pa.int32()).cast(pa.date32())


def _timestamps(texts: pa.Array) -> pa.Array:
    fixed, written = _written(texts, _TIMESTAMP)
    days, valid = _days(fixed)
    hours, minutes, seconds = (_number(fixed, start, 2) for start in (11, 14, 17))
    valid &= (hours < 24) & (minutes < 60) & (seconds < 60)
    micros = days * _DAY + ((hours * 60 + minutes) * 60 + seconds) * 1_000_000
    return _scattered(micros, valid, written, pa.int64()).cast(ARROW_TYPES["timestamp"])


def _written(texts: pa.Array, form: bytes) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
    """Return the bytes of the texts of that form, one row each, and which of all texts they are.

    `d` is a digit; a `T` may also be a space.
    """
    length = pc.equal(pc.binary_length(texts), len(form)).fill_null(False)
    picked = texts.filter(length)
    # Texts of one length, picked out into an array of their own, lie in its buffer side by side.
    rows = np.frombuffer(picked.buffers()[2] or b"", np.uint8)[: len(picked) * len(form)].reshape(-1, len(form))
    right = np.ones(len(rows), bool)
    for place, expected in enumerate(form):
        if expected == ord("d"):
            right &= rows[:, place] - ord("0") <= 9  # below 0 it wraps around
        else:
            right &= (rows[:, place] == expected) | ((expected == ord("T")) & (rows[:, place] == ord(" ")))
    written = length.to_numpy(zero_copy_only=False).copy()
    written[written] = right
    return rows[right], written


def _number(rows: npt.NDArray[np.uint8], start: int, digits: int) -> npt.NDArray[np.int64]:
    number = np.zeros(len(rows), np.int64)
    for place in range(start, start + digits):
        number = number * 10 + (rows[:, place] - ord("0"))
    return number


def _days(rows: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Days since 1970 of the dates that the rows begin with, and whether there is such a day."""
    year, month, day = _number(rows, 0, 4), _number(rows, 5, 2), _number(rows, 8, 2)
    valid = (year >= _YEARS[0]) & (year <= _YEARS[1]) & (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)
    months = (np.where(valid, (year - 1970) * 12 + month - 1, 0)).astype("datetime64[M]")
    days = months.astype("datetime64[D]") + (day - 1)
    valid &= days.astype("datetime64[M]") == months
    return days.astype(np.int64), valid


def _scattered(
    values: npt.NDArray[np.int64], valid: npt.NDArray[np.bool_], written: npt.NDArray[np.bool_], kind: pa.DataType
) -> pa.Array:
    """`values` at the places of `written` where they are valid, NULL everywhere else."""
    every = np.zeros(len(written), np.int64)
    every[written] = np.where(valid, values, 0)
    known = written.copy()
    known[written] = valid
    return pa.array(every, mask=~known).cast(kind)
