"""The local S3 gives parts of an object's versions, as S3 does."""

from __future__ import annotations

import pytest

from local.aws.ranges import get_object


def whole(bucket, key, headers, query):
    return 200, {"ETag": "e", "x-amz-checksum-crc32": "c", "Content-Length": "10"}, b"0123456789"


def parse(text, size):
    first, _, last = text.removeprefix("bytes=").partition("-")
    return (int(first), min(int(last or size), size - 1)) if int(first) < size else None


def test_a_part_of_a_version_is_given_with_its_place_and_without_the_checksum_of_the_whole():
    found = get_object(whole, parse, "b", "k", {"range": "bytes=2-4"}, {"versionId": ["v"]})
    expected = {"ETag": "e", "Content-Length": "3", "Content-Range": "bytes 2-4/10"}
    assert found == (206, expected, b"234")


def test_a_part_behind_the_end_is_refused():
    status, headers, body = get_object(whole, parse, "b", "k", {"range": "bytes=10-"}, {"versionId": ["v"]})
    assert (status, headers["Content-Range"], body) == (416, "bytes */10", b"")


@pytest.mark.parametrize(("headers", "query"), [({}, {"versionId": ["v"]}), ({"range": "bytes=1-"}, {})])
def test_other_answers_are_left_as_they_are(headers, query):
    assert get_object(whole, parse, "b", "k", headers, query) == whole("b", "k", headers, query)
