"""Defects: what goes wrong in real deliveries, put in by number, so that tests can count it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from cli.sample.expected import REJECTED_KINDS

Row = list[str]

ORDER_KINDS = (
    *REJECTED_KINDS,
    "duplicate",
    "duplicate_changed",
    "late",
    "missing",
    "repeated_later",
    "corrected_later",
)
ITEM_KINDS = (*REJECTED_KINDS, "duplicate", "duplicate_changed", "repeated_later", "changed_later")
PRODUCT_KINDS = ("null_key", "text_in_number", "too_short", "too_long", "duplicate", "duplicate_changed")
NEEDS_NEXT_DAY = {"late", "repeated_later", "corrected_later", "changed_later"}

_TEXTS = ("n/a", "twelve", "12.5.0", "#REF!")
_TIMES = ("2025-02-30T25:61:00", "2025-13-01T08:00:00", "yesterday", "0000-00-00T00:00:00")


class Defects:
    """Draws, per row, whether something is wrong with it and what. `rate` is the share of rows."""

    def __init__(self, *, seed: int, rate: float) -> None:
        self.rng = Random(f"dirt {seed}")  # noqa: S311 - a sample, no secret
        self._rate = rate

    def draw(self, kinds: Sequence[str], *, last_day: bool = False) -> str | None:
        """Return a kind of defect, or None for a clean row; on the last day none that needs another day."""
        if not self._rate or self.rng.random() >= self._rate:
            return None
        return self.rng.choice([kind for kind in kinds if not (last_day and kind in NEEDS_NEXT_DAY)])

    def broken(self, kind: str, row: Row, *, key: int, number: int, negative: int, time: int) -> Row:
        """Return the row with one rejected kind of defect in it.

        Args:
            key, number, negative, time: which column to break, by position.
        """
        spoil: dict[str, Callable[[], Row]] = {
            "null_key": lambda: _with(row, key, ""),
            "text_in_number": lambda: _with(row, number, self.rng.choice(_TEXTS)),
            "impossible_timestamp": lambda: _with(row, time, self.rng.choice(_TIMES)),
            "negative": lambda: _with(row, negative, f"-{1 + int(self.rng.random() * 90)}"),
            "too_short": lambda: row[:-1],
            "too_long": lambda: [*row, "extra"],
        }
        return spoil[kind]()


def _with(row: Row, position: int, text: str) -> Row:
    return [*row[:position], text, *row[position + 1 :]]
