from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledgerlake import places
from ledgerlake.deliveries import from_iso, iso, waiting

BUCKET = "lake"


def test_a_listing_of_many_pages_is_read_to_its_end(s3, deliver):
    for number in range(1005):
        deliver(f"raw/orders/{number:05}.csv")
    assert len(waiting(s3, BUCKET).deliveries) == 1005


def test_an_object_that_was_overwritten_while_it_waited_is_two_deliveries_in_order(s3, deliver):
    first, second = deliver("raw/orders/a.csv", b"1"), deliver("raw/orders/a.csv", b"22")
    found = waiting(s3, BUCKET).deliveries
    assert [(each.version_id, each.size) for each in found] == [(first, 1), (second, 2)]
    assert found[0].landed_at < found[1].landed_at
    assert found[0].archive_key != found[1].archive_key


def test_what_its_producer_deleted_is_no_delivery_but_what_came_after_is(s3, deliver):
    deliver("raw/orders/gone.csv")
    s3.delete_object(Bucket=BUCKET, Key="raw/orders/gone.csv")
    deliver("raw/orders/kept.csv")
    assert [each.key for each in waiting(s3, BUCKET).deliveries] == ["raw/orders/kept.csv"]
    again = deliver("raw/orders/gone.csv")
    assert again in [each.version_id for each in waiting(s3, BUCKET).deliveries]


@pytest.mark.parametrize("name", ["a b.csv", "a+b.csv", "über größe.csv", "2025/04/01/x.csv.gz", "a%20b.csv"])
def test_any_key_is_a_delivery_of_the_folder_it_lies_in(s3, deliver, name):
    deliver(f"raw/orders/{name}")
    (found,) = waiting(s3, BUCKET).deliveries
    assert (found.dataset, found.key) == ("orders", f"raw/orders/{name}")
    assert found.archive_key.startswith("archived/orders/")
    assert found.archive_key.endswith(f"/{name.rpartition('/')[2]}")


def test_folder_markers_are_nothing_and_strays_are_told(s3, deliver):
    deliver("raw/orders/", b"")
    deliver("raw/readme.txt")
    deliver("raw/order/typo.csv")
    found = waiting(s3, BUCKET)
    assert found.deliveries == ()
    assert found.strays == ("raw/order/typo.csv", "raw/readme.txt")


def test_the_oldest_delivery_comes_first_and_the_key_decides_within_a_moment(s3, deliver):
    deliver("raw/orders/b.csv")
    deliver("raw/orders/a.csv")
    found = waiting(s3, BUCKET).deliveries
    assert list(found) == sorted(found, key=lambda each: (each.landed_at, each.key))


@given(st.datetimes(min_value=datetime(1, 1, 3), max_value=datetime(9999, 12, 29), timezones=st.timezones()))
def test_times_keep_their_microseconds_and_their_order_as_text(moment):
    assert from_iso(iso(moment)) == moment.astimezone(UTC)


@given(st.text(min_size=1), st.text(min_size=1), st.text(min_size=1), st.text(min_size=1))
def test_two_versions_never_share_an_id_and_one_version_always_has_the_same(key, version, other, again):
    assert places.delivery_id(key, version) == places.delivery_id(key, version)
    if (key, version) != (other, again) and "\n" not in key + other:
        assert places.delivery_id(key, version) != places.delivery_id(other, again)
