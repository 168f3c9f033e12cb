from __future__ import annotations

import json
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledgerlake.intake import messages
from ledgerlake.intake.deliveries import Delivery
from ledgerlake.intake.messages import Message, ObjectCreated

KEYS = ["raw/orders/a b.csv", "raw/orders/1+1.csv", "raw/orders/100%.csv", "raw/注.csv", "raw/orders/date=2025-04-01/x"]


def of_s3(*objects, bucket="lake"):
    return json.dumps({"Records": [{"s3": {"bucket": {"name": bucket}, "object": each}} for each in objects]})


def of_event_bridge(key, bucket="lake", kind="Object Created", **more):
    seen = {
        "version": "0",
        "bucket": {"name": bucket},
        "object": {"key": key, "size": 1, **more},
        "reason": "PutObject",
    }
    return json.dumps({"version": "0", "detail-type": kind, "source": "aws.s3", "region": "us-east-1", "detail": seen})


def in_envelope(body):
    """As SNS wraps it, unless the subscription asks for raw delivery."""
    return json.dumps({"Type": "Notification", "MessageId": "m", "TopicArn": "t", "Message": body, "Signature": "s"})


def shapes(key, version=""):
    plain = of_s3({"key": quote_plus(key), **({"versionId": version} if version else {})})
    bridged = of_event_bridge(key, **({"version-id": version} if version else {}))
    return [plain, bridged, in_envelope(plain), in_envelope(bridged)]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("version", ["", "v"])
def test_every_shape_of_an_s3_event_names_key_and_version_as_delivered(key, version):
    for body in shapes(key, version):
        assert messages.read(body, "lake") == Message(key, (ObjectCreated(key, version),)), body


def test_a_message_may_name_many_objects():
    said = messages.read(of_s3({"key": "a", "versionId": "v"}, {"key": "b"}), "lake")
    assert said == Message("a, b", (ObjectCreated("a", "v"), ObjectCreated("b")))


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (json.dumps(messages.wake("the sweep")), "a wake message: the sweep"),
        (in_envelope(json.dumps(messages.wake("the sweep"))), "a wake message: the sweep"),
        ('{"look": "e-1 failed, and is tried again"}', "a wake message: e-1 failed, and is tried again"),
        ('{"look": null}', "a wake message"),
        ('{"ledgerlake": "look", "asked_at": "2025-04-02T08:00:00Z"}', "a wake message"),
        ('{"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "lake"}', "S3's test of the queue"),
        (in_envelope('{"Service": "Amazon S3", "Event": "s3:TestEvent"}'), "S3's test of the queue"),
    ],
)
def test_what_is_no_event_of_an_object_names_none_and_says_what_it_is(body, text):
    assert messages.read(body, "lake") == Message(text)


POISON = [
    "", "}{", "[1]", "7", "null", '"look"', "{}", '{"Records": []}', '{"Records": 7}', '{"Records": [{}]}',
    '{"Records": [{"s3": {"bucket": {"name": "lake"}, "object": {"key": 7}}}]}', "[" * 100_000,
    of_s3({"key": "raw/orders/a.csv"}, bucket="another"), of_event_bridge("raw/orders/a.csv", bucket="another"),
    of_event_bridge("raw/orders/a.csv", kind="Object Deleted"), of_event_bridge(7),
    '{"detail-type": "Object Created"}', '{"detail-type": "Object Created", "detail": {"bucket": {"name": "lake"}}}',
    '{"detail-type": "Scheduled Event", "source": "aws.events", "detail": {}}',
    '{"Type": "Notification"}', '{"Type": "Notification", "Message": 7}', in_envelope("hello"), in_envelope("7"),
    in_envelope("null"), in_envelope(in_envelope('{"look": "twice wrapped"}')), '{"Type": "SubscriptionConfirmation"}',
    '{"ledgerlake": "stop"}',
]  # fmt: skip


@pytest.mark.parametrize("body", POISON, ids=lambda body: body[:60])
def test_anything_else_is_poison(body):
    assert messages.read(body, "lake") is None


NESTED = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["Records", "s3", "bucket", "name", "object", "key", "versionId", "Type", "Message", "detail", "look"]
            )
            | st.text(max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.text() | NESTED.map(json.dumps) | NESTED.map(json.dumps).map(in_envelope))
def test_whatever_comes_is_read_or_is_poison_and_never_an_error(body):
    said = messages.read(body, "lake")
    assert said is None or all(isinstance(each.key, str) for each in said.objects)


def test_a_message_names_one_version_or_every_version_of_a_key():
    delivery = Delivery("2025-04-02T08:00:00.000000Z", "raw/orders/a.csv", "v1", "orders", 1, "e")
    for objects, expected in (
        ([ObjectCreated("raw/orders/a.csv")], True),
        ([ObjectCreated("raw/orders/a.csv", "v1")], True),
        ([ObjectCreated("raw/orders/a.csv", "v0")], False),
        ([ObjectCreated("raw/orders/b.csv"), ObjectCreated("raw/orders/a.csv", "v1")], True),
        ([], False),
    ):
        assert Message("", tuple(objects)).names_any([delivery]) is expected


def test_an_event_of_any_bucket_is_read_where_none_is_given():
    assert messages.read(of_s3({"key": "a"}, bucket="another")) == Message("a", (ObjectCreated("a"),))
