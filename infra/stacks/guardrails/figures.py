"""The figures that alarms and dashboard look at: what SQS, Step Functions, Lambda and Ledgerlake itself publish."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

from infra.stacks.data_plane.functions import machine_arn
from ledgerlake import names
from ledgerlake.reporting import metrics

HOUR, FIVE_MINUTES = Duration.hours(1), Duration.minutes(5)


def rows(name: str, dataset: str) -> cloudwatch.Metric:
    """Return the rows of an hour, as the reports of runs count them."""
    return _metric(metrics.NAMESPACE, name, {metrics.DATASET: dataset}, "Sum", HOUR)


def reject_share(dataset: str) -> cloudwatch.MathExpression:
    """Return the rejected share of the rows read within an hour, 0 to 1."""
    read, rejected = f"read_{dataset}", f"rejected_{dataset}"  # of all datasets in one graph
    return cloudwatch.MathExpression(
        expression=f"IF({read} > 0, {rejected} / {read}, 0)",
        label=f"{dataset}: share of rejected rows",
        period=HOUR,
        using_metrics={read: rows(metrics.ROWS_READ, dataset), rejected: rows(metrics.ROWS_REJECTED, dataset)},
    )


def runs(name: str) -> cloudwatch.Metric:
    """Return a metric of runs."""
    return _metric(metrics.NAMESPACE, name, {}, "Sum", FIVE_MINUTES)


def failed_runs() -> cloudwatch.MathExpression:
    """Return the metric of failed runs: those that were reported, and executions that ended without a report."""
    parts = {
        "reported": runs(metrics.RUNS_FAILED),
        "failed": _executions("ExecutionsFailed"),
        "late": _executions("ExecutionsTimedOut"),
    }
    return cloudwatch.MathExpression(
        expression=" + ".join(f"FILL({name}, 0)" for name in parts),
        label="failed runs",
        period=FIVE_MINUTES,
        using_metrics=parts,
    )


def oldest_message() -> cloudwatch.Metric:
    """Return the age of the oldest message in seconds."""
    return _queue("ApproximateAgeOfOldestMessage", names.QUEUE)


def waiting(queue: str) -> cloudwatch.Metric:
    """Return the number of visible messages in the queue."""
    return _queue("ApproximateNumberOfMessagesVisible", queue)


def function_errors(name: str) -> cloudwatch.Metric:
    """Return the errors of a function."""
    return _metric("AWS/Lambda", "Errors", {"FunctionName": name}, "Sum", FIVE_MINUTES)


def _queue(name: str, queue: str) -> cloudwatch.Metric:
    return _metric("AWS/SQS", name, {"QueueName": queue}, "Maximum", FIVE_MINUTES)


def _executions(name: str) -> cloudwatch.Metric:
    return _metric("AWS/States", name, {"StateMachineArn": machine_arn()}, "Sum", FIVE_MINUTES)


def _metric(
    namespace: str, name: str, dimensions: dict[str, str], statistic: str, period: Duration
) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace=namespace, metric_name=name, dimensions_map=dimensions, statistic=statistic, period=period
    )
