"""The record of a run: what it used, what that cost, and by the prices of which day. The table `runs` holds them.

One object of one line for each batch that was finished, so the engines read it as JSON and nobody needs a
writer of Parquet. Written by whoever reports the run; a report that is repeated overwrites it with what it was.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from ledgerlake import keys
from ledgerlake.costs import prices
from ledgerlake.costs.cost import DpuTime, RunCost, Usage, billed_bytes, cost, crawl_dpu_seconds, job_dpu_seconds
from ledgerlake.costs.usage import Connect, ObservedRun, usage
from ledgerlake.intake.deliveries import from_iso
from ledgerlake.storage.objects import get_json
from ledgerlake.tables.runs import RunRecord

log = logging.getLogger(__name__)


def record_run(seen: ObservedRun, connect: Connect, bucket: str) -> str:
    """Learn what the run cost, write its record, and say it in the line of a notification. Never raises."""
    try:
        found = record(seen, usage(seen, connect), datetime.now(UTC))
        line = said(found)
    except Exception as error:  # noqa: BLE001 - whatever it is, the run itself is as it is
        log.warning("What the run cost was not worked out: %s: %s", type(error).__name__, error)
        return "Cost: unknown."
    try:
        write(connect("s3"), bucket, found)
    except Exception as error:  # noqa: BLE001 - whatever it is, the run itself is as it is
        log.warning("The run's record was not written: %s: %s", type(error).__name__, error)
        return f"{line} (not recorded)"
    return line


def record(seen: ObservedRun, used: Usage, finished: datetime) -> RunRecord:
    """Return the record of a run with this usage."""
    dollars = cost(used)
    return RunRecord(
        run_id=seen.run_id,
        workflow=seen.workflow,
        batch_id=seen.batch_id,
        started_at=_moment(from_iso(seen.started_at)),
        finished_at=_moment(finished),
        deliveries=seen.deliveries,
        **_of_glue(used, dollars),
        queries=None if used.scanned is None else len(used.scanned),
        scanned_bytes=None if used.scanned is None else sum(used.scanned),
        billed_bytes=None if used.scanned is None else billed_bytes(used.scanned),
        athena_dollars=dollars.athena,
        requests=None if used.requests is None else used.requests.count,
        s3_writes=None if used.requests is None else used.requests.s3_writes,
        s3_reads=None if used.requests is None else used.requests.s3_reads,
        requests_dollars=dollars.requests,
        function_calls=None if used.calls is None else used.calls.count,
        function_gb_seconds=None if used.calls is None else used.calls.gb_seconds,
        functions_dollars=dollars.functions,
        state_transitions=used.transitions,
        states_dollars=dollars.states,
        total_dollars=dollars.total,
        unknown=", ".join(dollars.unknown),
        prices_of=prices.LOOKED_UP,
    )


def _of_glue(used: Usage, dollars: RunCost) -> dict[str, Any]:
    return {
        "job_runs": None if used.jobs is None else len(used.jobs),
        "dpu_seconds": None if used.jobs is None else _sum(used.jobs),
        "billed_dpu_seconds": None if used.jobs is None else round(job_dpu_seconds(used.jobs), 3),
        "glue_dollars": dollars.glue,
        "crawls": None if used.crawls is None else len(used.crawls),
        "crawler_dpu_seconds": None if used.crawls is None else _sum(used.crawls),
        "crawler_billed_dpu_seconds": None if used.crawls is None else round(crawl_dpu_seconds(used.crawls), 3),
        "crawler_dollars": dollars.crawler,
    }


def _sum(times: tuple[DpuTime, ...]) -> float:
    return round(sum((each.used for each in times), 0.0), 3)


def _moment(time: datetime) -> str:
    """As Hive reads a timestamp in JSON: UTC, without a zone."""
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def write(s3: Any, bucket: str, found: RunRecord) -> None:
    """Write the record of a batch; one that is there already keeps its end, so that a repetition changes nothing."""
    key = keys.run_record(found.batch_id)
    before = get_json(s3, bucket, key)
    if before and before.get("run_id") == found.run_id:
        found = replace(found, finished_at=before["finished_at"])
    s3.put_object(Bucket=bucket, Key=key, Body=found.as_line().encode(), ContentType="application/json")


def said(found: RunRecord) -> str:
    """`Cost: $0.0612 (Glue 412 DPU-s $0.0504, Athena 60 MB $0.0003, …) at prices of 2026-11`.

    Seconds and megabytes are those billed. What was not used is not said; what is not known is called unknown.
    """
    megabytes = (found.billed_bytes or 0) / prices.MEGABYTE
    parts = [
        ("Glue", f"{found.billed_dpu_seconds or 0:,.0f} DPU-s", found.glue_dollars),
        ("crawler", f"{found.crawler_billed_dpu_seconds or 0:,.0f} DPU-s", found.crawler_dollars),
        ("Athena", f"{megabytes:,.0f} MB", found.athena_dollars),
        ("requests", f"{found.requests or 0:,}", found.requests_dollars),
        ("Lambda", f"{found.function_gb_seconds or 0:,.1f} GB-s", found.functions_dollars),
        ("Step Functions", f"{found.state_transitions or 0:,} transitions", found.states_dollars),
    ]
    services = ", ".join(_part(*each) for each in parts if each[2] != 0)
    least = "at least " if found.unknown else ""
    return f"Cost: {least}${found.total_dollars:.4f} ({services}) at prices of {found.prices_of[:7]}"


def _part(name: str, amount: str, dollars: float | None) -> str:
    return f"{name} unknown" if dollars is None else f"{name} {amount} ${dollars:.4f}"
