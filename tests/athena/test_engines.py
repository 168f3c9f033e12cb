"""A difference between two answers is found, whatever it is in."""

import pytest

from cli.rows import Rows
from tests.athena.engines import Refused, difference

ORDERED, UNORDERED, FIRST = "SELECT a FROM t ORDER BY a", "SELECT a FROM t", "SELECT a FROM t LIMIT 1"


def rows(*values, column="a", kind="bigint"):
    return Rows([column], [[value] for value in values], kinds=[kind])


@pytest.mark.parametrize(
    ("sql", "one", "other"),
    [
        (UNORDERED, rows("1"), rows("2")),
        (UNORDERED, rows("1"), rows(None)),
        (UNORDERED, rows("1", "1"), rows("1")),
        (UNORDERED, rows("1"), rows("1", column="b")),
        (UNORDERED, rows("1"), rows("1", kind="decimal")),
        (UNORDERED, rows("0.1", kind="double"), rows("0.1000001", kind="double")),
        (UNORDERED, rows("0.10", kind="decimal"), rows("0.1", kind="decimal")),
        (ORDERED, rows("1", "2"), rows("2", "1")),
        (FIRST, rows("1"), rows()),
        (UNORDERED, rows("1"), Refused("TYPE_MISMATCH", "")),
        (UNORDERED, Refused("SYNTAX_ERROR", ""), Refused("TYPE_MISMATCH", "")),
    ],
)
def test_a_difference_is_found(sql, one, other):
    assert difference(sql, one, other)
    assert difference(sql, other, one)


@pytest.mark.parametrize(
    ("sql", "one", "other"),
    [
        (UNORDERED, rows("1", None, "2"), rows("2", "1", None)),
        (UNORDERED, rows("0.30000000000000004", kind="double"), rows("0.3", kind="double")),
        (FIRST, rows("1"), rows("2")),
        (UNORDERED, Refused("TYPE_MISMATCH", "of one"), Refused("TYPE_MISMATCH", "of the other")),
    ],
)
def test_what_a_statement_leaves_open_is_no_difference(sql, one, other):
    assert difference(sql, one, other) == ""
