"""Shapes of JSON: the form of a value, and a message for the first fault of one that differs.

A shape is called with a value and its place in the document, and returns the first fault, or nothing.
Fields that a shape does not name are no fault: a newer release may have written them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from ledgerlake.intake.deliveries import from_iso, iso

Shape = Callable[[Any, str], str]
_SHOWN = 40


def parse(body: bytes, shape: Shape) -> tuple[Any, str]:
    """Return the document in `body`, and its fault; a document with a fault is not to be used."""
    if not body:
        return None, "it is empty"
    try:
        value = json.loads(body.decode("utf-8"))
    except UnicodeDecodeError:
        return None, f"its {len(body)} bytes are no UTF-8"
    except (ValueError, RecursionError):
        return None, f"it is no JSON: {body[:_SHOWN].decode('utf-8', 'replace')!a}"
    return value, shape(value, "")


def text(value: Any, place: str) -> str:
    """Accept a text that can be written again."""
    written = (isinstance(value, str) and value.isascii()) or (isinstance(value, str) and _is_writable(value))
    return "" if written else _fault(value, place, "a text")


def name(value: Any, place: str) -> str:
    """Accept a text that is not empty."""
    return text(value, place) or ("" if value else _fault(value, place, "a name"))


def count(value: Any, place: str) -> str:
    """Accept a whole number, not below zero."""
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 63
    return "" if is_count else _fault(value, place, "a count")


def moment(value: Any, place: str) -> str:
    """Accept a time as deliveries write it."""
    try:
        return "" if iso(from_iso(value)) == value else _fault(value, place, "2025-04-02T08:00:00.000000Z")
    except (TypeError, ValueError, OverflowError):
        return _fault(value, place, "a time like 2025-04-02T08:00:00.000000Z")


def optional(shape: Shape) -> Shape:
    """Return the shape that also accepts null, or no field at all."""

    def check(value: Any, place: str) -> str:
        return "" if value is None else shape(value, place)

    return check


def list_of(shape: Shape) -> Shape:
    """Return the shape of a list whose members have `shape`."""

    def check(value: Any, place: str) -> str:
        if not isinstance(value, list):
            return _fault(value, place, "a list")
        return _first(shape(each, f"{place}[{number}]") for number, each in enumerate(value))

    return check


def by_name(shape: Shape) -> Shape:
    """Return the shape of an object of any names, each with a value of `shape`."""

    def check(value: Any, place: str) -> str:
        if not isinstance(value, dict):
            return _fault(value, place, "an object")
        return _first(text(key, f"a name in {place or 'it'}") or shape(each, place) for key, each in value.items())

    return check


def record(**fields: Shape) -> Shape:
    """Return the shape of an object with these fields; those of an `optional` shape may be absent."""

    def check(value: Any, place: str) -> str:
        if not isinstance(value, dict):
            return _fault(value, place, f"an object with {', '.join(fields)}")
        return _first(
            shape(value.get(field), f"{place}.{field}".lstrip("."))
            if field in value or not shape(None, "")
            else f"{f'{place} has' if place else 'it has'} no {field}"
            for field, shape in fields.items()
        )

    return check


def _first(faults: Iterator[str]) -> str:
    return next((fault for fault in faults if fault), "")


def _is_writable(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return True


def _fault(value: Any, place: str, expected: str) -> str:
    shown = ascii(value)
    return f"{place or 'it'} is {shown if len(shown) <= _SHOWN else f'{shown[:_SHOWN]}…'}, not {expected}"
