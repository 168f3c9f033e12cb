"""Reading one file: exact rows, exact numbers, exact text, and an error for what cannot be read."""

from __future__ import annotations

import gzip
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledgerlake.contracts import Column, Dataset
from ledgerlake_spark import csv_files
from ledgerlake_spark.csv_files import BrokenFile, Rows
from ledgerlake_spark.originals import originals

AB = Dataset(
    name="ab",
    job="ab_etl",
    doc="Two columns.",
    columns=(Column("a", "bigint", required=True, doc="A."), Column("b", "string", doc="B.")),
    key=("a",),
)


def read(body: bytes) -> list[tuple]:
    rows = Rows(lambda: io.BytesIO(body), AB)
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
        (b'a,b\n1,"oops\n2,3\n', "unclosed_quote"),
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


def test_rows_of_the_wrong_width_keep_their_number_also_across_blocks(monkeypatch):
    monkeypatch.setattr(csv_files, "BLOCK", 64)
    lines = [f"{n},x" if n % 7 else f"{n}" for n in range(1, 200)]
    found = read(("a,b\n" + "\n".join(lines) + "\n").encode())
    assert [number for number, *_ in found] == list(range(1, 200))
    assert all(a == str(number) for number, a, _, problem in found if problem is None)
    assert [number for number, *_, problem in found if problem] == list(range(7, 200, 7))


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 99).map(str),
            st.text(st.characters(codec="utf-8", exclude_categories=["Cs"], exclude_characters="\x00\r"), max_size=12),
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
