"""Columns are found by name, alias or path; what may be a renamed column is never read as an absent one."""

from __future__ import annotations

import gzip
import io
from dataclasses import replace

import pytest

from ledgerlake.contracts import Column, Dataset
from ledgerlake.errors import ContractError
from ledgerlake_glue.csv_files import BrokenFile, Rows
from ledgerlake_glue.header_matching import match_header, path_of
from ledgerlake_glue.rejected_files import lines_rejected

D = Dataset(
    name="d",
    job="d_etl",
    doc="A day.",
    columns=(
        Column("id", "bigint", required=True, doc="A.", header=("Customer ID", "ident")),
        Column("days", "int", doc="B."),
        Column("date", "date", doc="C."),
        Column("note", "string", doc="D."),
    ),
    key=("id",),
    null_words=("n/a",),
    path_columns=("date", "id"),
)
DAY = {"date": "2025-04-03"}


def read(body, key="raw/d/x.csv", dataset=D):
    """(id, days, date, note, problem) of each row, and the reader."""
    rows = Rows(lambda: io.BytesIO(body), dataset, key=key)
    names = [*dataset.column_names, "_problem"]
    return [tuple(row[name] for name in names) for batch in rows for row in batch.to_pylist()], rows


@pytest.mark.parametrize("header", ["Customer ID", "customer id", " IDENT ", "\ufeffid", "ID"])
def test_a_column_is_found_by_its_name_and_its_aliases_in_any_case(header):
    assert match_header([header, "days", "date", "note"], D, {}).positions["id"] == 0


def test_a_name_and_its_alias_in_one_file_reject_it():
    with pytest.raises(BrokenFile, match=r"doubled_column: the header has id \(Customer ID, id\) more than once"):
        match_header(["id", "Customer ID", "days", "date", "note"], D, {})


def test_an_absent_optional_column_beside_an_unknown_one_rejects_the_file_and_names_both():
    with pytest.raises(BrokenFile) as broken:
        match_header(["id", "days_since", "date", "note"], D, {})
    said = str(broken.value)
    assert said.startswith("renamed_column: no days in the header, but the unknown days_since; ")
    assert "header=" in said
    assert "ignored=" in said


def test_the_two_remedies_make_it_load():
    renamed = ["id", "days_since", "date", "note"]
    aliased = replace(D, columns=(D.columns[0], replace(D.columns[1], header=("Days_Since",)), *D.columns[2:]))
    assert match_header(renamed, aliased, {}).positions["days"] == 1
    matched = match_header(renamed, replace(D, ignored=("Days_Since",)), {})
    assert (matched.positions.get("days"), matched.unknown, matched.absent) == (None, [], ["days"])


def test_an_absent_optional_column_alone_and_an_unknown_one_alone_are_told():
    assert match_header(["id", "date", "note"], D, {}).absent == ["days"]
    assert match_header(["id", "days", "date", "note", "more"], D, {}).unknown == ["more"]


def test_a_column_without_a_name_may_be_the_renamed_one_too():
    with pytest.raises(BrokenFile, match=r"renamed_column: .*\(column 2, without a name\)"):
        match_header(["id", "", "date", "note"], D, {})
    assert match_header(["id", "", "date", "note"], replace(D, ignored=("",)), {}).absent == ["days"]


def test_a_column_that_the_path_gives_is_neither_absent_nor_missing():
    assert match_header(["days", "note", "id"], D, DAY).absent == []
    assert match_header(["days", "note", "extra"], D, {**DAY, "id": "7"}).unknown == ["extra"]
    with pytest.raises(BrokenFile, match="missing_column: no id in the header"):
        match_header(["days", "note"], D, DAY)


def test_a_value_is_taken_from_the_path_where_the_file_has_no_such_column():
    found, rows = read(b"id,days,note\n1,2,a\n2,3,b\n", "raw/d/date=2025-04-03/part-0.csv")
    assert [row[2] for row in found] == ["2025-04-03", "2025-04-03"]
    assert rows.absent == []
    null, _ = read(b"id,days,note\n1,2,a\n", "raw/d/date=__HIVE_DEFAULT_PARTITION__/x.csv")
    assert null == [("1", "2", None, "a", None)]
    encoded, _ = read(b"id,days,note\n1,2,a\n", "raw/d/date=2025%2D04-03/x.csv")
    assert encoded[0][2] == "2025-04-03"
    by_alias, _ = read(b"days,date,note\n2,2025-04-03,a\n", "raw/d/Customer%20ID=7/x.csv")
    assert by_alias[0][0] == "7"


def test_a_path_is_believed_only_for_the_columns_of_which_the_contract_says_so():
    found, rows = read(b"id,date,note\n1,2025-04-03,a\n", "raw/d/days=7/x.csv")
    assert (found[0][1], rows.absent) == (None, ["days"])


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("2025-04-03", None),
        (" 2025-04-03 ", None),
        ("2025-04-03T00:00:00", None),
        ("2025-04-03 00:00", None),
        ("", None),
        ("N/A", None),
        ("2025-04-04", "path_contradicts: date=2025-04-04, where the path says 2025-04-03"),
        ("x", "path_contradicts: date=x, where the path says 2025-04-03"),
    ],
)
def test_a_value_that_contradicts_the_path_is_a_problem_of_its_row(value, problem):
    found, _ = read(f"id,days,date,note\n1,2,{value},a\n2,3,2025-04-03,b\n".encode(), "raw/d/date=2025-04-03/x.csv")
    assert [row[-1] for row in found] == [problem, None]
    assert found[0][2] == value, "the text stays as it is"


@pytest.mark.parametrize(("value", "same"), [("7", True), ("+07", True), ("7.0", True), ("-7", False), ("70", False)])
def test_numbers_that_are_written_differently_do_not_contradict(value, same):
    found, _ = read(f"id,days,date,note\n{value},2,2025-04-03,a\n".encode(), "raw/d/id=7/x.csv")
    assert (found[0][-1] is None) == same


def test_any_value_contradicts_a_path_that_says_null():
    found, _ = read(b"id,days,date,note\n1,2,2025-04-03,a\n2,3,,b\n", "raw/d/date=__HIVE_DEFAULT_PARTITION__/x.csv")
    assert [row[-1] for row in found] == ["path_contradicts: date=2025-04-03, where the path says NULL", None]


def test_a_path_that_names_two_values_rejects_the_file():
    assert path_of("raw/d/date=1/date=1/x.csv", D) == {"date": "1"}
    with pytest.raises(BrokenFile, match="path_contradicts: the path names date as 1 and as 2"):
        read(b"id,days,note\n1,2,a\n", "raw/d/date=1/date=2/x.csv")


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        (b"", 0),
        (b"a,b\n", 0),
        (b"a,b\n1,2\n3,4\n", 2),
        (b"\n\na,b\r\n1,2\r\n\r\n3,4", 2),
        (b"a\r1\r2\r", 2),
        ("a\nü\n".encode(), 1),
        ("a\nü\n".encode("latin-1"), None),
        ("a\n1\n".encode("utf-16"), None),
        (b"PK\x03\x04\x00\x00", None),
        (b"x" * (3 << 20) + b"\n1\n", 1),
    ],
    ids=range(10),
)
def test_lines_of_a_file_rejected_whole_are_counted_where_it_is_text(body, lines):
    assert lines_rejected(lambda: io.BytesIO(body)) == lines


def test_lines_of_a_torn_archive_are_not_counted():
    torn = gzip.compress(b"a\n1\n" * 1000)[:-20]
    assert lines_rejected(lambda: gzip.GzipFile(fileobj=io.BytesIO(torn))) is None


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Column("a", "bigint", doc="A.", header="Customer ID"),
        lambda: Column("a", "bigint", doc="A.", header=("",)),
        lambda: replace(D, ignored=("customer id",)),
        lambda: replace(D, columns=(*D.columns, Column("x", "int", doc="X.", header=("NOTE",)))),
        lambda: replace(D, path_columns=("gone",)),
    ],
)
def test_a_contract_whose_headers_contradict_each_other_is_refused(wrong):
    with pytest.raises(ContractError):
        wrong()
