"""CloudWatch metrics of a run; no run fails because of them."""

import boto3
import pytest
from botocore.exceptions import ClientError, NoRegionError
from botocore.stub import Stubber

from ledgerlake.reporting import metrics

ROWS = [
    {"dataset": "orders", "files": "15", "rows_read": "7500", "rejected": "10"},
    {"dataset": "products", "files": "1", "rows_read": "20", "rejected": None},
]


@pytest.fixture
def cloudwatch():
    """A CloudWatch that keeps its requests."""

    class CloudWatch(list):
        def put_metric_data(self, **request):
            self.append(request)

    return CloudWatch()


def test_a_success_is_one_run_and_the_rows_of_each_dataset(cloudwatch):
    metrics.publish_success(lambda: cloudwatch, ROWS)
    ((request),) = cloudwatch
    assert request["Namespace"] == "Ledgerlake"
    assert [(each["MetricName"], _dataset(each), each["Value"]) for each in request["MetricData"]] == [
        ("RunsSucceeded", None, 1),
        ("RowsRead", "orders", 7500),
        ("RowsRejected", "orders", 10),
        ("RowsRead", "products", 20),
        ("RowsRejected", "products", 0),
    ]


def test_a_success_whose_figures_could_not_be_read_is_a_run_all_the_same(cloudwatch):
    metrics.publish_success(lambda: cloudwatch, [])
    assert [each["MetricName"] for each in cloudwatch[0]["MetricData"]] == ["RunsSucceeded"]


def test_a_failure_is_one_run_without_rows(cloudwatch):
    metrics.publish_failure(lambda: cloudwatch)
    assert [(each["MetricName"], each["Value"]) for each in cloudwatch[0]["MetricData"]] == [("RunsFailed", 1)]


def test_cloudwatch_accepts_the_metrics():
    client = boto3.client("cloudwatch", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
    with Stubber(client) as stub:
        stub.add_response("put_metric_data", {})
        metrics.publish_success(lambda: client, ROWS)
        stub.assert_no_pending_responses()


def _no_region():
    raise NoRegionError


class _Refusing:
    def put_metric_data(self, **_):
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "not you"}}, "PutMetricData")


@pytest.mark.parametrize(
    ("connect", "rows", "message"),
    [
        (_no_region, ROWS, "You must specify a region"),
        (_Refusing, ROWS, "not you"),
        (_Refusing, [{"dataset": "orders", "rows_read": "many"}], "many"),
        (_Refusing, [{"rows_read": "1"}], "dataset"),
    ],
)
def test_every_error_is_logged_and_the_run_continues(caplog, connect, rows, message):
    metrics.publish_success(connect, rows)
    assert message in caplog.text
    metrics.publish_failure(_Refusing)


def test_a_silent_cloudwatch_is_given_up_within_a_quarter_of_a_minute():
    config = metrics.client_config()
    assert (config.connect_timeout + config.read_timeout) * config.retries["total_max_attempts"] < 15


def _dataset(each):
    ((dimension),) = each.get("Dimensions") or [{}]
    return dimension.get("Value")
