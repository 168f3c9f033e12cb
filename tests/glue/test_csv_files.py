"""Reading one file: exact rows, exact numbers, exact text, and an error for what cannot be read."""

from __future__ import annotations

import dataclasses
import gzip
import io
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from two_columns import AB

from ledgerlake.contracts import Dataset
from ledgerlake_glue import csv_files, plain_lines
from ledgerlake_glue.broken_quotes import TEXT_BEHIND
from ledgerlake_glue.csv_files import BrokenFile, Rows
from ledgerlake_glue.originals import originals


def read(body: bytes, dataset: Dataset = AB) -> list[tuple]:
    rows = Rows(lambda: io.BytesIO(body), dataset)
    found = [(r["_source_row"], r["a"], r["b"], r["_problem"]) for batch in rows for r in batch.to_pylist()]
    assert rows.count == len(found)
    return sorted(found)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"a,b\n1,2\n", [("1", "2")]),
        (b"\xef\xbb\xbfa,b\r\n1,2\r\n", [("1", "2")]),
        (b"a,b\r1,2\r3,4\r", [("1", "2"), ("3", "4")]),
        (b"\n\na,b\n\n1,2\n\n", [("1", "2")]),
        (b'b,a\n"x\ny",2\n', [("2", "x\ny")]),
        (b'a,b\n1,"say ""hi"" \\"\n', [("1", 'say "hi" \\')]),
        (b' A ,"B"\n1,2\n', [("1", "2")]),
        (b"zz,a,b\n9,1,2\n", [("1", "2")]),
        (b"a\n1\n2\n", [("1", None), ("2", None)]),
        (b"a,b", []),
        (b"a,b\n", []),
        (b"", []),
        (b"\n\n", []),
        (b"a,b\n1,2", [("1", "2")]),
        (b"  \n\t\na,b\n1,2\n", [("1", "2")]),
        (b'"some\nnote",a,b\nx,1,2\n', [("1", "2")]),
        (b"c,c,a,b\nx,y,1,2\n", [("1", "2")]),
        (b'a,b\n1,5" tube\n2,"x\ny"\n', [("1", '5" tube'), ("2", "x\ny")]),
    ],
)
def test_ordinary_files_of_every_kind_are_read(body, expected):
    assert [(a, b) for _, a, b, _ in read(body)] == expected


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        (b"b\n1\n", "missing_column"),
        (b"b\n", "missing_column"),
        (b"a,A\n1,2\n", "doubled_column"),
        ("a,b\n1,caf\u00e9\n".encode("latin-1"), "wrong_encoding"),
        ("a,b\n1,2\n".encode("utf-16"), "wrong_encoding"),
        (b'a,b\n"oops,2\n3,4\n', "unclosed_quote"),  # and no good row before it
        (b'a,b\n1,"oops\n2,3\n', "unclosed_quote"),
        (b'a,b\n1,"oops', "unclosed_quote"),
        (b'a,"b\n1,2\n', "unclosed_quote"),
        (b"a,b\n1,2,\xff\n", "wrong_encoding: row 1"),
        (gzip.compress(b"a,b\n1,2\n"), "not_text: the content is gzip"),
    ],
)
def test_a_file_that_cannot_be_read_names_the_rule_it_broke(body, rule):
    with pytest.raises(BrokenFile, match=rule):
        read(body)


def test_a_truncated_gzip_is_the_fault_of_that_file():
    body = gzip.compress(b"a,b\n" + b"1,2\n" * 100_000)[:-200]
    rows = Rows(lambda: gzip.GzipFile(fileobj=io.BytesIO(body)), AB)
    with pytest.raises(BrokenFile, match="unreadable_file"):
        list(rows)


@pytest.mark.parametrize("place", [12, -6, -2])
def test_damaged_gzip_data_are_the_fault_of_that_file(place):
    body = bytearray(gzip.compress(b"a,b\n" + b"1,2\n" * 1000))
    body[place] ^= 0xFF
    rows = Rows(lambda: gzip.GzipFile(fileobj=io.BytesIO(bytes(body))), AB)
    with pytest.raises(BrokenFile, match="unreadable_file"):
        list(rows)


def test_a_network_that_breaks_is_no_fault_of_the_file():
    class Breaking(io.BytesIO):
        def read(self, size=-1):
            if self.tell():
                raise ConnectionResetError("connection reset by peer")
            return super().read(size)

    with pytest.raises(ConnectionResetError):
        list(Rows(lambda: Breaking(b"a,b\n" + b"1,2\n" * 50_000), AB))


def test_a_row_that_is_longer_than_a_block_is_told_from_a_quote_that_is_never_closed(monkeypatch):
    monkeypatch.setattr(csv_files, "BLOCK", 1 << 20)
    long = b"x" * (3 << 20)
    assert read(b"a,b\n1," + b"x" * 900_000 + b"\n2,y\n")[1] == (2, "2", "y", None)
    with pytest.raises(BrokenFile, match="row_too_long: a row after row 1 is longer than 1 MB"):
        read(b"a,b\n1,2\n2," + long + b"\n3,4\n")
    with pytest.raises(BrokenFile, match="unclosed_quote: a quote opened in row 2 is never closed"):
        read(b'a,b\n1,2\n2,"' + long + b"\n3,4\n")


def test_a_row_that_was_torn_by_its_quotes_is_rejected_with_all_its_lines():
    body = b'a,b\n1,"one\n2,"two"\n3,"x\ny"\n4,"one line" more\n'
    assert read(body) == [
        (1, "1", 'one\n2,two"', TEXT_BEHIND),
        (2, "3", "x\ny", None),
        (3, "4", "one line more", TEXT_BEHIND),
    ]
    assert originals(io.BytesIO(body), [1]) == {1: '1,"one\n2,"two"'}


def test_quotes_are_judged_by_the_delimiter_of_the_contract():
    semicolons = dataclasses.replace(AB, delimiter=";")
    body = b'a;b\n1;"x\ny"\n2;z,"\n3;w\n'
    assert [(n, a, b) for n, a, b, _ in read(body, semicolons)] == [(1, "1", "x\ny"), (2, "2", 'z,"'), (3, "3", "w")]
    assert originals(io.BytesIO(body), [1, 2, 3], ";") == {1: '1;"x\ny"', 2: '2;z,"', 3: "3;w"}


@pytest.mark.slow
def test_reader_and_originals_number_the_same_rows_in_every_short_text():
    faults = set()
    for length in range(1, 6):
        for characters in itertools.product('x",\n\r', repeat=length):
            body = ("a,b\n" + "".join(characters)).encode()
            rows = Rows(lambda body=body: io.BytesIO(body), AB)
            try:
                numbers = sorted(r for batch in rows for r in batch["_source_row"].to_pylist())
            except BrokenFile as error:
                faults.add(str(error).partition(":")[0])
                continue
            found = originals(io.BytesIO(body), range(1, 9))
            assert [number for number in found if number in numbers] == numbers, body
            blank = [text for number, text in found.items() if number not in numbers]
            assert all(set(text) <= set('",\r\n') for text in blank), body
            assert len(blank) == rows.blank_rows, body
    assert faults == {"unclosed_quote"}


@pytest.mark.slow
def test_the_text_of_a_row_is_the_same_in_whatever_block_its_line_lies(monkeypatch):
    for length in range(1, 6):
        for characters in itertools.product('x",\n\r', repeat=length):
            body = ("a,b\n7,8\n" + "".join(characters) + "\n").encode()
            monkeypatch.setattr(plain_lines, "_BLOCK", 1 << 20)
            whole = originals(io.BytesIO(body), range(1, 9))
            monkeypatch.setattr(plain_lines, "_BLOCK", 2)
            assert originals(io.BytesIO(body), range(1, 9)) == whole, body
            assert originals(io.BytesIO(body), [2]) == {n: text for n, text in whole.items() if n == 2}, body


def test_rows_of_the_wrong_width_keep_their_number_also_across_blocks(monkeypatch):
    monkeypatch.setattr(csv_files, "BLOCK", 64)
    lines = [f"{n},x" if n % 7 else f"{n}" for n in range(1, 200)]
    found = read(("a,b\n" + "\n".join(lines) + "\n").encode())
    assert [number for number, *_ in found] == list(range(1, 200))
    assert all(a == str(number) for number, a, _, problem in found if problem is None)
    assert [number for number, *_, problem in found if problem] == list(range(7, 200, 7))


@pytest.mark.parametrize("line_break", ["\r\n", "\r", "\n", "\r\r\n"])
def test_a_quoted_line_break_is_whole_wherever_a_block_ends(monkeypatch, line_break):
    monkeypatch.setattr(csv_files, "BLOCK", 64)
    for before in range(130):
        filler = "".join(f"{n},x\n" for n in range(before // 4))
        value = "y" * (before % 4) + line_break + "z"
        body = f'a,b\n{filler}7,"{value}"\n8,w\n'.encode()
        assert [(a, b) for _, a, b, _ in read(body)][-2:] == [("7", value), ("8", "w")]


def _is_read_in_one_way(text: str) -> bool:
    """Whether no line inside could be a row of its own, and no backslash may be meant to escape a quote."""
    return not ("\n" in text and "," in text) and '\\"' not in text


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 99).map(str),
            st.text(
                st.characters(codec="utf-8", exclude_categories=["Cs"], exclude_characters="\x00\r"), max_size=12
            ).filter(_is_read_in_one_way),
            st.booleans(),
        ),
        max_size=12,
    )
)
def test_every_row_comes_back_with_its_number_its_values_and_its_text(rows):
    texts = []
    for a, b, wide in rows:
        quoted = '"' + b.replace('"', '""') + '"'
        texts.append(f"{a},{quoted}" + (",more" if wide else ""))
    body = ("a,b\n" + "".join(f"{text}\n" for text in texts)).encode()
    found = read(body)
    assert [(n, a, b) for n, a, b, problem in found if problem is None] == [
        (n, a, b) for n, (a, b, wide) in enumerate(rows, 1) if not wide
    ]
    assert [n for n, _, _, problem in found if problem] == [n for n, (_, _, wide) in enumerate(rows, 1) if wide]
    assert originals(io.BytesIO(body), range(1, len(rows) + 1)) == dict(enumerate(texts, 1))
