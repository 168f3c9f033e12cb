from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledgerlake import keys
from ledgerlake.errors import BatchNotFound, DamagedControlObject
from ledgerlake.intake.deliveries import iso
from ledgerlake.planning import batch, by_date, control, lease, quarantine, stages
from ledgerlake.planning.by_date import Selection
from ledgerlake.planning.manifest import fault_of
from ledgerlake.planning.shapes import parse
from ledgerlake.settings import Settings

BUCKET = "lake"
NOW = "2025-04-01T12:00:00.000000Z"
BATCH = "20250401T120000Z-0123abcd"
ENTRY = {"batch_id": BATCH, "dataset": "orders", "source_file": "raw/orders/a.csv", "landed_at": NOW, "rows_read": 2}
DELIVERY = {"landed_at": NOW, "key": "raw/orders/a.csv", "version_id": "v", "dataset": "orders", "size": 1, "etag": "e"}
WHOLE = {
    control.LEASE: (keys.LEASE, {"holder": "airflow:live", "since": NOW, "expires_at": NOW}),
    control.OPEN_MARK: (keys.open_batch(BATCH), {"owner": "airflow:live"}),
    control.QUARANTINE_MARK: (
        keys.quarantined(BATCH),
        {"why": "too many rejects", "since": NOW, "opened": {"owner": "x"}},
    ),
    control.ACCEPTED_MARK: (keys.accepted(BATCH), {"at": NOW}),
    control.PUBLISHING_MARK: (keys.publishing("orders"), {"batch_id": BATCH, "attempt": "0a1b2c3d"}),
    control.MANIFEST: (
        keys.manifest(BATCH),
        {"batch_id": BATCH, "planned_at": NOW, "datasets": ["orders"], "deliveries": [DELIVERY]},
    ),
    control.STAGE_SUMMARY: (
        keys.stage_summary(BATCH, "orders"),
        {
            "attempt": "0a1b2c3d",
            "made_by": "code",
            "seen": {"orders": 3},
            "arrivals": [{"landed_at": NOW, "source_file": "raw/orders/a.csv", "delivery_id": "d"}],
            "entries": [ENTRY],
            "parking": ["d"],
            "replaced": 0,
            "touched": ["2025-04-01"],
            "unknown": {"raw/orders/a.csv": ["color"]},
        },
    ),
}
KINDS = pytest.mark.parametrize("kind", list(WHOLE), ids=lambda kind: kind.noun)
BODIES = [
    b"",
    b"\xff\xfe{}",
    b"not json",
    b"{",
    b"null",
    b"[]",
    b"{}",
    b'"text"',
    b"7",
    b"[" * 100_000,
    b'{"holder": NaN}',
    "\ufeff{}".encode(),
    "{}".encode("utf-16"),
]


def put(s3, key: str, body: bytes) -> None:
    s3.put_object(Bucket=BUCKET, Key=key, Body=body)


def later() -> datetime:
    return datetime.now(UTC) + timedelta(seconds=5)


def plan(s3) -> batch.Plan:
    return batch.plan(s3, BUCKET, Settings(gate="any"), later())


# --- the reader


@KINDS
def test_a_whole_control_object_is_read_as_it_is(s3, kind):
    key, value = WHOLE[kind]
    assert control.read(s3, BUCKET, kind, key) is None
    put(s3, key, json.dumps(value | {"of_a_later_release": [1]}).encode())
    found = control.read(s3, BUCKET, kind, key)
    assert (found.value, found.damage) == (value | {"of_a_later_release": [1]}, "")


@KINDS
@pytest.mark.parametrize("body", BODIES, ids=lambda body: ascii(body[:20]))
def test_a_damaged_control_object_is_an_error_that_names_object_fault_and_remedy(s3, kind, body):
    key, _ = WHOLE[kind]
    put(s3, key, body)
    with pytest.raises(DamagedControlObject) as raised:
        control.read(s3, BUCKET, kind, key)
    said = str(raised.value)
    assert said.startswith(f"s3://lake/{key}, {kind.noun}, cannot be read: ")
    assert "next step: " in said
    assert len(said) < 500


def _paths(value: object, path: tuple = ()):
    """Every place in the document."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, each in items:
        yield from _paths(each, (*path, name))


def _with(value, path: tuple, other, *, drop: bool):
    if not path:
        return other
    first, *rest = path
    copy = dict(value) if isinstance(value, dict) else list(value)
    if not rest and drop:
        del copy[first]
    else:
        copy[first] = _with(copy[first], tuple(rest), other, drop=drop)
    return copy


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@KINDS
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_is_damaged_the_reader_either_believes_the_shape_or_names_the_fault(kind, data):
    value = WHOLE[kind][1]
    path = data.draw(st.sampled_from(list(_paths(value))))
    damaged = _with(value, path, data.draw(json_values), drop=bool(path) and data.draw(st.booleans()))
    read, fault = parse(json.dumps(damaged).encode(), kind.shape)
    assert isinstance(fault, str)
    if not fault:
        assert set(read) >= {name for name in value if name not in ("opened",)}
        if kind is control.LEASE:
            assert lease.Lease(**control.fields_of(lease.Lease, read)).is_free(datetime.now(UTC)) in (True, False)
        if kind is control.MANIFEST:
            assert isinstance(fault_of(read, BATCH), str)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"holder": None}, "holder is None, not a text"),
        ({"holder": "\ud800"}, "not a text"),
        ({"since": "2025-04-01"}, "since is '2025-04-01', not 2025-04-02T08:00:00.000000Z"),
        ({"expires_at": "2025-04-01T00:00:00"}, "expires_at is"),
        ({"expires_at": "0001-01-01T00:00:00+23:59"}, "expires_at is"),
        ({"expires_at": 1743508800}, "expires_at is 1743508800, not a time like"),
    ],
)
def test_the_fault_says_which_field_has_which_value(s3, change, fault):
    put(s3, keys.LEASE, json.dumps(WHOLE[control.LEASE][1] | change).encode())
    with pytest.raises(DamagedControlObject) as raised:
        lease.show(s3, BUCKET)
    assert fault in str(raised.value)


@KINDS
def test_a_damaged_object_is_read_as_its_newest_version_that_is_whole(s3, kind, caplog):
    key, value = WHOLE[kind]
    for body in (b"older", json.dumps(value).encode(), b"not json", b""):
        put(s3, key, body)
    put(s3, f"{key}.bak", json.dumps(value).encode())
    found = control.read(s3, BUCKET, kind, key)
    assert found.value == value
    assert "it is empty" in found.damage
    assert found.etag == s3.head_object(Bucket=BUCKET, Key=key)["ETag"]
    assert "read as its newest version that is whole" in caplog.text


# --- the lease


def test_a_lease_that_is_damaged_while_it_is_held_stays_its_holders(s3):
    lease.acquire(s3, BUCKET, "one", 60)
    put(s3, keys.LEASE, b"")
    with pytest.raises(lease.LeaseTaken, match="one has been at work"):
        lease.acquire(s3, BUCKET, "two", 60)
    assert lease.acquire(s3, BUCKET, "one", 60).holder == "one"
    put(s3, keys.LEASE, b"{}")
    assert lease.release(s3, BUCKET, "one")
    assert lease.acquire(s3, BUCKET, "two", 60).holder == "two"


def test_a_lease_that_nobody_can_read_is_freed_by_overwriting_it(s3):
    put(s3, keys.LEASE, b"")
    for act in (lease.acquire, lease.release):
        with pytest.raises(DamagedControlObject, match="ledgerlake lease release --yes"):
            act(s3, BUCKET, "one", *([60] if act is lease.acquire else []))
    assert lease.overwrite(s3, BUCKET)
    assert lease.show(s3, BUCKET).holder == ""
    assert lease.acquire(s3, BUCKET, "one", 60).holder == "one"


def test_a_deleted_lease_is_free(s3):
    lease.acquire(s3, BUCKET, "one", 60)
    s3.delete_object(Bucket=BUCKET, Key=keys.LEASE)
    assert lease.acquire(s3, BUCKET, "two", 60).holder == "two"


# --- marks


@pytest.mark.parametrize("body", BODIES, ids=lambda body: ascii(body[:20]))
def test_a_damaged_mark_is_still_a_mark_and_its_batch_goes_on(s3, deliver, body):
    deliver("raw/orders/a.csv")
    made = plan(s3).batch
    forget(s3, keys.open_batch(made.batch_id))
    put(s3, keys.open_batch(made.batch_id), body)
    assert batch.owner_of(s3, BUCKET, made.batch_id) == ""
    assert (plan(s3).batch, plan(s3).resumed) == (made, True)
    quarantine.set_aside(s3, BUCKET, made.batch_id, "too many rejects")
    forget(s3, keys.quarantined(made.batch_id))
    put(s3, keys.quarantined(made.batch_id), body)
    (found,) = quarantine.quarantined(s3, BUCKET).values()
    assert found["why"] == "unknown (the mark is damaged)"
    assert found["since"][:10] == iso(datetime.now(UTC))[:10]
    assert plan(s3).reason == "only deliveries of quarantined batches wait"
    quarantine.accept(s3, BUCKET, made.batch_id)
    put(s3, keys.accepted(made.batch_id), body)
    assert quarantine.is_accepted(s3, BUCKET, made.batch_id)
    assert plan(s3).batch == made


def forget(s3, key: str) -> None:
    """Delete every version of it."""
    found = s3.list_object_versions(Bucket=BUCKET, Prefix=key)
    for each in found.get("Versions", []) + found.get("DeleteMarkers", []):
        s3.delete_object(Bucket=BUCKET, Key=key, VersionId=each["VersionId"])


def test_what_lies_beside_the_marks_is_no_batch(s3, deliver):
    for name in ("readme.txt", "x.json", "", "20250401T120000Z-0123abcd.json.bak", "a/20250401T120000Z-0123abcd.json"):
        put(s3, f"{keys.OPEN_BATCHES}{name}", b"")
        put(s3, f"{keys.QUARANTINED}{name}", b"")
    deliver("raw/orders/a.csv")
    assert batch.open_batches(s3, BUCKET) == []
    assert quarantine.quarantined(s3, BUCKET) == {}
    assert plan(s3).batch is not None


def test_a_deleted_open_mark_lets_the_files_be_planned_again(s3, deliver):
    deliver("raw/orders/a.csv")
    first = plan(s3).batch
    s3.delete_object(Bucket=BUCKET, Key=keys.open_batch(first.batch_id))
    again = plan(s3).batch
    assert {each.id for each in again.deliveries} == {each.id for each in first.deliveries}


# --- manifests


def damages(made: batch.Batch) -> dict[str, dict]:
    body = made.as_json()
    other = body["deliveries"][0] | {"key": "raw/orders/other.csv"}
    return {
        "no deliveries": body | {"deliveries": []},
        "no datasets": body | {"datasets": []},
        "a dataset less": body | {"datasets": ["products"]},
        "another dataset": body | {"datasets": [*body["datasets"], "customers"]},
        "another id": body | {"batch_id": BATCH},
        "one more": body | {"deliveries": [*body["deliveries"], other]},
        "one twice": body | {"deliveries": body["deliveries"] * 2},
        "one for another": body | {"deliveries": [other]},
        "later": body | {"deliveries": [body["deliveries"][0] | {"landed_at": NOW}]},
        "larger": body | {"deliveries": [body["deliveries"][0] | {"size": 999}]},
        "of another dataset": body | {"deliveries": [body["deliveries"][0] | {"dataset": "products"}]},
    }


DAMAGES = [
    "no deliveries", "no datasets", "a dataset less", "another dataset", "another id", "one more", "one twice",
    "one for another", "later", "larger", "of another dataset",
]  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_manifest_is_believed_only_if_its_digest_fits_its_id(s3, deliver, damage):
    deliver("raw/orders/a.csv")
    made = plan(s3).batch
    key = keys.manifest(made.batch_id)
    damaged = json.dumps(damages(made)[damage]).encode()
    put(s3, key, damaged)
    assert batch.load(s3, BUCKET, made.batch_id) == made  # as it was written first
    forget(s3, key)
    put(s3, key, damaged)
    with pytest.raises(DamagedControlObject, match=made.batch_id):
        batch.load(s3, BUCKET, made.batch_id)


def test_a_deleted_manifest_is_read_as_it_was(s3, deliver, caplog):
    deliver("raw/orders/a.csv")
    made = plan(s3).batch
    s3.delete_object(Bucket=BUCKET, Key=keys.manifest(made.batch_id))
    assert batch.load(s3, BUCKET, made.batch_id) == made
    assert "was deleted. It is read as it was." in caplog.text
    assert (plan(s3).batch, plan(s3).resumed) == (made, True)


def test_the_manifest_of_an_earlier_release_is_believed_by_the_digest_of_its_deliveries(s3, deliver):
    deliver("raw/orders/a.csv")
    made = plan(s3).batch
    old = f"20250401T120000Z-{sha256(made.deliveries[0].id.encode()).hexdigest()[:8]}"
    put(s3, keys.manifest(old), json.dumps(made.as_json() | {"batch_id": old}).encode())
    assert batch.load(s3, BUCKET, old).deliveries == made.deliveries
    put(s3, keys.manifest(old), json.dumps(made.as_json() | {"batch_id": old, "datasets": []}).encode())
    assert batch.load(s3, BUCKET, old).datasets == made.datasets


@pytest.mark.parametrize("body", [None, *BODIES], ids=lambda body: ascii(body and body[:20]))
def test_a_batch_whose_manifest_is_lost_is_set_aside_and_its_files_are_planned_anew(s3, deliver, body):
    deliver("raw/orders/a.csv")
    lost = plan(s3).batch
    forget(s3, keys.manifest(lost.batch_id))
    if body is not None:
        put(s3, keys.manifest(lost.batch_id), body)
    deliver("raw/orders/b.csv")
    made = plan(s3).batch
    assert [each.key for each in made.deliveries] == ["raw/orders/a.csv", "raw/orders/b.csv"]
    assert batch.open_batches(s3, BUCKET) == [made.batch_id]
    ((name, found),) = quarantine.quarantined(s3, BUCKET).items()
    assert name == lost.batch_id
    assert found["why"].startswith("its manifest is lost, what waits of it is planned again: ")
    assert keys.manifest(lost.batch_id) in found["why"]
    batch.close(s3, BUCKET, made.batch_id)
    quarantine.accept(s3, BUCKET, lost.batch_id)  # which changes nothing: it is set aside again
    assert plan(s3).batch.deliveries == made.deliveries


def test_a_run_by_date_whose_manifest_is_lost_plans_its_days_anew(s3, deliver):
    deliver("raw/orders/2025-04-01.csv")
    day = Selection(datetime(2025, 4, 1).date(), datetime(2025, 4, 1).date())
    first = by_date.plan(s3, BUCKET, Settings(gate="any"), day, "one", later()).batch
    forget(s3, keys.manifest(first.batch_id))
    again = by_date.plan(s3, BUCKET, Settings(gate="any"), day, "one", later()).batch
    assert again.deliveries == first.deliveries
    assert list(quarantine.quarantined(s3, BUCKET)) == [first.batch_id]


def test_a_name_that_never_was_a_batch_is_not_found(s3):
    with pytest.raises(BatchNotFound, match="no manifest"):
        batch.load(s3, BUCKET, BATCH)


# --- stages


@pytest.mark.parametrize("body", BODIES, ids=lambda body: ascii(body[:20]))
def test_a_damaged_summary_counts_as_no_stage(s3, body):
    key, value = WHOLE[control.STAGE_SUMMARY]
    put(s3, key, body)
    assert stages.summaries(s3, BUCKET, BATCH) == {}
    put(s3, key, json.dumps(value).encode())
    assert stages.summaries(s3, BUCKET, BATCH) == {"orders": value}
