"""ArchiveETLFiles moves, never loses: on a versioned bucket, through the handler."""

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import boto3
import pytest
from botocore.exceptions import ClientError

from ledgerlake.archive.move import Archived
from ledgerlake.errors import ArchiveError, BatchNotFound, NotPublished
from ledgerlake.intake.deliveries import waiting
from ledgerlake.planning import batch as batches
from ledgerlake.settings import Settings
from local.aws.step_functions_limits import LIMIT
from tests.published import publish

BUCKET = "lake"
PLENTY = SimpleNamespace(get_remaining_time_in_millis=lambda: 900_000)


def deliver(s3, key, body=b"order_id\n1\n", **extra):
    return s3.put_object(Bucket=BUCKET, Key=key, Body=body, **extra)["VersionId"]


def plan(s3):
    """What waits, planned when nothing more can land in its second, and published."""
    batch = batches.plan(s3, BUCKET, Settings(gate="any"), datetime.now(UTC) + timedelta(seconds=5)).batch
    publish(s3, BUCKET, batch)
    return batch


def bodies(s3, prefix):
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
    keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
    return {key: s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys}


def run(module, batch, context=PLENTY):
    return module.handler({"batch_id": batch.batch_id}, context)


def client_whose_copies(monkeypatch, change):
    """Every client made from now on copies by `change(client, copy_object, **request)`."""
    make = boto3.client

    def made(*args, **kwargs):
        client = make(*args, **kwargs)
        copy = client.copy_object
        monkeypatch.setattr(client, "copy_object", lambda **request: change(client, copy, **request))
        return client

    monkeypatch.setattr(boto3, "client", made)


def test_the_batch_is_moved_byte_for_byte(s3, archive_etl_files):
    body = b"\xef\xbb\xbforder_id\r\n\x00\xff\r\n"
    deliver(s3, "raw/orders/2025/04/Fr\u00fchling & co+1.csv", body, ContentType="text/csv", Metadata={"by": "shop"})
    batch = plan(s3)
    assert run(archive_etl_files, batch) == {
        "batch_id": batch.batch_id,
        "archived": 1,
        "already_there": 0,
        "bytes": len(body),
        "missing": [],
        "missing_count": 0,
        "requests": {"writes": 1 + 3, "reads": 3 + 4},  # the second of each for the evidence,
    }
    (delivery,) = batch.deliveries
    assert bodies(s3, "archived/") == {delivery.archive_key: body}
    assert waiting(s3, BUCKET).deliveries == ()


def test_the_copy_says_where_it_comes_from_and_keeps_what_the_producer_said(s3, archive_etl_files):
    version = deliver(s3, "raw/orders/\u00fc.csv", ContentType="text/csv", Metadata={"by": "shop"})
    batch = plan(s3)
    run(archive_etl_files, batch)
    head = s3.head_object(Bucket=BUCKET, Key=batch.deliveries[0].archive_key)
    assert head["ContentType"] == "text/csv"
    assert head["Metadata"] == {
        "by": "shop",
        "raw-key": "raw/orders/%C3%BC.csv",
        "version-id": version,
        "landed-at": batch.deliveries[0].landed_at,
        "batch-id": batch.batch_id,
    }


def test_only_what_the_manifest_names_is_moved(s3, archive_etl_files):
    deliver(s3, "raw/orders/a.csv")
    batch = plan(s3)
    deliver(s3, "raw/orders/b.csv", b"came later")
    deliver(s3, "raw/orders/a.csv", b"overwritten later")
    run(archive_etl_files, batch)
    assert [each.key for each in waiting(s3, BUCKET).deliveries] == ["raw/orders/a.csv", "raw/orders/b.csv"]
    assert bodies(s3, "raw/") == {"raw/orders/a.csv": b"overwritten later", "raw/orders/b.csv": b"came later"}


def test_two_versions_of_one_name_are_kept_apart(s3, archive_etl_files):
    deliver(s3, "raw/orders/a.csv", b"first")
    deliver(s3, "raw/orders/a.csv", b"second")
    batch = plan(s3)
    assert run(archive_etl_files, batch)["archived"] == 2
    assert sorted(bodies(s3, "archived/").values()) == [b"first", b"second"]
    assert waiting(s3, BUCKET).deliveries == ()


@pytest.mark.parametrize("body", [b"x", b"order_id\n2\n"], ids=["shorter", "same size"])
def test_a_corrupted_copy_leaves_the_raw_object_and_the_next_try_mends_it(s3, archive_etl_files, monkeypatch, body):
    deliver(s3, "raw/orders/a.csv")
    deliver(s3, "raw/orders/b.csv")
    batch = plan(s3)

    def corrupt_a(client, copy, *, CopySource, Key, Metadata, **request):  # noqa: N803
        if CopySource["Key"].endswith("a.csv"):
            return client.put_object(Bucket=BUCKET, Key=Key, Body=body, Metadata=Metadata)
        return copy(CopySource=CopySource, Key=Key, Metadata=Metadata, **request)

    with monkeypatch.context() as patched:
        client_whose_copies(patched, corrupt_a)
        with pytest.raises(ArchiveError, match=r"1 of 2 deliveries .* raw/orders/a\.csv .*differs"):
            run(archive_etl_files, batch)
    assert bodies(s3, "raw/") == {"raw/orders/a.csv": b"order_id\n1\n"}
    assert run(archive_etl_files, batch)["archived"] == 1
    assert bodies(s3, "raw/") == {}
    assert set(bodies(s3, "archived/").values()) == {b"order_id\n1\n"}


def test_equal_bytes_are_enough_where_etags_and_checksums_say_nothing(s3, archive_etl_files, monkeypatch):
    """As with KMS, or after a copy in parts."""
    deliver(s3, "raw/orders/a.csv")
    batch = plan(s3)

    def in_parts(client, copy, *, CopySource, Key, Metadata, **request):  # noqa: N803
        upload = client.create_multipart_upload(Bucket=BUCKET, Key=Key, Metadata=Metadata)["UploadId"]
        part = client.upload_part_copy(Bucket=BUCKET, Key=Key, UploadId=upload, PartNumber=1, CopySource=CopySource)[
            "CopyPartResult"
        ]
        parts = [{"PartNumber": 1, "ETag": part["ETag"]}]
        whole = {"Bucket": BUCKET, "Key": Key, "UploadId": upload, "MultipartUpload": {"Parts": parts}}
        return {"CopyObjectResult": {"ETag": client.complete_multipart_upload(**whole)["ETag"]}}

    client_whose_copies(monkeypatch, in_parts)
    assert run(archive_etl_files, batch)["archived"] == 1
    assert s3.head_object(Bucket=BUCKET, Key=batch.deliveries[0].archive_key)["ETag"].endswith('-1"')


def test_a_retry_finds_its_own_copies_and_goes_on(s3, archive_etl_files):
    for name in "abcd":
        deliver(s3, f"raw/orders/{name}.csv", name.encode())
    batch = plan(s3)
    moved, copied, *_ = batch.deliveries
    for each in (moved, copied):
        source = {"Bucket": BUCKET, "Key": each.key, "VersionId": each.version_id}
        mine = {"version-id": each.version_id}
        s3.copy_object(
            CopySource=source, Bucket=BUCKET, Key=each.archive_key, Metadata=mine, MetadataDirective="REPLACE"
        )
    s3.delete_object(Bucket=BUCKET, Key=moved.key, VersionId=moved.version_id)
    assert run(archive_etl_files, batch) == {
        "batch_id": batch.batch_id,
        "archived": 2,
        "already_there": 2,
        "bytes": 2,
        "missing": [],
        "missing_count": 0,
        "requests": {"writes": 2 + 3, "reads": 9 + 4},
    }
    assert sorted(bodies(s3, "archived/").values()) == [b"a", b"b", b"c", b"d"]
    assert bodies(s3, "raw/") == {}


def test_archiving_twice_changes_nothing(s3, archive_etl_files):
    deliver(s3, "raw/orders/a.csv")
    batch = plan(s3)
    run(archive_etl_files, batch)
    before = s3.list_object_versions(Bucket=BUCKET, Prefix="archived/")["Versions"]
    assert run(archive_etl_files, batch)["already_there"] == 1
    assert s3.list_object_versions(Bucket=BUCKET, Prefix="archived/")["Versions"] == before


def test_a_foreign_object_at_the_place_is_never_overwritten(s3, archive_etl_files):
    deliver(s3, "raw/orders/a.csv")
    deliver(s3, "raw/orders/b.csv")
    batch = plan(s3)
    place = batch.deliveries[0].archive_key
    s3.put_object(Bucket=BUCKET, Key=place, Body=b"somebody else's")
    with pytest.raises(ArchiveError, match=r"1 of 2 deliveries .* is another object"):
        run(archive_etl_files, batch)
    assert bodies(s3, "archived/")[place] == b"somebody else's"
    assert list(bodies(s3, "raw/")) == ["raw/orders/a.csv"]


def test_a_version_that_somebody_deleted_is_reported_and_the_others_are_moved(s3, archive_etl_files):
    deliver(s3, "raw/orders/a.csv")
    version = deliver(s3, "raw/orders/b.csv")
    batch = plan(s3)
    s3.delete_object(Bucket=BUCKET, Key="raw/orders/b.csv", VersionId=version)
    answer = run(archive_etl_files, batch)
    assert (answer["archived"], answer["already_there"], answer["missing"]) == (1, 0, ["raw/orders/b.csv"])
    assert len(bodies(s3, "archived/")) == 1
    again = run(archive_etl_files, batch)
    assert (again["archived"], again["already_there"], again["missing"]) == (0, 1, ["raw/orders/b.csv"])


def test_of_thousands_of_deleted_files_ten_are_named_and_all_are_counted(s3, archive_etl_files, monkeypatch):
    deliver(s3, "raw/orders/a.csv")
    batch = plan(s3)
    gone = tuple(f"raw/orders/{number:04}" + 400 * "\u00fc" for number in range(5000))
    monkeypatch.setattr(archive_etl_files, "archive", lambda *_, **__: Archived(1, 0, 9, gone))
    answer = run(archive_etl_files, batch)
    assert (answer["missing"], answer["missing_count"]) == (list(gone[:10]), 5000)
    assert len(json.dumps(answer)) < LIMIT


def test_a_file_that_was_only_marked_as_deleted_after_the_plan_is_archived(s3, archive_etl_files):
    deliver(s3, "raw/orders/a.csv", b"still there")
    batch = plan(s3)
    s3.delete_object(Bucket=BUCKET, Key="raw/orders/a.csv")
    assert run(archive_etl_files, batch)["missing"] == []
    assert list(bodies(s3, "archived/").values()) == [b"still there"]


def test_a_copy_whose_reply_was_lost_is_found_and_verified(s3, archive_etl_files, monkeypatch):
    deliver(s3, "raw/orders/a.csv")
    batch = plan(s3)

    def twice(client, copy, **request):
        copy(**request)
        raise ClientError({"Error": {"Code": "PreconditionFailed"}}, "CopyObject")  # as S3 answers the second try

    client_whose_copies(monkeypatch, twice)
    assert run(archive_etl_files, batch)["archived"] == 1
    assert list(bodies(s3, "archived/").values()) == [b"order_id\n1\n"]
    assert bodies(s3, "raw/") == {}


def test_a_foreign_object_that_appears_while_copying_is_not_taken_for_the_copy(s3, archive_etl_files, monkeypatch):
    deliver(s3, "raw/orders/a.csv")
    batch = plan(s3)

    def race(client, copy, *, Key, IfNoneMatch, **request):  # noqa: N803
        client.put_object(Bucket=BUCKET, Key=Key, Body=b"order_id\n1\n", Metadata={"version-id": "another"})
        assert IfNoneMatch == "*"  # which moto does not know
        raise ClientError({"Error": {"Code": "PreconditionFailed"}}, "CopyObject")

    client_whose_copies(monkeypatch, race)
    with pytest.raises(ArchiveError, match="is another object"):
        run(archive_etl_files, batch)
    assert list(bodies(s3, "raw/")) == ["raw/orders/a.csv"]


@pytest.mark.slow
def test_more_than_a_thousand_deliveries(s3, archive_etl_files):
    for number in range(1_005):
        deliver(s3, f"raw/orders/{number:04}.csv", str(number).encode())
    assert run(archive_etl_files, plan(s3))["archived"] == 1_005
    assert sorted(map(int, bodies(s3, "archived/").values())) == list(range(1_005))
    assert bodies(s3, "raw/") == {}


def test_when_time_runs_out_it_says_how_many_are_done_and_goes_on_next_time(s3, archive_etl_files):
    for name in "abcde":
        deliver(s3, f"raw/orders/{name}.csv")
    batch = plan(s3)
    left = iter([900_000, 900_000, 29_999, 29_999, 29_999])
    short = SimpleNamespace(get_remaining_time_in_millis=lambda: next(left))
    with pytest.raises(ArchiveError, match=r"2 of 5 deliveries .* are archived.* again with the same batch_id"):
        run(archive_etl_files, batch, short)
    assert len(bodies(s3, "raw/")) == 3
    answer = run(archive_etl_files, batch)
    assert (answer["archived"], answer["already_there"]) == (3, 2)


def test_when_time_runs_out_what_was_copied_is_moved_to_the_end(s3, archive_etl_files):
    """With so many files that a thread has several of them."""
    for number in range(50):
        deliver(s3, f"raw/orders/{number}.csv", str(number).encode())
    batch = plan(s3)
    left = iter([900_000] * 20)
    short = SimpleNamespace(get_remaining_time_in_millis=lambda: next(left, 29_999))
    with pytest.raises(ArchiveError, match=r"20 of 50 deliveries .* are archived.* resumes with the other 30"):
        run(archive_etl_files, batch, short)
    assert (len(bodies(s3, "raw/")), len(bodies(s3, "archived/"))) == (30, 20)
    answer = run(archive_etl_files, batch)
    assert (answer["archived"], answer["already_there"]) == (30, 20)
    assert sorted(map(int, bodies(s3, "archived/").values())) == list(range(50))


def test_a_version_that_s3_does_not_delete_is_named_and_the_others_are_moved(s3, archive_etl_files, monkeypatch):
    for number in range(30):
        deliver(s3, f"raw/orders/{number:02}.csv", str(number).encode())
    batch = plan(s3)
    held = batch.deliveries[7]
    make = boto3.client

    def holding(*args, **kwargs):
        client = make(*args, **kwargs)
        delete = client.delete_objects

        def some(*, Delete, **request):  # noqa: N803
            objects = [each for each in Delete["Objects"] if each["Key"] != held.key]
            kept = [each | {"Code": "AccessDenied"} for each in Delete["Objects"] if each not in objects]
            answer = delete(Delete=Delete | {"Objects": objects}, **request)
            return answer | {"Errors": [*answer.get("Errors", []), *kept]}

        monkeypatch.setattr(client, "delete_objects", some)
        return client

    with monkeypatch.context() as patched:
        patched.setattr(boto3, "client", holding)
        with pytest.raises(ArchiveError, match=r"1 of 30 .*raw/orders/07\.csv was not deleted: AccessDenied;"):
            run(archive_etl_files, batch)
    assert list(bodies(s3, "raw/")) == [held.key]
    answer = run(archive_etl_files, batch)
    assert (answer["archived"], answer["already_there"]) == (0, 30)
    assert bodies(s3, "raw/") == {}
    assert len(s3.list_object_versions(Bucket=BUCKET, Prefix="archived/")["Versions"]) == 30


def test_an_unknown_batch_and_an_empty_event_say_what_was_expected(s3, archive_etl_files):
    with pytest.raises(BatchNotFound, match=r"batches/nope\.json"):
        archive_etl_files.handler({"batch_id": "nope"}, PLENTY)
    with pytest.raises(ArchiveError, match="batch_id"):
        archive_etl_files.handler({}, PLENTY)


def test_nothing_is_moved_before_every_delivery_is_published(s3, archive_etl_files):
    deliver(s3, "raw/orders/a.csv")
    deliver(s3, "raw/products/p.csv")
    batch = batches.plan(s3, BUCKET, Settings(gate="any"), datetime.now(UTC) + timedelta(seconds=5)).batch
    publish(s3, BUCKET, batch, without=("orders",))
    with pytest.raises(NotPublished, match=r"orders: the ledger has no part .* ledgerlake run --wait.* orders_etl"):
        run(archive_etl_files, batch)
    assert len(waiting(s3, BUCKET).deliveries) == 2
    assert bodies(s3, "archived/") == {}
    publish(s3, BUCKET, batch)
    assert run(archive_etl_files, batch)["archived"] == 2
