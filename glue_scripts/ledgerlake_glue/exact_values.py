"""Values that are exactly what was written: decimals, and the texts of which a value would keep only a part.

A `double` has the digits of the shortest decimal that reads back as the same double; a text with other digits is
no such value, it is only near one. A time is kept to the microsecond. Zeros at the end are no digits.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from functools import cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ledgerlake.contracts import Column, Dataset
from ledgerlake.display import display_text
from ledgerlake_glue.rows_without_value import BLANKS

_SURE_DOUBLE = 15
"""Characters of which a double keeps every digit, if there is no exponent."""

_TO_MICROSECONDS = len("2025-04-01T08:09:10.123456")
_MORE_DIGITS = re.compile(r"[0-9-]{10}[T ][0-9:]{8}[.][0-9]{6}(?=[0-9]{0,2}[1-9])[0-9]{1,3}(?![0-9])")
_WIDE = Context(prec=100, Emax=10**6, Emin=-(10**6))


def decimals(texts: pa.Array, column: Column, dataset: Dataset) -> pa.Array:
    """Return the decimals that the texts say, NULL where a text is none or has more digits before the point than fit.

    One with more digits behind the point is rounded, and reported by `inexact`.
    """
    assert column.digits
    precision, scale = column.digits
    kind = pa.decimal128(precision, scale)
    pattern = rf"^-?(0|[1-9][0-9]{{0,{precision - scale - 1}}})" if precision > scale else "^-?0"
    pattern += rf"([.][0-9]{{1,{scale}}})?$" if scale and column.decimal == "." else "$"
    words = [word for word in dataset.null_words if word[:1].isdigit() or word[:1] == "-"]
    is_plain = pc.match_substring_regex(texts, pattern)
    if words:
        is_plain = pc.and_(is_plain, pc.invert(pc.is_in(texts, value_set=pa.array(words, pa.string()))))
    values = pc.if_else(is_plain, texts, pa.scalar(None, pa.string())).cast(kind)
    others = np.flatnonzero(pc.and_(pc.invert(is_plain), pc.greater(pc.binary_length(texts), 0)).fill_null(False))
    if not len(others):
        return values
    found = [_fitting(_number(text, column, dataset), precision, scale) for text in _taken(texts, others)]
    mask = np.zeros(len(texts), bool)
    mask[others] = True
    return pc.replace_with_mask(values, pa.array(mask), pa.array(found, kind))


def inexact(texts: pa.Array, column: Column, dataset: Dataset) -> Iterator[tuple[int, str]]:
    """Yield place and reason of the texts, as delivered, of which their value keeps only a part."""
    is_lossy = _lossy(column, dataset)
    if is_lossy is None:
        return
    places = np.flatnonzero(_unsure(texts, column).fill_null(False))
    for place, text in zip(places, _taken(texts, places), strict=True):
        if is_lossy(text):
            yield int(place), f"not_exact: {column.name}={display_text(text)}"


def _unsure(texts: pa.Array, column: Column) -> pa.Array:
    """Which texts may be lossy, found quickly."""
    if column.type == "timestamp":
        return pc.greater(pc.binary_length(texts), _TO_MICROSECONDS)
    has_exponent = pc.match_substring(texts, "e", ignore_case=True)
    if column.type == "double":
        return pc.or_(pc.greater(pc.binary_length(texts), _SURE_DOUBLE), has_exponent)
    return pc.or_(pc.match_substring(texts, column.decimal), has_exponent)


def _lossy(column: Column, dataset: Dataset) -> Callable[[str], bool] | None:
    if column.type == "timestamp":
        return lambda text: _MORE_DIGITS.match(text.strip(BLANKS)) is not None
    if column.type == "double":
        return lambda text: _double_is_near(_number(text, column, dataset))
    if column.digits:
        scale = column.digits[1]
        return lambda text: _has_more(_number(text, column, dataset), scale)
    return None


def _double_is_near(number: Decimal | None) -> bool:
    """Return whether the number has other digits than its double; those near to no double are reported elsewhere."""
    if number is None:
        return False
    value = float(number)
    return math.isfinite(value) and Decimal(repr(value)) != number


def _has_more(number: Decimal | None, scale: int) -> bool:
    return number is not None and bool(number) and _fitting(number, 38, scale) != number


def _fitting(number: Decimal | None, precision: int, scale: int) -> Decimal | None:
    if number is None or (number and number.adjusted() >= precision - scale):
        return None
    rounded = number.quantize(Decimal(1).scaleb(-scale), ROUND_HALF_EVEN, _WIDE) if number else Decimal(0)
    return rounded if not rounded or rounded.adjusted() < precision - scale else None


def _number(text: str, column: Column, dataset: Dataset) -> Decimal | None:
    """Return the number that the text of a field says; None where it says none."""
    trimmed = text.strip(BLANKS)
    if not _pattern(column.thousands, column.decimal).fullmatch(trimmed) or trimmed.lower() in _words(dataset):
        return None
    plain = trimmed.replace(column.thousands, "") if column.thousands else trimmed
    try:
        return Decimal(plain.replace(column.decimal, "."))
    except InvalidOperation:  # an exponent beyond all numbers
        return None


@cache
def _pattern(thousands: str, decimal: str) -> re.Pattern[str]:
    mark, between = re.escape(decimal), re.escape(thousands)
    digits = rf"(?:[0-9]+|[0-9]{{1,3}}(?:{between}[0-9]{{3}})+)" if thousands else "[0-9]+"
    return re.compile(rf"[+-]?(?:{digits}(?:{mark}[0-9]*)?|{mark}[0-9]+)(?:[eE][+-]?[0-9]+)?", re.ASCII)


@cache
def _words(dataset: Dataset) -> frozenset[str]:
    return frozenset(word.lower() for word in dataset.null_words)


def _taken(texts: pa.Array, places: npt.NDArray[np.int64]) -> list[str]:
    taken: list[str] = texts.take(pa.array(places)).to_pylist()
    return taken
