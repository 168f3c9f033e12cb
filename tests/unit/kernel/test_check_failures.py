"""A check failure is opened once, reported as open by later runs, and closed by the first run in which it passes."""

from __future__ import annotations

import pytest

from ledgerlake import keys
from ledgerlake.reporting.check_failures import observe, of_run, open_failures
from ledgerlake.tables.checks import LIMIT, check

BUCKET = "lake"
KEYS, EMPTY = check("primary_keys_unique"), check("tables_not_empty")


def broken(dataset, *keys, detail="2 rows of one key"):
    return [{"dataset": dataset, "offending": key, "detail": detail} for key in keys]


@pytest.fixture
def asked(s3):
    """asked(run, check, rows) → what that run, for batch `b-<run>`, makes of the answer."""
    return lambda run, of, rows: observe(s3, BUCKET, of, rows, run_id=run, batch_id=f"b-{run}")


def test_a_check_that_passes_leaves_nothing(asked, s3):
    observed = asked("r1", KEYS, [])
    assert (observed.first, observed.still, observed.closed) == ((), (), ())
    assert open_failures(s3, BUCKET) == ()


def test_the_first_run_to_see_a_failure_opens_it_with_its_keys(asked, s3):
    (first,) = asked("r1", KEYS, broken("orders", "17", "18")).first
    assert (first.check, first.dataset, first.batch_id, first.run_id, first.count) == (
        "primary_keys_unique",
        "orders",
        "b-r1",
        "r1",
        2,
    )
    assert str(first) == (
        "primary_keys_unique of orders: not true that every key has one row: 2 rows: "
        "17 (2 rows of one key), 18 (2 rows of one key)"
    )
    assert open_failures(s3, BUCKET) == (first,)


def test_a_retry_of_the_run_still_is_the_first(asked):
    asked("r1", KEYS, broken("orders", "17"))
    again = asked("r1", KEYS, broken("orders", "17", "18"))
    assert ([each.count for each in again.first], again.still) == ([2], ())


def test_a_later_run_observes_it_as_still_open_and_since_when(asked, s3):
    (first,) = asked("r1", KEYS, broken("orders", "17")).first
    later = asked("r2", KEYS, broken("orders", "18", "19"))
    assert later.first == ()
    (still,) = later.still
    assert (still.since, still.run_id, still.batch_id, still.count) == (first.since, "r1", "b-r1", 2)
    assert still.still_open.startswith(f"still open since {first.since[:19]}Z (batch b-r1): primary_keys_unique of ord")


def test_the_first_run_that_sees_it_pass_closes_it_also_when_retried(asked, s3):
    asked("r1", KEYS, broken("orders", "17"))
    assert [each.dataset for each in asked("r2", KEYS, []).closed] == ["orders"]
    (closed,) = asked("r2", KEYS, []).closed
    assert closed.closed_by == "r2"
    assert closed.passes_again.startswith("primary_keys_unique of orders passes again; it had failed since ")
    assert asked("r3", KEYS, []).closed == ()
    assert open_failures(s3, BUCKET) == ()


def test_a_recurring_failure_is_a_new_one(asked):
    asked("r1", KEYS, broken("orders", "17"))
    asked("r2", KEYS, [])
    (first,) = asked("r3", KEYS, broken("orders", "17")).first
    assert (first.run_id, first.closed_at, first.closed_by) == ("r3", "", "")


def test_datasets_and_checks_are_open_each_for_itself(asked, s3):
    asked("r1", KEYS, broken("orders", "17") + broken("products", "1"))
    asked("r1", EMPTY, broken("orders", "orders", detail="no row"))
    later = asked("r2", KEYS, broken("products", "1"))
    assert ([each.dataset for each in later.closed], [each.dataset for each in later.still]) == (
        ["orders"],
        ["products"],
    )
    run = of_run(s3, BUCKET, "r2")
    assert [(each.check, each.dataset) for each in run.still] == [
        ("primary_keys_unique", "products"),
        ("tables_not_empty", "orders"),
    ]
    assert [(each.check, each.dataset) for each in run.closed] == [("primary_keys_unique", "orders")]


def test_ten_keys_are_named_and_more_are_counted(asked):
    (first,) = asked("r1", KEYS, broken("orders", *(f"k{n}" for n in range(LIMIT)))).first
    assert (first.count, len(first.keys)) == (LIMIT, 10)
    assert f"at least {LIMIT} rows: k0 (2 rows" in str(first)
    assert str(first).endswith(", …")
    assert "k10" not in str(first)


def test_a_key_is_one_line_in_which_nothing_acts(asked):
    (first,) = asked("r1", KEYS, broken("orders", "\x1b[2J\nNext step: rm", detail=None)).first
    assert "\x1b" not in str(first)
    assert "\n" not in str(first)


def test_a_key_of_a_megabyte_is_cut(asked):
    (first,) = asked("r1", KEYS, broken("orders", "x" * 1_000_000)).first
    assert len(str(first)) < 1000


DAMAGE = [b"", b"{", b"[]", b"{}", b'{"check": 1}', b"null"]


@pytest.mark.parametrize("body", DAMAGE)
def test_a_damaged_object_keeps_its_earlier_report(asked, s3, body):
    (first,) = asked("r1", KEYS, broken("orders", "17")).first
    s3.put_object(Bucket=BUCKET, Key=keys.check_failure(KEYS.name, "orders"), Body=body)
    assert open_failures(s3, BUCKET) == (first,)
    assert [each.run_id for each in asked("r2", KEYS, broken("orders", "17")).still] == ["r1"]


@pytest.mark.parametrize("body", DAMAGE)
def test_an_incomplete_object_is_rewritten_by_the_next_run_that_fails(asked, s3, body):
    s3.put_object(Bucket=BUCKET, Key=keys.check_failure(KEYS.name, "orders"), Body=body)
    assert open_failures(s3, BUCKET) == ()
    assert [each.run_id for each in asked("r2", KEYS, broken("orders", "17")).first] == ["r2"]
    assert len(open_failures(s3, BUCKET)) == 1
