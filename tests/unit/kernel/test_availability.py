"""The wait for `raw/` to settle, with a clock of its own."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ledgerlake.contracts import DATASETS
from ledgerlake.intake.deliveries import Waiting, iso, waiting
from ledgerlake.planning import availability, batch, quarantine
from ledgerlake.settings import Settings

BUCKET = "lake"
SETTINGS = Settings(settle_seconds=30, max_wait_seconds=600, gate="any")


class Clock:
    """Stands still but for sleeps; something may happen in each."""

    def __init__(self, events=()):
        self.time = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)
        self.slept, self.events = [], list(events)

    def now(self):
        return self.time

    def sleep(self, seconds):
        assert seconds > 0
        self.slept.append(seconds)
        self.time += timedelta(seconds=seconds)
        if self.events:
            self.events.pop(0)()


def wait(s3, clock, seconds=600, settings=SETTINGS):
    return availability.wait_until_quiet(s3, BUCKET, settings, seconds, now=clock.now, sleep=clock.sleep)


def test_an_empty_raw_is_settled(s3):
    clock = Clock()
    assert wait(s3, clock)
    assert clock.slept == []


def test_it_waits_until_nothing_has_landed_for_the_settle_time(s3, deliver):
    deliver("raw/orders/a.csv")
    clock = Clock()
    assert wait(s3, clock)
    assert 27 <= sum(clock.slept) <= 30
    assert len(clock.slept) <= 2


def test_a_file_that_lands_meanwhile_prolongs_the_wait_but_not_beyond_the_longest_one(s3, deliver, monkeypatch):
    landed = []
    clock = Clock()
    found = availability.waiting

    def landing(*args):
        """A file lands in every look."""
        landed.append(deliver(f"raw/orders/{len(landed)}.csv"))
        whole = found(*args)
        now = iso(clock.now() - timedelta(seconds=1))
        late = (replace(each, landed_at=now) if each.version_id == landed[-1] else each for each in whole.deliveries)
        return Waiting(tuple(sorted(late)))

    monkeypatch.setattr(availability, "waiting", landing)
    assert wait(s3, clock, seconds=10_000)
    assert 590 <= sum(clock.slept) <= 601
    assert len(landed) > 10


def test_its_own_time_may_run_out_first(s3, deliver):
    deliver("raw/orders/a.csv")
    clock = Clock()
    assert not wait(s3, clock, seconds=7)
    assert sum(clock.slept) == 7


def test_without_time_it_does_not_wait_at_all(s3, deliver):
    deliver("raw/orders/a.csv")
    clock = Clock()
    assert not wait(s3, clock, seconds=0)
    assert clock.slept == []


def test_without_a_settle_time_it_waits_until_a_plan_would_take_something(s3, deliver):
    deliver("raw/orders/a.csv")
    (delivery,) = waiting(s3, BUCKET).deliveries
    clock = Clock()
    assert wait(s3, clock, settings=Settings(settle_seconds=0))
    assert batch.is_final(delivery, clock.now())
    assert 1 <= len(clock.slept) <= 3


def test_an_open_batch_is_gone_on_with_at_once(s3, deliver):
    deliver("raw/orders/a.csv")
    batch.make(s3, BUCKET, waiting(s3, BUCKET).deliveries, "x", set(), datetime.now(UTC))
    deliver("raw/orders/b.csv")
    clock = Clock()
    assert wait(s3, clock)
    assert clock.slept == []


@pytest.fixture
def quarantined(s3, deliver):
    deliver("raw/orders/bad.csv")
    made = batch.make(s3, BUCKET, waiting(s3, BUCKET).deliveries, "x", set(), datetime.now(UTC))
    quarantine.set_aside(s3, BUCKET, made.batch_id, "too many rejects")


def test_a_quarantined_file_does_not_count(s3, quarantined):
    clock = Clock()
    assert wait(s3, clock)
    assert clock.slept == []
    assert availability.left_behind(s3, BUCKET, SETTINGS, None) == ()


def test_a_quarantined_file_that_waits_for_long_does_not_cut_the_next_burst(s3, deliver, quarantined, monkeypatch):
    deliver("raw/orders/good.csv")
    clock = Clock()
    found = availability.waiting

    def long_ago(*args):
        each_of = found(*args).deliveries
        old = iso(clock.now() - timedelta(days=1))
        return Waiting(tuple(replace(each, landed_at=old) if "bad" in each.key else each for each in each_of))

    monkeypatch.setattr(availability, "waiting", long_ago)
    assert wait(s3, clock)
    assert 27 <= sum(clock.slept) <= 30


@pytest.mark.parametrize(("gate", "left"), [("any", 1), ("loaded", 0), ("delivered", 0)])
def test_what_waits_for_the_gate_is_not_left_behind(s3, deliver, gate, left):
    deliver("raw/orders/a.csv")
    assert len(availability.left_behind(s3, BUCKET, Settings(gate=gate), None)) == left


def test_what_is_in_the_batch_is_not_left_behind_and_later_ones_are(s3, deliver):
    for name in DATASETS:
        deliver(f"lakehouse-dwh/{name}/_delta_log/0.json")
    deliver("raw/orders/a.csv")
    made = batch.make(s3, BUCKET, waiting(s3, BUCKET).deliveries, "x", set(), datetime.now(UTC))
    version = deliver("raw/orders/a.csv", b"later")
    (left,) = availability.left_behind(s3, BUCKET, Settings(), made.batch_id)
    assert left.version_id == version
