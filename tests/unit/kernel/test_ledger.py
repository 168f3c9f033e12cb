from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledgerlake.errors import ConservationError
from ledgerlake.tables.catalogue import ledger_table
from ledgerlake.tables.ledger import COUNTS, FATES, LedgerEntry, check_balance, totals

counts = st.integers(0, 1000)


def entry(**numbers: int) -> LedgerEntry:
    return LedgerEntry("batch", "orders", "raw/orders/a.csv", "2025-04-01T00:00:00.000000Z", **numbers)


@given(st.fixed_dictionaries(dict.fromkeys(FATES, counts)), counts)
def test_an_entry_balances_when_what_came_is_what_went(fates, released):
    went = sum(fates.values())
    if released <= went:
        check_balance([entry(rows_read=went - released, released=released, **fates)])


@given(st.fixed_dictionaries(dict.fromkeys(FATES, counts)), st.integers(1, 5), st.booleans())
def test_an_entry_with_a_row_too_many_or_too_few_is_refused(fates, off, more):
    read = sum(fates.values()) + (off if more else -off)
    with pytest.raises(ConservationError, match=r"raw/orders/a\.csv"):
        check_balance([entry(rows_read=read, **fates)])


def test_a_file_rejected_whole_is_one_row_of_the_law_however_many_lines_it_has():
    whole = entry(rows_read=1, rejected=1, files_rejected=1, lines_rejected=5)
    check_balance([whole])
    unknown = entry(rows_read=1, rejected=1, files_rejected=1, lines_rejected=None)
    assert totals([whole, unknown])["lines_rejected"] == 5


def test_totals_add_up_every_column():
    many = {
        "rows_read": 1,
        "files_rejected": 11,
        "lines_rejected": 12,
        "restored": 10,
        "released": 2,
        **{name: number for number, name in enumerate(FATES, start=3)},
        "withdrawn": 9,
    }
    assert totals([entry(**many), entry(**many)]) == {name: 2 * number for name, number in many.items()}


def test_an_imbalance_names_file_counts_and_what_to_keep():
    wrong = entry(rows_read=5, released=1, inserted=3, parked=1)
    with pytest.raises(ConservationError) as error:
        check_balance([entry(rows_read=1, inserted=1), wrong])
    said = str(error.value)
    assert "orders: of raw/orders/a.csv 5 rows were read and 1 released, but 4 are accounted for" in said
    assert "(3 inserted, 0 updated, 0 unchanged, 0 superseded, 0 rejected, 1 parked)" in said
    assert "keep staging/batch/" in said


def test_a_row_withdrawn_from_the_table_balances_nothing():
    check_balance([entry(rows_read=2, inserted=2, withdrawn=1)])
    with pytest.raises(ConservationError):
        check_balance([entry(rows_read=2, inserted=1, withdrawn=1)])


def test_one_delivery_does_not_balance_another():
    with pytest.raises(ConservationError):
        check_balance([entry(rows_read=2, inserted=1), entry(rows_read=1, inserted=2)])


def test_an_entry_has_the_columns_of_the_table_ledger():
    table = ledger_table()
    names = {name for name, _ in (*table.columns, *table.partitions)}
    assert set(entry().as_json()) == names


def test_totals_of_no_entry_are_zero():
    assert totals([]) == dict.fromkeys(COUNTS, 0)
