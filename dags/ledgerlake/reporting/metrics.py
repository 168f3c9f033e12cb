"""How runs went, as figures in CloudWatch: what the alarms and the dashboard look at.

Whoever reports a run tells them, whichever orchestrator it is; a report that is repeated tells them again, which
no share and no alarm minds. They are told beside the run: whatever goes wrong with them is logged, and no more.
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
    """How a client of CloudWatch is made for this: it gives up within seconds, as no run waits for figures."""
    return Config(connect_timeout=2, read_timeout=4, retries={"mode": "standard", "total_max_attempts": 2})


def publish_success(connect: Callable[[], Any], figures: Sequence[Mapping[str, str | None]]) -> None:
    """One run that went well, and the rows of each dataset.

    Args:
        connect: makes a client of CloudWatch.
        figures: the ledger's sums as `letters.figures_sql` asks for them; none when they could not be read.
    """
    _tell(connect, lambda: [_run(RUNS_SUCCEEDED), *(each for row in figures for each in _rows(row))])


def publish_failure(connect: Callable[[], Any], figures: Sequence[Mapping[str, str | None]] = ()) -> None:
    """One run that failed; what became of its rows is told by the run that finishes its batch.

    Args:
        figures: of a run that has finished its batch, and whose checks have failed.
    """
    _tell(connect, lambda: [_run(RUNS_FAILED), *(each for row in figures for each in _rows(row))])


def _tell(connect: Callable[[], Any], figures: Callable[[], list[dict[str, Any]]]) -> None:
    try:
        connect().put_metric_data(Namespace=NAMESPACE, MetricData=figures())
    except Exception as error:  # noqa: BLE001 - whatever it is, the run itself is as it is
        log.warning("The figures of the run were not told to CloudWatch: %s", error)


def _run(name: str) -> dict[str, Any]:
    return {"MetricName": name, "Value": 1.0, "Unit": "Count"}


def _rows(row: Mapping[str, str | None]) -> list[dict[str, Any]]:
    counts = {ROWS_READ: row.get("rows_read"), ROWS_REJECTED: row.get("rejected")}
    of = [{"Name": DATASET, "Value": str(row["dataset"])}]
    return [
        {"MetricName": name, "Dimensions": of, "Value": float(count or 0), "Unit": "Count"}
        for name, count in counts.items()
    ]
