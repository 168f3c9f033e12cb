"""The part of a large table that a batch can touch, so that a day costs the same however old the lake is.

A row's key never changes, but its partition may; so a table is searched by the ranges of the batch's keys, one for
each of the batch's partitions. Delta leaves out the files in whose statistics there is no such key. (To search by
the partitions themselves would miss a row that moves, and make it double.)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

LARGE = 64 << 20
"""Bytes of a table; a smaller one is read faster than the ranges are found …"""
MANY = 300
"""… unless it has so many files: to open one takes about ten milliseconds."""
_MOST = 200

Ranges = list[tuple[Any, Any]]


def ranges(rows: DataFrame, columns: Sequence[str], by: Sequence[str]) -> dict[str, Ranges]:
    """Of each column, the values that occur, as at most 200 ranges that do not overlap.

    Args:
        by: columns that rows with near values have in common.
    """
    ends = [end for name in columns for end in (F.min(name).alias(f"min_{name}"), F.max(name).alias(f"max_{name}"))]
    found = rows.groupBy(*by).agg(*ends).collect()
    pairs = {name: [(row[f"min_{name}"], row[f"max_{name}"]) for row in found] for name in columns}
    return {name: merged(pair for pair in pairs[name] if pair[0] is not None) for name in columns}


def merged(pairs: Iterable[tuple[Any, Any]]) -> Ranges:
    """Return the pairs in order, those together that overlap; further neighbours together, while they are too many."""
    found: Ranges = []
    for low, high in sorted(pairs):
        if found and low <= found[-1][1]:
            found[-1] = (found[-1][0], max(high, found[-1][1]))
        else:
            found.append((low, high))
    step = -(-len(found) // _MOST) or 1
    return [(found[n][0], found[min(n + step, len(found)) - 1][1]) for n in range(0, len(found), step)]


def within(column: str, wanted: Ranges) -> Column:
    """Return whether the column is in one of the ranges; none is within no range."""
    inside = F.lit(False)
    for low, high in wanted:
        inside = inside | F.col(column).between(F.lit(low), F.lit(high))
    return inside
