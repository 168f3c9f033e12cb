"""Which deliveries belong to a day, and a batch of them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from ledgerlake import keys
from ledgerlake.archive.move import archive
from ledgerlake.errors import BatchNotFound, SelectionError
from ledgerlake.intake.deliveries import Delivery, waiting
from ledgerlake.planning import batch, by_date, quarantine
from ledgerlake.planning.by_date import Selection
from ledgerlake.settings import Settings
from ledgerlake.storage.objects import get_json

BUCKET = "lake"
FIRST, SECOND = date(2025, 4, 1), date(2025, 4, 2)
SETTINGS = Settings(gate="any")


def later() -> datetime:
    return datetime.now(UTC) + timedelta(seconds=5)


def plan(s3, selection: Selection, owner: str = "run") -> batch.Plan:
    return by_date.plan(s3, BUCKET, SETTINGS, selection, owner, later())


def archive_all(s3) -> batch.Batch:
    made = batch.plan(s3, BUCKET, SETTINGS, later()).batch
    archive(s3, BUCKET, made)
    batch.close(s3, BUCKET, made.batch_id)
    return made


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("2025-04-01.csv", FIRST),
        ("date=2025-04-01/part-0.csv", FIRST),
        ("2025/04/01/orders.csv", FIRST),
        ("orders_2025-04-01T08-00.csv.gz", FIRST),
        ("2025-03-31/sent-2025-04-01.csv", FIRST),
        ("2025-02-30.csv", date(2026, 1, 2)),
        ("12025-04-01.csv", date(2026, 1, 2)),
        ("2025-04/01.csv", date(2026, 1, 2)),
        ("orders.csv", date(2026, 1, 2)),
        ("20250401.csv", FIRST),
        ("orders_20250401T0800.csv", FIRST),
        ("dt=20250401/part-0.csv", FIRST),
        ("20250230.csv", date(2026, 1, 2)),
        ("202504011.csv", date(2026, 1, 2)),
        ("20250401080000.csv", date(2026, 1, 2)),
        ("10101010.csv", date(2026, 1, 2)),
        ("year=2025/month=04/day=01/x.csv", FIRST),
        ("Year=2025/month=4/day=1/hour=23/x.csv", FIRST),
        ("year=2025/month=04/region=eu/day=01/x.csv", FIRST),
        ("year=2025/month=02/day=30/x.csv", date(2026, 1, 2)),
        ("year=2025/month=04/x.csv", date(2026, 1, 2)),
        ("year=2024/month=12/day=31/of-20250401.csv", FIRST),
    ],
)
def test_a_deliverys_day_is_the_last_date_in_its_name_else_that_of_its_landing(name, expected):
    delivery = Delivery("2026-01-02T23:59:59.000000Z", f"raw/orders/{name}", "v", "orders", 1, "e")
    assert by_date.date_of(delivery) == expected


def test_an_archived_delivery_is_found_again_as_it_was_when_it_waited(s3, deliver):
    deliver("raw/orders/a b+ü/2025-04-01.csv")
    deliver("raw/orders/2025-04-02.csv")
    made = archive_all(s3)
    found = by_date.find(s3, BUCKET, Selection(FIRST, FIRST))
    assert found == tuple(each for each in made.deliveries if "04-01" in each.key)
    assert plan(s3, Selection(FIRST, SECOND)).batch.deliveries == made.deliveries


def test_the_archive_key_can_be_read_back(s3, deliver):
    key, landed = "raw/orders/2025/04/01.csv", "2025-04-02T08:00:00.000001Z"
    assert keys.archived_from(keys.archived(key, landed, "v")) == (key, landed, keys.delivery_id(key, "v"))
    assert keys.archived_from("archived/orders/somebody-elses.csv") is None


def test_a_backfill_takes_what_waits_and_what_is_archived_and_undated_files_along(s3, deliver):
    deliver("raw/orders/2025-04-01.csv")
    archive_all(s3)
    for key in ("raw/orders/2025-04-01-b.csv", "raw/products/products.csv", "raw/orders/2025-04-02.csv"):
        deliver(key)
    keys = [each.key for each in by_date.find(s3, BUCKET, Selection(FIRST, FIRST))]
    assert sorted(keys) == ["raw/orders/2025-04-01-b.csv", "raw/orders/2025-04-01.csv", "raw/products/products.csv"]
    only = by_date.find(s3, BUCKET, Selection(FIRST, FIRST, waiting=False))
    assert [each.key for each in only] == ["raw/orders/2025-04-01.csv"]
    assert by_date.find(s3, BUCKET, Selection(FIRST, FIRST, datasets=("order_items",))) == ()


def test_the_daily_sweep_takes_what_waits_up_to_its_day_and_nothing_archived(s3, deliver):
    deliver("raw/orders/2025-03-01.csv")
    archive_all(s3)
    for day in ("2025-03-31", "2025-04-01", "2025-04-02"):
        deliver(f"raw/orders/{day}.csv")
    deliver("raw/orders/today.csv")
    found = by_date.find(s3, BUCKET, Selection(FIRST, FIRST, older=True))
    assert sorted(each.key for each in found) == ["raw/orders/2025-03-31.csv", "raw/orders/2025-04-01.csv"]


def test_a_retried_plan_goes_on_with_the_batch_of_its_own_run_and_with_no_other(s3, deliver):
    deliver("raw/orders/2025-04-01.csv")
    first = plan(s3, Selection(FIRST, FIRST), "one")
    again = plan(s3, Selection(FIRST, FIRST), "one")
    assert (again.batch, again.resumed) == (first.batch, True)
    deliver("raw/orders/2025-04-02.csv")
    other = plan(s3, Selection(SECOND, SECOND), "two")
    assert [each.key for each in other.batch.deliveries] == ["raw/orders/2025-04-02.csv"]
    assert batch.owner_of(s3, BUCKET, other.batch.batch_id) == "two"


def test_a_manifest_says_who_planned_it_also_when_the_batch_is_closed(s3, deliver):
    deliver("raw/orders/2025-04-01.csv")
    made = plan(s3, Selection(FIRST, FIRST), "one").batch
    batch.close(s3, BUCKET, made.batch_id)
    assert get_json(s3, BUCKET, keys.manifest(made.batch_id))["owner"] == "one"
    assert batch.load(s3, BUCKET, made.batch_id) == made


def test_a_day_without_deliveries_is_an_ordinary_outcome(s3):
    assert plan(s3, Selection(FIRST, FIRST)).reason == "nothing of 2025-04-01 waits or is archived"


@pytest.mark.parametrize(
    "wrong",
    [
        {"first": SECOND, "last": FIRST},
        {"first": FIRST, "last": FIRST, "datasets": ("shoes",)},
        {"first": date(2000, 1, 1), "last": FIRST},
        {"first": FIRST, "last": FIRST, "waiting": False, "archived": False},
    ],
)
def test_a_selection_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(SelectionError, match="expected"):
        Selection(**wrong)


def test_what_landed_this_second_is_left_to_the_next_plan(s3, deliver):
    deliver("raw/orders/a.csv")
    made = batch.plan(s3, BUCKET, SETTINGS, datetime.now(UTC))
    assert made.batch is None
    assert "landed this second" in made.reason
    assert batch.plan(s3, BUCKET, SETTINGS, later()).batch is not None


def test_a_quarantined_batch_holds_up_nothing_and_its_files_are_in_no_other_batch(s3, deliver):
    deliver("raw/orders/bad.csv")
    bad = batch.plan(s3, BUCKET, SETTINGS, later()).batch
    quarantine.set_aside(s3, BUCKET, bad.batch_id, "too dirty")
    quarantine.set_aside(s3, BUCKET, bad.batch_id, "said twice")
    assert {name: body["why"] for name, body in quarantine.quarantined(s3, BUCKET).items()} == {
        bad.batch_id: "too dirty"
    }
    assert batch.plan(s3, BUCKET, SETTINGS, later()).reason == "only deliveries of quarantined batches wait"
    deliver("raw/orders/good.csv")
    good = batch.plan(s3, BUCKET, SETTINGS, later())
    assert ([each.key for each in good.batch.deliveries], good.resumed) == (["raw/orders/good.csv"], False)


def test_an_accepted_batch_is_open_again_and_goes_on(s3, deliver):
    deliver("raw/orders/bad.csv")
    bad = batch.plan(s3, BUCKET, SETTINGS, later()).batch
    quarantine.set_aside(s3, BUCKET, bad.batch_id, "too dirty")
    assert not quarantine.is_accepted(s3, BUCKET, bad.batch_id)
    quarantine.accept(s3, BUCKET, bad.batch_id)
    assert quarantine.is_accepted(s3, BUCKET, bad.batch_id)
    again = batch.plan(s3, BUCKET, SETTINGS, later())
    assert (again.batch, again.resumed) == (bad, True)
    assert batch.owner_of(s3, BUCKET, bad.batch_id) == batch.LIVE
    with pytest.raises(BatchNotFound, match="expected one that is: none is"):
        quarantine.accept(s3, BUCKET, bad.batch_id)


def two_versions_of_one_second(s3, deliver) -> tuple[Delivery, Delivery]:
    """The listing gives seconds, in which two versions differ by their order."""
    for number in range(10):
        key = f"raw/orders/{number}/2025-04-01.csv"
        ids = [deliver(key), deliver(key)]
        first, second = sorted(each for each in waiting(s3, BUCKET).deliveries if each.version_id in ids)
        if second.landed_at == first.landed_at.replace("000Z", "001Z"):
            return first, second
        for version in ids:
            s3.delete_object(Bucket=BUCKET, Key=key, VersionId=version)
    raise AssertionError("no two versions landed in one second")


def test_a_delivery_of_a_batch_that_stopped_while_it_was_archived_is_found_as_it_was_planned(s3, deliver):
    first, second = two_versions_of_one_second(s3, deliver)
    batch.make(s3, BUCKET, (first, second), "run", set(), later())
    s3.delete_object(Bucket=BUCKET, Key=first.key, VersionId=first.version_id)
    (left,) = waiting(s3, BUCKET).deliveries
    assert left != second, "of the listing alone it would be another"
    assert by_date.find(s3, BUCKET, Selection(FIRST, FIRST, archived=False)) == (second,)
