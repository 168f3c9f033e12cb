from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ledgerlake import lease
from ledgerlake.errors import LeaseTaken

BUCKET = "lake"
NOON = datetime(2025, 4, 1, 12, tzinfo=UTC)


def test_one_holder_at_a_time_and_the_other_is_told_who_and_until_when(s3):
    lease.acquire(s3, BUCKET, "airflow:live", 60, NOON)
    with pytest.raises(LeaseTaken, match=r"airflow:live.*12:01:00.*ledgerlake lease release"):
        lease.acquire(s3, BUCKET, "step_functions:x", 60, NOON + timedelta(seconds=59))


def test_an_expired_lease_is_taken_over(s3):
    lease.acquire(s3, BUCKET, "airflow:live", 60, NOON)
    assert lease.acquire(s3, BUCKET, "other", 60, NOON + timedelta(seconds=61)).holder == "other"


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
    look = lease.get_json_and_etag

    def look_then_lose(*where):
        seen = look(*where)
        monkeypatch.setattr(lease, "get_json_and_etag", look)
        lease.acquire(s3, BUCKET, "quicker", 60, NOON + timedelta(seconds=5))
        return seen

    monkeypatch.setattr(lease, "get_json_and_etag", look_then_lose)
    with pytest.raises(LeaseTaken, match="at the same moment"):
        lease.acquire(s3, BUCKET, "slower", 60, NOON + timedelta(seconds=5))
    assert lease.show(s3, BUCKET).holder == "quicker"
