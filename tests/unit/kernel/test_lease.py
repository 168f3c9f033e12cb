from __future__ import annotations

import io
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from ledgerlake import keys
from ledgerlake.errors import LeaseTaken
from ledgerlake.intake.deliveries import from_iso
from ledgerlake.planning import lease

BUCKET = "lake"
NOON = datetime(2025, 4, 1, 12, tzinfo=UTC)


def test_one_holder_at_a_time_and_the_other_is_told_who_and_until_when(s3):
    lease.acquire(s3, BUCKET, "airflow:live", 60, NOON)
    with pytest.raises(LeaseTaken, match=r"airflow:live.*12:01:00.*ledgerlake lease release"):
        lease.acquire(s3, BUCKET, "step_functions:x", 60, NOON + timedelta(seconds=59))


def test_an_expired_lease_is_taken_over(s3):
    lease.acquire(s3, BUCKET, "airflow:live", 60, NOON)
    assert lease.acquire(s3, BUCKET, "other", 60, NOON + timedelta(seconds=61)).holder == "other"


def test_a_lease_ends_at_the_moment_it_names(s3):
    held = lease.acquire(s3, BUCKET, "airflow:live", 60, NOON)
    end = from_iso(held.expires_at)
    assert end == NOON + timedelta(seconds=60)
    with pytest.raises(LeaseTaken):
        lease.acquire(s3, BUCKET, "other", 60, end - timedelta(microseconds=1))
    assert lease.acquire(s3, BUCKET, "other", 60, end).holder == "other"


def test_a_lease_that_was_taken_over_is_not_given_back_by_its_old_holder(s3):
    lease.acquire(s3, BUCKET, "dead", 60, NOON)
    lease.acquire(s3, BUCKET, "other", 60, NOON + timedelta(seconds=61))
    assert not lease.release(s3, BUCKET, "dead")
    assert lease.show(s3, BUCKET).holder == "other"
    with pytest.raises(LeaseTaken):
        lease.acquire(s3, BUCKET, "dead", 60, NOON + timedelta(seconds=62))


def test_a_new_holder_has_it_since_now(s3):
    lease.acquire(s3, BUCKET, "first", 60, NOON)
    lease.release(s3, BUCKET, "first")
    assert lease.acquire(s3, BUCKET, "second", 60, NOON + timedelta(seconds=9)).since == "2025-04-01T12:00:09.000000Z"


def test_a_lease_that_was_never_taken_is_shown_as_none_and_cannot_be_released(s3):
    assert lease.show(s3, BUCKET) is None
    assert not lease.release(s3, BUCKET, "airflow:live")


def test_a_lease_that_was_given_back_has_no_holder(s3):
    lease.acquire(s3, BUCKET, "airflow:live", 60, NOON)
    lease.release(s3, BUCKET, "airflow:live")
    assert lease.show(s3, BUCKET).is_free(NOON)
    assert not lease.release(s3, BUCKET, "airflow:live")


def test_its_holder_renews_it_and_keeps_since_when_it_has_it(s3):
    first = lease.acquire(s3, BUCKET, "airflow:live", 60, NOON)
    later = lease.acquire(s3, BUCKET, "airflow:live", 60, NOON + timedelta(seconds=30))
    assert later.since == first.since
    assert later.expires_at > first.expires_at


def test_a_released_lease_is_free_and_a_stranger_cannot_release_it(s3):
    lease.acquire(s3, BUCKET, "airflow:live", 60, NOON)
    assert not lease.release(s3, BUCKET, "other")
    with pytest.raises(LeaseTaken):
        lease.acquire(s3, BUCKET, "other", 60, NOON)
    assert lease.release(s3, BUCKET, "airflow:live")
    assert lease.acquire(s3, BUCKET, "other", 60, NOON).holder == "other"
    assert lease.show(s3, BUCKET).holder == "other"


def test_of_two_who_try_at_once_one_is_refused(s3, monkeypatch):
    """The other writes between our look and our write."""
    lease.acquire(s3, BUCKET, "first", 1, NOON)
    look = lease._current

    def look_then_lose(*where):
        seen = look(*where)
        monkeypatch.setattr(lease, "_current", look)
        lease.acquire(s3, BUCKET, "quicker", 60, NOON + timedelta(seconds=5))
        return seen

    monkeypatch.setattr(lease, "_current", look_then_lose)
    with pytest.raises(LeaseTaken, match="at the same moment"):
        lease.acquire(s3, BUCKET, "slower", 60, NOON + timedelta(seconds=5))
    assert lease.show(s3, BUCKET).holder == "quicker"


def test_of_two_who_try_at_once_for_the_very_first_time_one_is_refused(s3, monkeypatch):
    look = lease._current

    def look_then_lose(*where):
        seen = look(*where)
        monkeypatch.setattr(lease, "_current", look)
        lease.acquire(s3, BUCKET, "quicker", 60, NOON)
        return seen

    monkeypatch.setattr(lease, "_current", look_then_lose)
    with pytest.raises(LeaseTaken, match="at the same moment"):
        lease.acquire(s3, BUCKET, "slower", 60, NOON)
    assert lease.show(s3, BUCKET).holder == "quicker"


@dataclass
class OneObject:
    """An S3 with one object, in which somebody else may act after any look."""

    body: bytes | None = None
    writes: int = 0
    after_look: list = field(default_factory=list)

    def get_object(self, **_):
        if self.body is None:
            seen = ClientError({"Error": {"Code": "NoSuchKey"}}, "GetObject")
        else:
            seen = {"Body": io.BytesIO(self.body), "ContentLength": len(self.body), "ETag": str(self.writes)}
        if self.after_look:
            self.after_look.pop()()
        if isinstance(seen, ClientError):
            raise seen
        return seen

    def put_object(self, Key, Body, IfMatch=None, IfNoneMatch=None, **_):  # noqa: N803
        assert Key == keys.LEASE
        there = None if self.body is None else str(self.writes)
        if (IfNoneMatch and there) or (IfMatch and IfMatch != there):
            raise ClientError({"Error": {"Code": "PreconditionFailed"}}, "PutObject")
        self.body, self.writes = Body, self.writes + 1


holders = st.sampled_from(["airflow:live", "airflow:by_date", "step_functions:x"])
actions = st.tuples(st.sampled_from(["acquire", "acquire", "release"]), holders)
steps = st.tuples(actions, st.none() | actions, st.sampled_from([0, 1, 59, 60, 61]))


@given(st.lists(steps, min_size=1, max_size=12))
def test_whoever_acts_between_a_look_and_a_write_nobody_shares_the_lake(script):
    """Each step is one action, perhaps another's between its look and its write, and some seconds passing."""
    s3, now, until = OneObject(), NOON, {}

    def act(what, who):
        if what == "release":
            if lease.release(s3, BUCKET, who):
                until.pop(who, None)
            return
        try:
            until[who] = from_iso(lease.acquire(s3, BUCKET, who, 60, now).expires_at)
        except LeaseTaken:
            return
        assert [name for name, end in until.items() if end > now] == [who]

    for (what, who), meanwhile, seconds in script:
        if meanwhile:
            s3.after_look.append(lambda other=meanwhile: act(*other))
        act(what, who)
        now += timedelta(seconds=seconds)
        assert len([name for name, end in until.items() if end > now]) <= 1
