"""Rows of one shape: what an engine answers, and what a command prints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Rows:
    """Rows of one shape; None is NULL.

    Args:
        totals: printed below a table and nowhere else.
        kinds: Athena's types of the columns, where the values are its texts; JSON has numbers then.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]] = field(default_factory=tuple)
    totals: Sequence[Any] | None = None
    kinds: Sequence[str] = ()
