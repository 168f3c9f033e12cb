"""CloudWatch alarms, each with the command that shows more; the data plane has the one on dead letters."""

from __future__ import annotations

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from constructs import Construct

from infra.stacks.guardrails import figures
from infra.stacks.guardrails.parameters import GuardrailsParameters
from infra.stacks.guardrails.topic import ALARM_PREFIX
from ledgerlake.contracts import DATASETS

OLDEST = f"{ALARM_PREFIX}oldest-delivery"
FAILED = f"{ALARM_PREFIX}failed-runs"


def rejects(dataset: str) -> str:
    """Return the name of the alarm on a dataset's rejected rows."""
    return f"{ALARM_PREFIX}rejects-{dataset}"


class Alarms(Construct):
    """Deliveries that wait too long, runs that failed, and datasets of which too much is rejected."""

    def __init__(self, scope: Construct, parameters: GuardrailsParameters, topic: sns.ITopic) -> None:
        super().__init__(scope, "Alarms")
        self._topic = topic
        self._alarm(
            "OldestDelivery",
            OLDEST,
            "A delivery waits longer than expected: no run takes it, or every run fails. See: ledgerlake status",
            figures.oldest_message(),
            parameters.number("OldestDeliverySeconds"),
        )
        self._alarm(
            "FailedRuns",
            FAILED,
            "A run failed; its notification gives the reason. See: ledgerlake status, ledgerlake logs last",
            figures.failed_runs(),
            0,
        )
        for dataset in DATASETS:
            self._alarm(
                f"Rejects-{dataset}",
                rejects(dataset),
                f"More rows of {dataset} are rejected than usual. See: ledgerlake rejects {dataset}",
                figures.reject_share(dataset),
                parameters.number("RejectShare"),
            )

    def _alarm(self, part: str, name: str, description: str, metric: cloudwatch.IMetric, above: float) -> None:
        alarm = cloudwatch.Alarm(
            self,
            part,
            alarm_name=name,
            alarm_description=description,
            metric=metric,
            threshold=above,
            evaluation_periods=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,  # without deliveries there is no data
        )
        alarm.add_alarm_action(actions.SnsAction(self._topic))
        alarm.add_ok_action(actions.SnsAction(self._topic))
