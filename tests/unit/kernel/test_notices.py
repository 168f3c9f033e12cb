from __future__ import annotations

import json
from urllib.parse import quote_plus

import pytest

from ledgerlake import notices
from ledgerlake.deliveries import Delivery
from ledgerlake.notices import Notice


def event(*objects, bucket="lake"):
    return json.dumps({"Records": [{"s3": {"bucket": {"name": bucket}, "object": each}} for each in objects]})


@pytest.mark.parametrize("key", ["raw/orders/a b.csv", "raw/orders/1+1.csv", "raw/orders/100%.csv", "raw/注.csv"])
def test_a_key_is_read_as_it_was_delivered(key):
    said = event({"key": quote_plus(key), "versionId": "v"}, {"key": quote_plus(key)})
    assert notices.read(said, "lake") == (Notice(key, "v"), Notice(key))


def test_a_look_tells_of_nothing():
    assert notices.read('{"look": "again"}', "lake") == ()


@pytest.mark.parametrize(
    "body", ["", "}{", "[1]", "7", "null", '"look"', "{}", '{"Records": []}', '{"Records": 7}', '{"Records": [{}]}',
             '{"Records": [{"s3": {"bucket": {"name": "lake"}, "object": {"key": 7}}}]}',
             "[" * 100_000, event({"key": "raw/orders/a.csv"}, bucket="another")],
    ids=lambda body: body[:40],
)  # fmt: skip
def test_anything_else_is_poison(body):
    assert notices.read(body, "lake") is None


def test_a_message_tells_of_a_version_or_of_every_version_of_a_key():
    delivery = Delivery("2025-04-02T08:00:00.000000Z", "raw/orders/a.csv", "v1", "orders", 1, "e")
    for told, expected in (
        ([Notice("raw/orders/a.csv")], True),
        ([Notice("raw/orders/a.csv", "v1")], True),
        ([Notice("raw/orders/a.csv", "v0")], False),
        ([Notice("raw/orders/b.csv"), Notice("raw/orders/a.csv", "v1")], True),
        ([], False),
        (None, False),
    ):
        assert notices.tells_of(told, [delivery]) is expected
