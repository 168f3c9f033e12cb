from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledgerlake import keys
from ledgerlake.intake.deliveries import Delivery, from_iso, iso, waiting
from ledgerlake.intake.raw_keys import dataset_of

BUCKET = "lake"
NOON = datetime(2025, 4, 1, 12, tzinfo=UTC)


class Listing:
    """An S3 whose listing by version has the given pages, with the times that a real one would not wait for."""

    def __init__(self, *pages):
        self.pages = [{"Versions": [e for e in page if "Size" in e],
                       "DeleteMarkers": [e for e in page if "Size" not in e]} for page in pages]  # fmt: skip

    def get_paginator(self, name):
        assert name == "list_object_versions"
        return self

    def paginate(self, **_):
        return self.pages


def version(key: str, name: str, landed: datetime, **changes) -> dict:
    """One version of `raw/orders/<key>.csv`."""
    given = {"VersionId": name, "LastModified": landed, "IsLatest": False, "Size": 1, "ETag": '"e"'}
    return {"Key": f"raw/orders/{key}.csv", **given, **changes}


def marker(key: str, deleted: datetime, *, latest: bool) -> dict:
    return {"Key": f"raw/orders/{key}.csv", "VersionId": "gone", "LastModified": deleted, "IsLatest": latest}


def found_in(*pages) -> list[tuple[str, str]]:
    return [(each.version_id, each.landed_at) for each in waiting(Listing(*pages), BUCKET).deliveries]


@pytest.mark.slow
def test_a_listing_of_many_pages_is_read_to_its_end(s3, deliver):
    for number in range(1005):
        deliver(f"raw/orders/{number:05}.csv")
    assert len(waiting(s3, BUCKET).deliveries) == 1005


def test_a_key_whose_versions_lie_on_two_pages_is_one_key():
    """Versions of one second differ by a microsecond each, the older first."""
    first = [version("a", "v3", NOON, IsLatest=True), version("a", "v2", NOON)]
    second = [version("a", "v1", NOON), version("b", "v1", NOON, IsLatest=True)]
    assert found_in(first, second) == [
        ("v1", "2025-04-01T12:00:00.000000Z"),
        ("v1", "2025-04-01T12:00:00.000000Z"),
        ("v2", "2025-04-01T12:00:00.000001Z"),
        ("v3", "2025-04-01T12:00:00.000002Z"),
    ]


def test_versions_that_landed_seconds_apart_keep_their_own_times():
    later = NOON + timedelta(seconds=5)
    assert found_in([version("a", "v2", later), version("a", "v1", NOON)]) == [
        ("v1", "2025-04-01T12:00:00.000000Z"),
        ("v2", "2025-04-01T12:00:05.000000Z"),
    ]


def test_a_delete_takes_back_what_landed_before_it_and_not_what_came_after():
    before, after = NOON - timedelta(seconds=9), NOON + timedelta(seconds=9)
    entries = [version("a", "after", after, IsLatest=True), version("a", "before", before)]
    assert [name for name, _ in found_in([*entries, marker("a", NOON, latest=False)])] == ["after"]


def test_a_delete_takes_back_versions_that_lie_on_another_page():
    pages = [marker("a", NOON, latest=True)], [version("a", "v1", NOON - timedelta(seconds=9))]
    assert found_in(*pages) == []


def test_of_several_deletes_the_last_one_counts():
    entries = [version("a", "v2", NOON), version("a", "v1", NOON - timedelta(seconds=9))]
    deletes = [marker("a", NOON + timedelta(seconds=n), latest=False) for n in (1, -5)]
    assert found_in([*entries, *deletes]) == []


def test_within_the_second_of_an_older_delete_a_version_counts_as_delivered():
    assert [name for name, _ in found_in([version("a", "v1", NOON), marker("a", NOON, latest=False)])] == ["v1"]


def test_a_delivery_knows_its_size_and_its_etag_without_quotes(s3, deliver):
    name = deliver("raw/orders/a.csv", b"12345")
    (found,) = waiting(s3, BUCKET).deliveries
    assert (found.version_id, found.size) == (name, 5)
    assert found.etag == s3.head_object(Bucket=BUCKET, Key="raw/orders/a.csv")["ETag"].strip('"')
    assert '"' not in found.etag


def test_a_delivery_is_the_same_after_a_manifest(s3, deliver):
    deliver("raw/orders/a b+ü.csv")
    (found,) = waiting(s3, BUCKET).deliveries
    assert Delivery(**found.as_json()) == found
    assert Delivery(**found.as_json()).id == keys.delivery_id(found.key, found.version_id)


def test_a_folder_belongs_to_the_dataset_of_just_that_name():
    assert dataset_of("raw/orders/a.csv") == "orders"
    assert dataset_of("raw/order_items/a.csv") == "order_items"
    assert dataset_of("raw/orders_old/a.csv") is None
    assert dataset_of("raw/orders") is None


def test_only_raw_is_listed(s3, deliver):
    deliver("archived/orders/a.csv")
    deliver("raw2/orders/a.csv")
    assert waiting(s3, BUCKET) == waiting(Listing([]), BUCKET)


def test_a_stray_that_was_deleted_is_told_no_more(s3, deliver):
    deliver("raw/readme.txt")
    s3.delete_object(Bucket=BUCKET, Key="raw/readme.txt")
    assert waiting(s3, BUCKET).strays == ()


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


def test_the_oldest_delivery_comes_first_and_the_key_decides_within_a_moment():
    old, new = NOON, NOON + timedelta(seconds=1)
    pages = [version("a", "a-new", new), version("b", "b-old", old)], [version("c", "c-old", old)]
    assert [name for name, _ in found_in(*pages)] == ["b-old", "c-old", "a-new"]


@given(st.datetimes(min_value=datetime(1, 1, 3), max_value=datetime(9999, 12, 29), timezones=st.timezones()))
def test_times_keep_their_microseconds_and_their_order_as_text(moment):
    assert from_iso(iso(moment)) == moment.astimezone(UTC)


@given(st.text(min_size=1), st.text(min_size=1), st.text(min_size=1), st.text(min_size=1))
def test_two_versions_never_share_an_id_and_one_version_always_has_the_same(key, version, other, again):
    assert keys.delivery_id(key, version) == keys.delivery_id(key, version)
    if (key, version) != (other, again) and "\n" not in key + other:
        assert keys.delivery_id(key, version) != keys.delivery_id(other, again)


def test_a_name_that_is_too_long_for_the_archive_is_told_as_a_stray_and_left_where_it_is(s3, deliver):
    """S3 takes keys of 1024 bytes, and the archive's is longer than the raw one."""
    longest = "raw/orders/" + "é" * 480 + "abc"
    assert len(longest.encode()) == keys.LONGEST_RAW_KEY
    deliver(longest)
    deliver(longest + "d")
    found = waiting(s3, BUCKET)
    assert [each.key for each in found.deliveries] == [longest]
    assert len(found.deliveries[0].archive_key.encode()) == 1024
    assert found.strays == (longest + "d",)
