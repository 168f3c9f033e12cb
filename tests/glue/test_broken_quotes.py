"""Quotes that nobody can be sure of: rejected with their text, never read as something else."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from two_columns import AB

from ledgerlake.contracts import DATASETS
from ledgerlake_glue.broken_quotes import BACKSLASH, SCATTERED, SEVERAL_ROWS, TEXT_BEHIND, fault_of
from ledgerlake_glue.csv_files import BrokenFile, Rows
from ledgerlake_glue.originals import originals
from ledgerlake_glue.quote_check import QuoteCheck

PRODUCTS = DATASETS["products"]
PRODUCTS_HEADER = "product_id,department_id,department,product_name\n"


@pytest.mark.parametrize(
    ("record", "fault"),
    [
        ('101,4,"produce,"Apples, 3 lb bag"', TEXT_BEHIND),
        ('101,4,""produce","Apples, 3 lb bag"', TEXT_BEHIND),
        ('101,4,"produce" ,Apples', TEXT_BEHIND),
        ('101,4"produce, fresh",Apples', SCATTERED),
        ('101,4, "produce, fresh", Apples', SCATTERED),
        ('37001,1,Home,"Shelf 5\\" deep"', BACKSLASH),
        ('37001,1,Home,Shelf 5\\" deep', BACKSLASH),
        ('37001,1,"a\\"",", b"', BACKSLASH),
        ('1,"a\\"",b\\", c', BACKSLASH),
        ('1,2,a,"24 inch\n2,3,b,Arm\n3,4,c,Wall 24"', SEVERAL_ROWS),
        ('1,2,a,"Lamp\n2,3,b,Shade 5"', SEVERAL_ROWS),
        ('1,"24 inch,a,b\r\n2,tube 5",a,b', SEVERAL_ROWS),
    ],
)
def test_a_record_that_can_be_read_in_two_ways_is_faulty(record, fault):
    assert fault_of(record, ",", 4) == fault


@pytest.mark.parametrize(
    "record",
    [
        '1,2,a,19" wide screen',
        '1,2,a,a "good" lamp',
        '1,2,a, "Lamp"',
        '1,2,a,"a ""good"" lamp"',
        '1,2,a,""""',
        '1,2,"",""',
        '1,2,a,"19\\"""',
        '1,2,"C:\\dir\\",x',
        '1,2,"C:\\dir\\","D:\\"',
        '1,2,a,"{""say"": ""\\""hi\\"", ok""}"',
        '1,2,a,"Lamp\nwith shade, and bulb"',
        '"1\n",2,a,b',
        '1,2,"a, b, c\nd",e',
    ],
)
def test_a_record_that_can_be_read_in_one_way_has_no_fault(record):
    assert fault_of(record, ",", 4) is None


def test_a_line_in_quotes_is_no_row_where_every_line_would_be_one():
    assert fault_of('"Lamp\nwith\nshade"', ",", 1) is None


def read(body: str, dataset=PRODUCTS) -> dict[int, tuple[str | None, str | None]]:
    """By number, the problem and the text of the last column."""
    rows = Rows(lambda: io.BytesIO(body.encode()), dataset)
    last = dataset.column_names[-1]
    return {row["_source_row"]: (row["_problem"], row[last]) for batch in rows for row in batch.to_pylist()}


def test_rows_between_two_inch_marks_are_rejected_with_their_whole_text():
    body = PRODUCTS_HEADER + (
        '16001,3,Displays,"19" wide screen\n16002,3,Displays,Stand\n16004,3,Displays,"24 inch screen\n'
        '16005,3,Displays,Arm\n16006,3,Displays,Wall mount 24"\n16007,3,Displays,Cloth\n'
    )
    found = read(body)
    assert {number: problem for number, (problem, _) in found.items()} == {
        1: TEXT_BEHIND,
        2: None,
        3: SEVERAL_ROWS,
        4: None,
    }
    assert originals(io.BytesIO(body.encode()), [3]) == {
        3: '16004,3,Displays,"24 inch screen\n16005,3,Displays,Arm\n16006,3,Displays,Wall mount 24"'
    }


def test_a_shifted_column_is_rejected_although_the_width_is_right():
    body = PRODUCTS_HEADER + '101,4,"produce,"Apples, 3 lb bag"\n102,4,"produce","Pears, 3 lb bag"\n'
    assert read(body) == {1: (TEXT_BEHIND, ' 3 lb bag"'), 2: (None, "Pears, 3 lb bag")}


@pytest.mark.parametrize(
    "header",
    [
        'product_id,"department_id,department,"product_name"',
        'product_id,department_id,department,product_name"x, y"',
        'product_id,department_id,department,"product_name\n1,2,a,b"',
        'product_id,department_id,department,product_name,"note \\" of"',
    ],
)
def test_a_header_with_broken_quotes_rejects_the_file(header):
    with pytest.raises(BrokenFile, match=r"broken_quotes: .*in the header"):
        read(header + "\n1,2,a,b\n")


def test_a_quoted_header_over_two_lines_is_still_a_header():
    assert read('"some\nnote, long",product_id,department_id,department,product_name\nx,1,2,a,b\n') == {1: (None, "b")}


def test_a_row_of_the_wrong_width_is_told_that():
    found = read(PRODUCTS_HEADER + '1,2,a,"b" c,d\n2,2,a,b\n')
    assert found == {1: ("wrong_width: 5 fields, expected 4", None), 2: (None, "b")}


def check(body: bytes, sizes: list[int], delimiter: str = ",") -> tuple[list[tuple[int, str]], int | None]:
    found, at = QuoteCheck(delimiter, 2), 0
    for size in sizes:
        found.passed.append(body[at : at + size] or b"")
        at += size
    found.passed.extend([body[at:], b""] if body[at:] else [b""])
    return found.faults_of_rows_to(1000), found.open


PIECES = st.lists(
    st.sampled_from(['"', '""', ",", "\n", "\r\n", "\r", "x", "\\", '\n1,"', '",', 'x"y', "é"]), max_size=25
)


@given(PIECES, st.lists(st.integers(1, 9), max_size=6))
@settings(max_examples=1500, deadline=None)
def test_the_check_finds_what_reading_each_record_finds(pieces, sizes):
    body = "".join(pieces)
    sizes = _between_cr_and_lf(body.encode(), sizes)
    faults, is_open = check(body.encode(), sizes)
    file = b"a,b\n" + body.encode()
    texts = originals(io.BytesIO(file), range(1, 60))
    expected = {number: fault_of(text, ",", 2) for number, text in texts.items()}
    if is_open is not None:
        assert is_open == max(texts)
        del expected[is_open]
    assert faults == [(number, fault) for number, fault in expected.items() if fault]


def _between_cr_and_lf(body: bytes, sizes: list[int]) -> list[int]:
    """No block ends with CR; see `Joined`."""
    found, at = [], 0
    for size in sizes:
        end = at + size
        while end < len(body) and body[end - 1 : end] == b"\r":
            end += 1
        if end >= len(body):
            break
        found.append(end - at)
        at = end
    return found


@given(PIECES)
@settings(max_examples=300, deadline=None)
def test_a_row_is_accepted_only_if_its_quotes_have_no_fault(pieces):
    body = ("a,b\n" + "".join(pieces)).encode()
    rows = Rows(lambda: io.BytesIO(body), replace(AB, columns=AB.columns))
    try:
        found = {row["_source_row"]: row["_problem"] for batch in rows for row in batch.to_pylist()}
    except BrokenFile:
        return
    texts = originals(io.BytesIO(body), list(found))
    assert all(fault_of(texts[number], ",", 2) == problem for number, problem in found.items() if not _width(problem))


def _width(problem: str | None) -> bool:
    return (problem or "").startswith("wrong_width")
