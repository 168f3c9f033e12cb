"""A large file that several tasks read is the same rows, with the same numbers, as when one task reads it."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from two_columns import AB

from ledgerlake.errors import ConservationError
from ledgerlake_glue import sections
from ledgerlake_glue.csv_files import Rows, Section
from ledgerlake_glue.csv_header import Header, read_header

HEADER = b"\xef\xbb\xbf\r\n  \nb,a\r\n"


def opener(body: bytes):
    return lambda start=0, stop=None: io.BytesIO(body[start:stop])


def cut(body: bytes) -> list[Section]:
    header = read_header(io.BytesIO(body), ",")
    found = [each.counted(opener(body)) for each in sections.cut(0, header.size, len(body))]
    return sections.numbered(header, len(body), found)


def rows(body: bytes, section: Section | None = None) -> list[tuple]:
    return counted_rows(body, section)[0]


def counted_rows(body: bytes, section: Section | None = None) -> tuple[list[tuple], int]:
    """The rows, and how many there are with the blank ones."""
    read = Rows(opener(body), AB, section)
    found = [(r["_source_row"], r["a"], r["b"], r["_problem"]) for batch in read for r in batch.to_pylist()]
    assert read.count == len(found)
    return sorted(found), read.count + read.blank_rows


LINES = st.lists(st.sampled_from(["", "x,1", "y,2", ",", " ", "z", "é,3", "a,b,c", "x" * 30 + ",4"]), max_size=30)


@given(LINES, st.lists(st.sampled_from(["\n", "\r\n"]), min_size=30, max_size=30), st.booleans(), st.integers(1, 80))
@settings(max_examples=300, deadline=None)
def test_the_sections_together_are_the_rows_of_the_whole(lines, breaks, ends_with_a_break, size):
    text = "".join(line + end for line, end in zip(lines, breaks, strict=False))
    body = HEADER + (text if ends_with_a_break else text.removesuffix("\n").removesuffix("\r")).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sections, "SIZE", size)
        patch.setattr(sections, "_STEP", 7)
        found = cut(body)
    whole, count = counted_rows(body)
    assert [row for section in found for row in rows(body, section)] == whole
    assert sum(section.rows for section in found) == count
    assert size > 1 or len(found) == count


@pytest.mark.parametrize(
    "odd", [b'"q",1', b"x\ry,2", b"\xff,3", b"x" * 100 + b",4"], ids=["quote", "CR", "latin", "long"]
)
@pytest.mark.parametrize("place", [0, 5, 20, 39])
def test_a_file_of_which_a_section_cannot_be_understood_alone_is_left_whole(monkeypatch, odd, place):
    lines = [b"x,1"] * 40
    monkeypatch.setattr(sections, "SIZE", 50)
    monkeypatch.setattr(sections, "BLOCK", 64)
    assert len(cut(b"b,a\n" + b"\n".join(lines) + b"\n")) > 2
    lines[place] = odd
    assert cut(b"b,a\n" + b"\n".join(lines) + b"\n") == []


def test_sections_that_leave_a_gap_are_refused():
    with pytest.raises(ConservationError, match="sections from"):
        sections.numbered(Header(["a"], None, ","), 30, [(0, 10, 2), (12, 30, 3)])
    with pytest.raises(ConservationError, match="sections from"):
        sections.numbered(Header(["a"], None, ","), 30, [(0, 10, 2), (10, 28, 3)])


def test_a_section_with_other_rows_than_were_counted_is_refused():
    body = b"a,b\n1,x\n2,y\n"
    with pytest.raises(ConservationError, match="2 rows between the bytes 4 and 12"):
        rows(body, Section(("a", "b"), 4, 12, 0, 3))


HEAD = "product_id,department_id,department,product_name\n"


def products(count: int, **other: str) -> str:
    lines = {n: f"{n},1,Home,Lamp {n}" for n in range(1, count + 1)} | {int(name[1:]): other[name] for name in other}
    return HEAD + "\n".join(lines.values()) + "\n"


def in_pieces(monkeypatch, size: int) -> list[int]:
    """Cut files into pieces of that size; returns the number of sections of each, while they are read."""
    monkeypatch.setattr(sections, "SIZE", size)
    found: list[int] = []
    original = sections.numbered
    monkeypatch.setattr(sections, "numbered", lambda *a: [found.append(len(made := original(*a))), made][1])
    return found


def test_the_sections_of_a_file_are_of_equal_size_so_that_no_core_waits_for_the_last(monkeypatch):
    monkeypatch.setattr(sections, "SIZE", 64)
    sizes = [each.stop - each.start for each in sections.cut(0, 10, 10 + 354)]
    assert (len(sizes), sum(sizes), set(sizes)) == (6, 354, {59})


@pytest.mark.slow
@pytest.mark.parametrize("size", [200, 1 << 20], ids=["in sections", "whole"])
def test_a_batch_is_the_same_whether_its_files_are_read_whole_or_in_sections(lake, monkeypatch, size):
    found = in_pieces(monkeypatch, size)
    lake.deliver("products", "a.csv", products(40, _7="7,x,Home,Bad", _20="20,1", _39=",1,Home,None"))
    lake.deliver("products", "b.csv", products(30) + "3,1,Home,Newest\n")
    counts = lake.run()["products"]
    assert (len(found) == 2 and min(found) > 2) if size == 200 else not found
    expected = {"rows_read": 71, "rejected": 3, "inserted": 39, "superseded": 29}
    assert {name: counts[name] for name in expected} == expected
    assert lake.rejected("products") == [
        ("a.csv", 7, "7,x,Home,Bad", ["not_bigint: department_id=x"]),
        ("a.csv", 20, "20,1", ["wrong_width: 2 fields, expected 4"]),
        ("a.csv", 39, ",1,Home,None", ["required: product_id is empty"]),
    ]
    there = {row[0]: row[1:] for row in lake.rows("products", "product_id", "_source_row", "product_name")}
    assert there[3] == (31, "Newest")
    assert there[38] == (38, "Lamp 38")
    assert len(lake.ledger()) == 2


@pytest.mark.slow
def test_a_file_that_breaks_in_one_of_its_sections_is_one_reject(lake, monkeypatch):
    found = in_pieces(monkeypatch, 200)
    original = sections.numbered
    monkeypatch.setattr(
        sections, "numbered", lambda *a: [replace(each, names=("no",)) if each.first else each for each in original(*a)]
    )
    lake.deliver("products", "a.csv", products(40))
    lake.deliver("products", "b.csv", products(4))
    counts = lake.run()["products"]
    assert found[0] > 2
    assert {name: counts[name] for name in ("rows_read", "rejected", "inserted")} == {
        "rows_read": 5,
        "rejected": 1,
        "inserted": 4,
    }
    [(name, row, _, [reason])] = lake.rejected("products")
    assert (name, row, reason.partition(":")[0]) == ("a.csv", None, "missing_column")
