"""Changes of a column's type in which no value is lost, so that a table can follow its contract."""

from __future__ import annotations

import re

_DECIMAL = re.compile(r"decimal\((\d+), ?(\d+)\)")
_DIGITS = {"int": 10, "bigint": 19}
_CHANGES = {
    "int": ("bigint", "double", "string"),
    "bigint": ("string",),
    "boolean": ("string",),
    "date": ("timestamp", "string"),
}


def is_lossless(was: str, now: str) -> bool:
    """Say whether every value of the type `was` is a value of the type `now`, and comes back as it was.

    A `double` has no exact text, and a `bigint` above 2^53 is no exact `double`. Whether a `double` fits into a
    decimal depends on the value, so the job that converts a table compares each one before it commits.
    """
    if wide := _decimal(now):
        whole = wide[0] - wide[1]
        narrow = _decimal(was)
        return (
            was == "double"
            or whole >= _DIGITS.get(was, 99)
            or (narrow is not None and wide != narrow and wide[1] >= narrow[1] and whole >= narrow[0] - narrow[1])
        )
    return now == "string" if _decimal(was) else now in _CHANGES.get(was, ())


def lossless_changes(now: str, types: tuple[str, ...]) -> tuple[str, ...]:
    """Return those of `types` that a column of type `now` may have had before."""
    return tuple(was for was in types if is_lossless(was, now))


def _decimal(name: str) -> tuple[int, int] | None:
    """Return precision and scale; None for another type."""
    found = _DECIMAL.fullmatch(name)
    return (int(found[1]), int(found[2])) if found else None
