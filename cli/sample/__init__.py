"""A believable shop, made up: products, orders and order items, day by day, with defects if you like.

Same arguments, same bytes. Everything is written as it is made, a day at a time.
"""

from __future__ import annotations

from cli.sample.expected import REJECTED_KINDS, Expected
from cli.sample.writing import HEADERS, Sample, write

__all__ = ["HEADERS", "REJECTED_KINDS", "Expected", "Sample", "write"]
