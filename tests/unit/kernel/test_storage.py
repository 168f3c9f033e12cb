from __future__ import annotations

import io

import boto3
import pytest
from botocore.exceptions import ClientError

from ledgerlake.storage.objects import (
    client_config,
    delete,
    exists,
    get_bytes,
    get_json,
    put_if_absent,
    put_if_unchanged,
)
from ledgerlake.storage.resumable import StorageFailed

BUCKET = "lake"
LOST_RACE = ("PreconditionFailed", "412", "ConditionalRequestConflict", "409")


class Refusing:
    """An S3 that answers every request with the error `code`; of a lost race only the writes."""

    def __init__(self, code: str):
        self.code = code

    def put_object(self, **_):
        raise ClientError({"Error": {"Code": self.code}}, "PutObject")

    def get_object(self, **_):
        if self.code in LOST_RACE:
            return {"Body": io.BytesIO(b"the winner's"), "ContentLength": 12, "ETag": "theirs"}
        raise ClientError({"Error": {"Code": self.code}}, "GetObject")


@pytest.mark.usefixtures("s3")
def test_every_request_carries_the_name_of_the_product():
    seen = []
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    client = boto3.client("s3", region_name="us-east-1", config=client_config(), **keys)
    client.meta.events.register("before-send.s3", lambda request, **_: seen.append(request.headers["User-Agent"]))
    assert not exists(client, BUCKET, "a.json")
    assert [agent.split()[0] for agent in seen] == [b"ledgerlake"]


def test_an_object_is_written_once_and_the_second_writer_is_told(s3):
    assert put_if_absent(s3, BUCKET, "a.json", '{"n": 1}')
    assert not put_if_absent(s3, BUCKET, "a.json", '{"n": 2}')
    assert get_json(s3, BUCKET, "a.json") == {"n": 1}


@pytest.mark.slow
def test_objects_and_versions_are_deleted_some_at_once(s3):
    for number in range(1_005):
        s3.put_object(Bucket=BUCKET, Key=f"a/{number}", Body=b"1")
    old = s3.put_object(Bucket=BUCKET, Key="b", Body=b"old")["VersionId"]
    s3.put_object(Bucket=BUCKET, Key="b", Body=b"new")
    asked = []
    s3.meta.events.register("request-created.s3", lambda operation_name, **_: asked.append(operation_name))
    names = [{"Key": f"a/{number}"} for number in range(1_005)]
    assert delete(s3, BUCKET, [*names, {"Key": "b", "VersionId": old}, {"Key": "never there"}]) == []
    assert asked == ["DeleteObjects", "DeleteObjects"]
    left = s3.list_object_versions(Bucket=BUCKET, Prefix="b")["Versions"]
    assert [each["VersionId"] == old for each in left] == [False]
    assert s3.list_objects_v2(Bucket=BUCKET)["KeyCount"] == 1


@pytest.mark.parametrize("key", ["a\x01b", "a\rb", "a\ufffeb"])
def test_a_name_that_xml_has_no_characters_for_is_deleted_by_itself(s3, key):
    s3.put_object(Bucket=BUCKET, Key="plain", Body=b"1")
    version = s3.put_object(Bucket=BUCKET, Key=key, Body=b"1")["VersionId"]
    asked = []
    s3.meta.events.register("request-created.s3", lambda operation_name, **_: asked.append(operation_name))
    assert delete(s3, BUCKET, [{"Key": key, "VersionId": version}, {"Key": "plain"}]) == []
    assert asked == ["DeleteObjects", "DeleteObject"]
    assert s3.list_objects_v2(Bucket=BUCKET)["KeyCount"] == 0


class Reluctant:
    """An S3 that deletes one object a request, is too busy for the others, and keeps `held` for good."""

    def __init__(self):
        self.deleted = []

    def delete_objects(self, Bucket, Delete):  # noqa: N803
        held = [each for each in Delete["Objects"] if each["Key"] == "held"]
        first, *others = [each for each in Delete["Objects"] if each["Key"] != "held"]
        self.deleted.append(first)
        errors = [each | {"Code": "SlowDown"} for each in others] + [each | {"Code": "AccessDenied"} for each in held]
        return {"Errors": errors}


def test_what_s3_was_too_busy_to_delete_is_deleted_again_and_what_it_keeps_is_told(monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _: None)
    s3 = Reluctant()
    objects = [{"Key": "a", "VersionId": "1"}, {"Key": "held", "VersionId": "2"}, {"Key": "a", "VersionId": "3"}]
    assert delete(s3, BUCKET, objects) == [{"Key": "held", "VersionId": "2", "Code": "AccessDenied"}]
    assert s3.deleted == [objects[0], objects[2]]
    many = [{"Key": name} for name in "abcdefg"]
    assert [error["Key"] for error in delete(Reluctant(), BUCKET, many)] == ["e", "f", "g"]


def test_an_object_is_replaced_only_as_it_was_seen(s3):
    put_if_absent(s3, BUCKET, "a.json", '{"n": 1}')
    _, etag = get_bytes(s3, BUCKET, "a.json")
    assert put_if_unchanged(s3, BUCKET, "a.json", '{"n": 2}', etag)
    assert not put_if_unchanged(s3, BUCKET, "a.json", '{"n": 3}', etag)
    assert get_json(s3, BUCKET, "a.json") == {"n": 2}


def test_an_object_that_is_gone_cannot_be_replaced(s3):
    put_if_absent(s3, BUCKET, "a.json", "{}")
    _, etag = get_bytes(s3, BUCKET, "a.json")
    s3.delete_object(Bucket=BUCKET, Key="a.json")
    assert not put_if_unchanged(s3, BUCKET, "a.json", "{}", etag)
    assert get_json(s3, BUCKET, "a.json") is None


def test_an_object_that_is_not_there_has_no_json(s3):
    assert get_json(s3, BUCKET, "a.json") is None
    assert get_bytes(s3, BUCKET, "a.json") is None


def test_text_keeps_its_letters(s3):
    put_if_absent(s3, BUCKET, "a.json", '"größer"')
    assert get_json(s3, BUCKET, "a.json") == "größer"


def test_a_prefix_exists_when_any_key_begins_with_it(s3):
    assert not exists(s3, BUCKET, "a/")
    s3.put_object(Bucket=BUCKET, Key="a/b.json", Body=b"")
    assert exists(s3, BUCKET, "a/")
    assert not exists(s3, BUCKET, "b")


@pytest.mark.parametrize("code", LOST_RACE)
def test_every_word_of_s3_for_a_lost_race_is_understood(code, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _: None)
    assert not put_if_absent(Refusing(code), BUCKET, "a.json", "{}")
    assert not put_if_unchanged(Refusing(code), BUCKET, "a.json", "{}", "etag")


@pytest.mark.parametrize("code", ["AccessDenied", "NoSuchBucket", "SlowDown"])
def test_a_failure_of_s3_is_no_answer(code):
    with pytest.raises(ClientError):
        put_if_absent(Refusing(code), BUCKET, "a.json", "{}")
    with pytest.raises(StorageFailed, match=rf"s3://lake/a\.json .*{code}"):
        get_json(Refusing(code), BUCKET, "a.json")


class Deaf:
    """An S3 that does what it is asked for, and whose first replies are lost: the caller asks again."""

    def __init__(self, s3):
        self.s3 = s3

    def put_object(self, **request):
        self.s3.put_object(**request)
        return self.s3.put_object(**request)

    def __getattr__(self, name):
        return getattr(self.s3, name)


def test_a_write_whose_reply_was_lost_is_a_write(s3):
    assert put_if_absent(Deaf(s3), BUCKET, "a.json", '{"n": 1}')
    _, etag = get_bytes(s3, BUCKET, "a.json")
    assert put_if_unchanged(Deaf(s3), BUCKET, "a.json", '{"n": 2}', etag)
    assert get_json(s3, BUCKET, "a.json") == {"n": 2}


def test_a_write_that_was_replaced_since_is_none(s3):
    put_if_absent(s3, BUCKET, "a.json", '{"n": 1}')
    assert not put_if_absent(Deaf(s3), BUCKET, "a.json", '{"n": 2}')
    assert not put_if_unchanged(Deaf(s3), BUCKET, "a.json", '{"n": 3}', '"another"')
    assert get_json(s3, BUCKET, "a.json") == {"n": 1}


def test_a_write_that_meets_another_is_tried_again(s3, monkeypatch):
    pauses = []
    monkeypatch.setattr("time.sleep", pauses.append)
    answers = iter(["ConditionalRequestConflict", None])

    class Busy(Deaf):
        def put_object(self, **request):
            if code := next(answers):
                raise ClientError({"Error": {"Code": code}}, "PutObject")
            return self.s3.put_object(**request)

    assert put_if_absent(Busy(s3), BUCKET, "a.json", "{}")
    assert len(pauses) == 1
    assert get_json(s3, BUCKET, "a.json") == {}
