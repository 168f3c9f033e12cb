"""Deliveries and batches, whatever producers, crashes and people do between: none is lost, none is mistaken."""

from __future__ import annotations

import os
import uuid
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import boto3
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ledgerlake import keys
from ledgerlake.archive.move import archive
from ledgerlake.errors import ArchiveError
from ledgerlake.intake.deliveries import Delivery, iso, waiting
from ledgerlake.planning import batch, by_date, quarantine
from ledgerlake.planning.by_date import Selection
from ledgerlake.settings import Settings

pytestmark = pytest.mark.timeout(3600)
LONG = os.environ.get("LAWS") == "long"
COMMON = settings(deadline=None, derandomize=not LONG, database=None, suppress_health_check=list(HealthCheck))
PURE = settings(COMMON, max_examples=20000 if LONG else 1000)
ON_S3 = settings(COMMON, max_examples=600 if LONG else 40)

ARCHIVE_LIKE = "20250402T080000.000000Z-0123456789abcdef0123"
NAME = st.text(st.characters(exclude_characters="/", exclude_categories=["Cs"]), min_size=1, max_size=8)
PART = st.one_of(NAME, st.sampled_from([ARCHIVE_LIKE, "date=2025-04-01", "", " ", "a+b", "ü.csv", "..", "%2F"]))
LANDED = st.datetimes(datetime(2, 1, 1), datetime(9999, 1, 1), timezones=st.just(UTC)).map(iso)
DELIVERIES = st.builds(
    lambda dataset, folders, name, landed, version: Delivery(
        landed, "/".join([f"raw/{dataset}", *folders, name]), version, dataset, 1, "etag"
    ),
    st.sampled_from(["products", "orders", "order_items"]),
    st.lists(PART, max_size=3),
    st.one_of(NAME, st.just(ARCHIVE_LIKE)),
    LANDED,
    st.sampled_from(["v1", "v2", "null"]),
)


@PURE
@given(DELIVERIES)
def test_an_archive_key_tells_its_delivery(delivery):
    assert keys.archived_from(delivery.archive_key) == (delivery.key, delivery.landed_at, delivery.id)
    listed = {"Key": delivery.archive_key, "Size": 1, "ETag": '"etag"'}
    assert by_date.from_archive(delivery.dataset, listed, delivery.version_id) == delivery


@PURE
@given(st.lists(DELIVERIES, unique=True, min_size=2, max_size=6))
def test_two_deliveries_never_share_an_archive_key(deliveries):
    assert len({delivery.archive_key for delivery in deliveries}) == len(deliveries)


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["put", "put", "delete"]), st.sampled_from(["a.csv", "a.csv", "b.csv"]), st.integers(0, 2)
    ),
    max_size=10,
)
"""What is done to which object, so many seconds after what was done before."""


class Listed:
    """S3's own answer to a listing by version: whole seconds, per key the newest first, in pages."""

    def __init__(self, events: list[tuple[str, str, int]], page: int) -> None:
        self.page = page
        self.entries: dict[str, list[dict]] = defaultdict(list)
        now = datetime(2025, 4, 1, tzinfo=UTC)
        for number, (what, name, later) in enumerate(events):
            now += timedelta(seconds=later)
            key = f"raw/orders/{name}"
            entry = {"Key": key, "VersionId": f"v{number}", "LastModified": now, "Size": 1, "ETag": '"e"'}
            self.entries[key].insert(0, entry | {"Deleted": what == "delete"})

    def get_paginator(self, _: str) -> Listed:
        return self

    def paginate(self, **_: str):
        every = [
            entry | {"IsLatest": not number}
            for key in sorted(self.entries)
            for number, entry in enumerate(self.entries[key])
        ]
        for start in range(0, len(every), self.page):
            page = every[start : start + self.page]
            yield {
                "Versions": [entry for entry in page if not entry["Deleted"]],
                "DeleteMarkers": [entry for entry in page if entry["Deleted"]],
            }


@PURE
@given(EVENTS, st.integers(1, 4))
def test_what_was_put_and_not_deleted_waits_and_in_the_order_of_its_arrival(events, page):
    """A version of the very second of a delete may be listed or not: S3 does not tell which came first."""
    listed = Listed(events, page)
    found = waiting(listed, "bucket").deliveries
    assert found == waiting(Listed(events, 100), "bucket").deliveries
    for key, newest_first in listed.entries.items():
        mine = [delivery.version_id for delivery in found if delivery.key == key]
        deletes = [number for number, entry in enumerate(newest_first) if entry["Deleted"]]
        since = newest_first[: deletes[0]] if deletes else newest_first
        surely = [entry["VersionId"] for entry in reversed(since)]
        second = newest_first[deletes[0]]["LastModified"] if deletes and deletes[0] else None
        perhaps = {e["VersionId"] for e in newest_first if not e["Deleted"] and e["LastModified"] == second}
        assert [version for version in mine if version in surely or version not in perhaps] == surely
        at = {entry["VersionId"]: entry["LastModified"] for entry in newest_first}
        assert all(each.landed_at[:19] == iso(at[each.version_id])[:19] for each in found if each.key == key)
    assert len({(delivery.key, delivery.landed_at) for delivery in found}) == len(found)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("deliver"), st.sampled_from(["orders/a.csv", "orders/a.csv", "products/2025-04-01.csv"])),
        st.tuples(st.just("plan"), st.just(0)),
        st.tuples(st.just("plan by date"), st.sampled_from(["monday", "tuesday"])),
        st.tuples(st.just("work"), st.integers(0, 2)),
        st.tuples(st.just("die while archiving"), st.integers(0, 2)),
        st.tuples(st.just("quarantine"), st.integers(0, 2)),
        st.tuples(st.just("accept"), st.integers(0, 2)),
    ),
    min_size=3,
    max_size=12,
)


def whole_seconds() -> object:
    """A client whose listings tell time in whole seconds, as those of S3 do."""
    s3 = boto3.client("s3")

    def cut(parsed: dict, **_: object) -> None:
        for entry in [*parsed.get("Versions", []), *parsed.get("DeleteMarkers", [])]:
            entry["LastModified"] = entry["LastModified"].replace(microsecond=0)

    s3.meta.events.register("after-call.s3.ListObjectVersions", cut)
    return s3


@dataclass
class Shop:
    """A bucket, and what was done to it. `planned` holds every batch that was ever planned."""

    s3: object = field(default_factory=whole_seconds)
    bucket: str = field(default_factory=lambda: f"batches-{uuid.uuid4().hex[:12]}")
    delivered: set[tuple[str, str]] = field(default_factory=set)
    planned: dict[str, batch.Batch] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)
    now: datetime = field(default_factory=lambda: datetime.now(UTC) + timedelta(hours=1))
    """Long after the second of every delivery; a plan takes its time."""

    def __post_init__(self) -> None:
        self.s3.create_bucket(Bucket=self.bucket)
        self.s3.put_bucket_versioning(Bucket=self.bucket, VersioningConfiguration={"Status": "Enabled"})

    def do(self, what: str, which) -> None:
        getattr(self, what.replace(" ", "_"))(which)

    def deliver(self, name: str) -> None:
        key = f"raw/{name}"
        put = self.s3.put_object(Bucket=self.bucket, Key=key, Body=f"{len(self.delivered)}".encode())
        self.delivered.add((key, put["VersionId"]))

    def plan(self, _: int) -> None:
        self._take(batch.plan(self.s3, self.bucket, Settings(gate="any"), self._later()))

    def plan_by_date(self, owner: str) -> None:
        today = datetime.now(UTC).date()
        selection = Selection(today - timedelta(days=1), today)
        if owner == "tuesday":
            selection = Selection(date(2025, 4, 1), date(2025, 4, 1))
        self._take(by_date.plan(self.s3, self.bucket, Settings(gate="any"), selection, owner, self._later()))

    def _later(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now

    def _take(self, plan: batch.Plan) -> None:
        if plan.batch:
            self.planned[plan.batch.batch_id] = plan.batch

    def work(self, which: int) -> None:
        """What is left of a run after its jobs: archive, acknowledge."""
        if chosen := self._open(which):
            archive(self.s3, self.bucket, chosen)
            batch.close(self.s3, self.bucket, chosen.batch_id)
            self.done.add(chosen.batch_id)

    def die_while_archiving(self, which: int) -> None:
        if chosen := self._open(which):
            alive = iter([True])
            with pytest.raises(ArchiveError) if len(chosen.deliveries) > 1 else _nothing():
                archive(self.s3, self.bucket, chosen, time_left=lambda: next(alive, False))

    def quarantine(self, which: int) -> None:
        if chosen := self._open(which):
            quarantine.set_aside(self.s3, self.bucket, chosen.batch_id, "too many rejects")

    def accept(self, which: int) -> None:
        held = sorted(quarantine.quarantined(self.s3, self.bucket))
        if which < len(held):
            quarantine.accept(self.s3, self.bucket, held[which])

    def _open(self, which: int) -> batch.Batch | None:
        there = batch.open_batches(self.s3, self.bucket)
        return batch.load(self.s3, self.bucket, there[which]) if which < len(there) else None

    def drain(self) -> None:
        """Run after run, as the live pipeline does, after a person has let through what was set aside."""
        for _ in range(30):
            self.accept(0)
            self.plan(0)
            if not batch.open_batches(self.s3, self.bucket):
                return
            self.work(0)
        raise AssertionError("the runs find no end")


class _nothing:  # noqa: N801
    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


@ON_S3
@example(
    [("deliver", "orders/a.csv")] * 2
    + [("plan", 0), ("die while archiving", 0), ("plan by date", "monday"), ("work", 1), ("work", 0)]
)
@given(STEPS)
def test_every_delivery_is_processed_and_archived_once_whatever_runs_died_or_overlapped(s3_endpoint, steps):
    shop = Shop()
    for what, which in steps:
        shop.do(what, which)
    shop.drain()
    assert waiting(shop.s3, shop.bucket).deliveries == ()
    entries = shop.s3.list_objects_v2(Bucket=shop.bucket, Prefix=keys.ARCHIVED).get("Contents", [])
    heads = [shop.s3.head_object(Bucket=shop.bucket, Key=entry["Key"])["Metadata"] for entry in entries]
    assert sorted((head["raw-key"], head["version-id"]) for head in heads) == sorted(shop.delivered)
    in_batches = [each for one in shop.planned.values() if one.batch_id in shop.done for each in one.deliveries]
    assert {(each.key, each.version_id) for each in in_batches} == shop.delivered
    assert {each.archive_key for each in in_batches} == {entry["Key"] for entry in entries}
