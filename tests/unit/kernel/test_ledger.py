from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledgerlake.errors import ConservationError, LedgerlakeError
from ledgerlake.ledger import FATES, LedgerEntry, refuse_imbalance, totals

counts = st.integers(0, 1000)


def entry(**numbers: int) -> LedgerEntry:
    return LedgerEntry("batch", "orders", "raw/orders/a.csv", "2025-04-01T00:00:00.000000Z", **numbers)


@given(st.fixed_dictionaries(dict.fromkeys(FATES, counts)), counts)
def test_an_entry_balances_when_what_came_is_what_went(fates, released):
    went = sum(fates.values())
    if released <= went:
        refuse_imbalance([entry(rows_read=went - released, released=released, **fates)])


@given(st.fixed_dictionaries(dict.fromkeys(FATES, counts)), st.integers(1, 5), st.booleans())
def test_an_entry_with_a_row_too_many_or_too_few_is_refused(fates, off, more):
    read = sum(fates.values()) + (off if more else -off)
    with pytest.raises(ConservationError, match=r"raw/orders/a\.csv"):
        refuse_imbalance([entry(rows_read=read, **fates)])


def test_totals_add_up_every_column():
    assert totals([entry(rows_read=2, inserted=2), entry(rows_read=3, rejected=1, parked=2)])["rows_read"] == 5


def test_an_error_is_one_line_of_what_was_seen_expected_and_to_be_done():
    error = LedgerlakeError("two\nlines", expected="one", remedy="ledgerlake status")
    assert str(error) == "two lines; expected one; to go on: ledgerlake status"
