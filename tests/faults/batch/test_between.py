"""The gate itself: what it passes on is unchanged, and each fault is what it says."""

import boto3
import pytest
from between import FAULTS, Between, Fate, on_a_bad_day
from botocore.config import Config
from botocore.exceptions import ClientError, HTTPClientError

from ledgerlake.storage.objects import client_config, get_json, put_if_absent, put_if_unchanged
from ledgerlake.storage.resumable import ResumableObject, StorageFailed

ONCE = Config(retries={"total_max_attempts": 1})


def client(gate, config=ONCE):
    return boto3.client("s3", endpoint_url=gate.endpoint, config=config)


@pytest.fixture
def bucket(s3_endpoint):
    s3 = boto3.client("s3")
    name = f"gate-{len(s3.list_buckets()['Buckets'])}"
    s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


def test_what_is_passed_on_is_unchanged(s3_endpoint, bucket):
    body = bytes(range(256)) * 5000
    with Between(s3_endpoint) as gate:
        s3 = client(gate)
        s3.put_object(Bucket=bucket, Key="a +%ü.bin", Body=body, Metadata={"by": "shop"})
        found = s3.get_object(Bucket=bucket, Key="a +%ü.bin")
        assert (found["Body"].read(), found["Metadata"]) == (body, {"by": "shop"})
        assert s3.head_object(Bucket=bucket, Key="a +%ü.bin")["ContentLength"] == len(body)
        assert [str(request) for request in gate.requests] == ["PUT a +%ü.bin", "GET a +%ü.bin", "HEAD a +%ü.bin"]


@pytest.mark.parametrize(("fate", "done"), zip(FAULTS, (False, False, True, True), strict=True), ids=lambda it: str(it))
def test_a_fault_is_what_it_says(s3_endpoint, bucket, fate, done):
    with Between(s3_endpoint, lambda _: fate) as gate, pytest.raises((ClientError, HTTPClientError)):
        client(gate).put_object(Bucket=bucket, Key="a", Body=b"x")
    assert ("Contents" in boto3.client("s3").list_objects_v2(Bucket=bucket)) is done


def test_a_body_that_breaks_off_is_read_on_where_it_broke(s3_endpoint, bucket, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _: None)
    body = bytes(range(256)) * 4000
    boto3.client("s3").put_object(Bucket=bucket, Key="a", Body=body)
    fates = iter([Fate.HALVED] * 5 + [Fate.PASSED])
    with (
        Between(s3_endpoint, lambda _: next(fates)) as gate,
        ResumableObject(client(gate), bucket, {"Key": "a"}) as found,
    ):
        assert found.readall() == body
        assert gate.fates[Fate.HALVED] == 5


def test_a_body_that_breaks_off_again_and_again_is_the_fault_of_s3(s3_endpoint, bucket, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _: None)
    boto3.client("s3").put_object(Bucket=bucket, Key="a", Body=b"x")
    with Between(s3_endpoint, lambda _: Fate.UNHEARD) as gate, pytest.raises(StorageFailed) as failed:
        ResumableObject(client(gate), bucket, {"Key": "a"}).readall()
    assert "could not be read beyond byte 0" in str(failed.value)
    assert not isinstance(failed.value, OSError), "readers of files take an OSError for a damaged file"


def test_an_object_that_was_replaced_while_it_was_read_is_not_mixed(s3_endpoint, bucket, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _: None)
    s3 = boto3.client("s3")
    s3.put_object(Bucket=bucket, Key="a", Body=b"old" * 100_000)
    fates = iter([Fate.HALVED, Fate.PASSED])
    with Between(s3_endpoint, lambda _: next(fates)) as gate:
        found = ResumableObject(client(gate), bucket, {"Key": "a"})
        assert found.read(10) == b"oldoldoldo"
        s3.put_object(Bucket=bucket, Key="a", Body=b"new" * 100_000)
        with pytest.raises(StorageFailed, match="PreconditionFailed"):
            found.readall()


def test_json_is_read_and_written_on_a_bad_day(s3_endpoint, bucket, monkeypatch):
    """A quarter of all requests meets a fault, and each write is known to have been written."""
    monkeypatch.setattr("time.sleep", lambda _: None)
    with Between(s3_endpoint, on_a_bad_day(0.25, seed=4)) as gate:
        s3 = client(gate, client_config())
        for number in range(60):
            key, text = f"{number}.json", '{"n": 1}'
            assert get_json(s3, bucket, key) is None
            assert put_if_absent(s3, bucket, key, text)
            etag = s3.head_object(Bucket=bucket, Key=key)["ETag"]
            assert put_if_unchanged(s3, bucket, key, '{"n": 2}', etag)
            assert get_json(s3, bucket, key) == {"n": 2}
        assert all(gate.fates[fate] for fate in FAULTS)
