"""Messages that people have reported to other projects because they broke a reader; each names its report."""

import json

import pytest

from ledgerlake.intake import messages

BUCKET = "lake"


def created(key: str, **more) -> dict:
    return {"Records": [{"s3": {"bucket": {"name": BUCKET}, "object": {"key": key} | more}}]}


def by_sns(said) -> dict:
    return {"Type": "Notification", "MessageId": "450ec42d", "Subject": "Amazon S3 Notification", "Message": said}


TEST_EVENT = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": "2014-10-13T15:57:02.089Z", "Bucket": BUCKET}


@pytest.mark.parametrize(
    ("body", "keys"),
    [
        pytest.param(  # S3 writes a blank in a key as a plus
            json.dumps(created("raw/orders/space+plus%2Btest.csv")),
            ["raw/orders/space plus+test.csv"],
            id="https://github.com/airbnb/binaryalert/pull/54",
        ),
        pytest.param(
            json.dumps(created("raw/orders/10%3A47%3A07.2015-1450022300.csv")),
            ["raw/orders/10:47:07.2015-1450022300.csv"],
            id="https://github.com/aws/aws-sdk-js/issues/837",
        ),
        pytest.param(  # a server that encodes the slashes as well
            json.dumps(created("raw%2Forders%2FABC.csv", versionId="")),
            ["raw/orders/ABC.csv"],
            id="https://github.com/minio/minio/issues/15200",
        ),
        pytest.param(
            json.dumps(created("raw/orders/dt%3D2018-05-04/part-0.csv")),
            ["raw/orders/dt=2018-05-04/part-0.csv"],
            id="https://github.com/aws/aws-sam-cli/issues/379",
        ),
        pytest.param(
            json.dumps(by_sns(json.dumps(created("raw/orders/a.csv")))),
            ["raw/orders/a.csv"],
            id="https://github.com/aws-powertools/powertools-lambda-python/pull/2108",
        ),
    ],
)
def test_an_event_names_the_key_under_which_the_object_is_found(body, keys):
    assert [each.key for each in messages.read(body, BUCKET).objects] == keys


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(json.dumps(TEST_EVENT), id="https://github.com/vectordotdev/vector/pull/15331"),
        pytest.param(
            json.dumps(by_sns(json.dumps(TEST_EVENT))), id="https://github.com/fredliporace/cbers-2-stac/issues/45"
        ),
        pytest.param(
            json.dumps(TEST_EVENT, indent=2), id="https://github.com/opensearch-project/data-prepper/issues/1924"
        ),
    ],
)
def test_the_test_of_s3_is_no_poison_and_names_no_object(body):
    assert messages.read(body, BUCKET).objects == ()


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(  # of another service, with the records one level further down
            json.dumps({"awslogs": {"data": "H4sIAAAA"}}),
            id="https://github.com/elastic/elastic-serverless-forwarder/issues/308",
        ),
        json.dumps({"Records": []}),
        json.dumps({"Records": None}),
        json.dumps({"Records": [{"s3": {"bucket": {"name": "another"}, "object": {"key": "raw/orders/a.csv"}}}]}),
        json.dumps(by_sns("not JSON")),
        json.dumps(by_sns(None)),
        json.dumps([1]),
        json.dumps("raw/orders/a.csv"),
        "null",
        "",
        "\ufeff{}",
        "[" * 100_000,
    ],
)
def test_what_nobody_would_say_of_a_delivery_is_poison_and_no_crash(body):
    assert messages.read(body, BUCKET) is None
