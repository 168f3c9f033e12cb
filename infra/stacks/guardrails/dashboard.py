"""CloudWatch dashboard: runs, rows, waiting messages and errors."""

from __future__ import annotations

from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from infra.functions import FUNCTIONS
from infra.stacks.guardrails import figures
from infra.stacks.guardrails.parameters import GuardrailsParameters
from ledgerlake import names
from ledgerlake.contracts import DATASETS
from ledgerlake.reporting import metrics


class Dashboard(Construct):
    """`ledgerlake-<environment>` in CloudWatch."""

    def __init__(self, scope: Construct, parameters: GuardrailsParameters) -> None:
        super().__init__(scope, "Dashboard")
        cloudwatch.Dashboard(
            self,
            "Dashboard",
            dashboard_name=f"ledgerlake-{parameters.environment}",
            widgets=[
                [
                    _graph("Runs", [figures.runs(metrics.RUNS_SUCCEEDED), figures.failed_runs()]),
                    _graph("Oldest delivery, seconds", [figures.oldest_message()]),
                ],
                [
                    _graph("Rows read", [figures.rows(metrics.ROWS_READ, dataset) for dataset in DATASETS]),
                    _graph("Share of rejected rows", [figures.reject_share(dataset) for dataset in DATASETS]),
                ],
                [
                    _graph("Messages", [figures.waiting(names.QUEUE), figures.waiting(names.DEAD_LETTER_QUEUE)]),
                    _graph("Errors of functions", [figures.function_errors(each.name) for each in FUNCTIONS]),
                ],
            ],
        )


def _graph(title: str, left: list[cloudwatch.IMetric]) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(title=title, left=left, width=12)
