"""CloudWatch metrics of runs, for the alarms and the dashboard.

Both orchestrators publish these metrics. A repeated report publishes them twice; ratios and alarms tolerate that.
An error while publishing is logged and does not affect the run.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from botocore.config import Config

log = logging.getLogger(__name__)

NAMESPACE = "Ledgerlake"
RUNS_SUCCEEDED = "RunsSucceeded"
RUNS_FAILED = "RunsFailed"
ROWS_READ = "RowsRead"
ROWS_REJECTED = "RowsRejected"
DATASET = "Dataset"
"""The dimension of the rows; runs have none."""


def client_config() -> Config:
    """Return the configuration of a CloudWatch client that gives up within seconds, since no run waits for metrics."""
    return Config(connect_timeout=2, read_timeout=4, retries={"mode": "standard", "total_max_attempts": 2})


def publish_success(connect: Callable[[], Any], figures: Sequence[Mapping[str, str | None]]) -> None:
    """Count one successful run, and the rows of each dataset.

    Args:
        connect: makes a CloudWatch client.
        figures: the rows of `success_notification.figures_sql`; none when they could not be read.
    """
    _publish(connect, lambda: [_run(RUNS_SUCCEEDED), *(each for row in figures for each in _rows(row))])


def publish_failure(connect: Callable[[], Any], figures: Sequence[Mapping[str, str | None]] = ()) -> None:
    """Count one failed run; the run that finishes its batch counts the rows.

    Args:
        figures: those of a run that finished its batch, and whose checks failed.
    """
    _publish(connect, lambda: [_run(RUNS_FAILED), *(each for row in figures for each in _rows(row))])


def _publish(connect: Callable[[], Any], figures: Callable[[], list[dict[str, Any]]]) -> None:
    try:
        connect().put_metric_data(Namespace=NAMESPACE, MetricData=figures())
    except Exception as error:  # noqa: BLE001 - no error of CloudWatch may change the outcome of the run
        log.warning("The metrics of the run could not be published: %s", error)


def _run(name: str) -> dict[str, Any]:
    return {"MetricName": name, "Value": 1.0, "Unit": "Count"}


def _rows(row: Mapping[str, str | None]) -> list[dict[str, Any]]:
    counts = {ROWS_READ: row.get("rows_read"), ROWS_REJECTED: row.get("rejected")}
    of = [{"Name": DATASET, "Value": str(row["dataset"])}]
    return [
        {"MetricName": name, "Dimensions": of, "Value": float(count or 0), "Unit": "Count"}
        for name, count in counts.items()
    ]
