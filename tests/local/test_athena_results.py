"""Values as Athena writes them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from local.aws.athena_results import text, type_name


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (datetime(1, 1, 1, microsecond=1, tzinfo=UTC), "0001-01-01 00:00:00.000 UTC"),
        (datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), "9999-12-31 23:59:59.999 UTC"),
        (datetime(2025, 4, 9, 8, 9, 10, 123_999), "2025-04-09 08:09:10.123"),
        (Decimal("1E+3"), "1000"),
        (Decimal("19.90"), "19.90"),
    ],
)
def test_times_and_decimals_are_written_as_athena_writes_them(value, written):
    assert text(value) == written


def test_a_decimal_keeps_its_kind():
    assert type_name("DECIMAL(12,2)") == "decimal"
