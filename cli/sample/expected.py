"""What a sample holds, counted while it was written, so that a test can say what must become of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

REJECTED_KINDS = ("null_key", "text_in_number", "impossible_timestamp", "negative", "too_short", "too_long")
"""Each of these gets its row rejected, for this one reason."""


@dataclass
class Expected:
    """Counts by dataset, once every file of the sample is processed.

    Args:
        rows: delivered, without headers.
        defects: rows by kind of defect; dataset → kind → rows.
        loaded: rows of the table.
        parked: rows that still wait for a parent.
        revenue_cents: sum of total_amount over the table orders.
        files: written, `products.csv` included.
    """

    rows: Counter[str] = field(default_factory=Counter)
    defects: dict[str, Counter[str]] = field(
        default_factory=lambda: {name: Counter() for name in ("products", "orders", "order_items")}
    )
    loaded: Counter[str] = field(default_factory=Counter)
    parked: Counter[str] = field(default_factory=Counter)
    revenue_cents: int = 0
    files: int = 0

    def rejected(self, dataset: str) -> int:
        """Rows that must be rejected."""
        return sum(self.defects[dataset][kind] for kind in REJECTED_KINDS)
