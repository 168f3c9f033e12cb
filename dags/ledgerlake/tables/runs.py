"""The table `runs`: one row for each run that finished a batch, with what it used and what that cost."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import Any, get_type_hints

_MOMENTS = ("started_at", "finished_at")
_HIVE = {str: "string", int: "bigint", float: "double"}


@dataclass(frozen=True)
class RunRecord:
    """One run; None for a figure that is not available. Times are UTC, as `2025-04-01 08:00:00.000`.

    Args:
        dpu_seconds: as used; those that are billed are more where a minimum holds.
        requests: of S3, SQS, SNS and CloudWatch together.
        unknown: the services without a figure, `athena, crawler`; then `total_dollars` is that of the others.
        prices_of: the day on which the prices were looked up.
    """

    run_id: str
    workflow: str
    batch_id: str
    started_at: str
    finished_at: str
    deliveries: int
    job_runs: int | None
    dpu_seconds: float | None
    billed_dpu_seconds: float | None
    glue_dollars: float | None
    crawls: int | None
    crawler_dpu_seconds: float | None
    crawler_billed_dpu_seconds: float | None
    crawler_dollars: float | None
    queries: int | None
    scanned_bytes: int | None
    billed_bytes: int | None
    athena_dollars: float | None
    requests: int | None
    s3_writes: int | None
    s3_reads: int | None
    requests_dollars: float | None
    function_calls: int | None
    function_gb_seconds: float | None
    functions_dollars: float | None
    state_transitions: int | None
    states_dollars: float | None
    total_dollars: float
    unknown: str
    prices_of: str

    def as_line(self) -> str:
        """Return the record as one line of JSON."""
        return json.dumps(asdict(self)) + "\n"


def _hive_type(name: str, kind: Any) -> str:
    known = next(each for each in _HIVE if kind in (each, each | None))
    return "timestamp" if name in _MOMENTS else _HIVE[known]


COLUMNS = tuple((each.name, _hive_type(each.name, get_type_hints(RunRecord)[each.name])) for each in fields(RunRecord))
"""(name, type) in Hive's words."""
