"""What spreadsheets leave in their CSV files: a hint in the first line, and rows without a value."""

from __future__ import annotations

import io

import pytest
from two_columns import AB

from ledgerlake_glue import sections
from ledgerlake_glue.csv_files import BrokenFile, Rows
from ledgerlake_glue.csv_header import read_header
from ledgerlake_glue.originals import originals


def read(body: bytes, dataset=AB) -> tuple[dict[int, tuple], Rows]:
    rows = Rows(lambda *span: io.BytesIO(body[slice(*span)] if span else body), dataset)
    return {r["_source_row"]: (r["a"], r["b"], r["_problem"]) for batch in rows for r in batch.to_pylist()}, rows


@pytest.mark.parametrize(
    "hint", [b"sep=;\r\n", b"SEP=;\n", b'"sep=;"\n', b"\xef\xbb\xbfsep=;\n", b"sep=;;;\n", b"\n sep=;\n\n"]
)
def test_the_delimiter_of_a_hint_is_believed(hint):
    body = hint + b'a;b\n1;"x;y"\n2;z;\n'
    found, rows = read(body)
    assert found == {1: ("1", "x;y", None), 2: (None, None, "wrong_width: 3 fields, expected 2")}
    assert rows.unknown == []
    assert originals(io.BytesIO(body), [1, 2]) == {1: '1;"x;y"', 2: "2;z;"}


def test_a_hint_of_the_contracts_own_delimiter_is_skipped():
    assert read(b"sep=,\r\na,b\r\n1,x\r\n")[0] == {1: ("1", "x", None)}


def test_a_second_hint_is_a_header():
    with pytest.raises(BrokenFile, match="missing_column: no a in the header sep=,"):
        read(b"sep=;\nsep=,\na;b\n1;2\n")


def test_a_file_with_a_hint_can_be_read_in_sections(monkeypatch):
    body = b"sep=|\na|b\n" + b"".join(b"%d|x\n" % number for number in range(50))
    monkeypatch.setattr(sections, "SIZE", 60)
    header = read_header(io.BytesIO(body), ",")
    opener = lambda start=0, stop=None: io.BytesIO(body[start:stop])  # noqa: E731
    counted = [each.counted(opener) for each in sections.cut(0, header.size, len(body))]
    cut = sections.numbered(header, len(body), counted)
    assert len(cut) > 2
    rows = [row["a"] for section in cut for batch in Rows(opener, AB, section) for row in batch.to_pylist()]
    assert rows == [str(number) for number in range(50)]


def test_rows_without_a_value_are_no_rows_and_keep_their_number():
    body = b'a,b\n1,x\n,\n\n \t,\xc2\xa0\n"",""\n,,,\n   \n2,\n,y\n,\n'
    found, rows = read(body)
    assert found == {1: ("1", "x", None), 7: ("2", "", None), 8: ("", "y", None)}
    assert (rows.count, rows.blank_rows) == (3, 6)
    assert originals(io.BytesIO(body), [1, 7, 8]) == {1: "1,x", 7: "2,", 8: ",y"}


def test_a_value_in_an_unknown_column_makes_a_row():
    found, rows = read(b"a,b,note\n,,\n,,x\n")
    assert found == {2: ("", "", None)}
    assert rows.blank_rows == 1


def test_rows_without_a_value_before_the_header_are_passed_over():
    assert read(b",,\n\na,b\n1,x\n")[0] == {1: ("1", "x", None)}


def test_a_file_of_blank_rows_alone_is_a_day_without_rows():
    found, rows = read(b"a,b\n" + b",\n" * 40)
    assert (found, rows.count, rows.blank_rows) == ({}, 0, 40)


def test_a_row_that_repeats_the_header_is_rejected():
    found, _ = read(b"a,b\n1,x\na,b\n2,y\na,c\n")
    again = "header_again: the row repeats the header"
    assert found == {1: ("1", "x", None), 2: (None, None, again), 3: ("2", "y", None), 4: ("a", "c", None)}
