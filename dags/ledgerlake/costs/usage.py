"""What a run has used, asked of AWS when the run is over, and worked out where asking would cost more.

The run itself is as it is: whatever goes wrong here is logged and leaves that figure unknown, and no more. For
a figure nothing more is asked once a question has failed, so that a service that is away costs seconds.

Of Glue all runs for the batch are counted, also failed tries, and those of an earlier run that left the batch
open: who finishes a batch pays for it. The crawler's are those since the run began, and only when it needed one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from ledgerlake import names
from ledgerlake.contracts import DATASETS
from ledgerlake.costs import prices, request_counts
from ledgerlake.costs.cost import Calls, DpuTime, Requests, Usage
from ledgerlake.intake.deliveries import from_iso
from ledgerlake.tables.checks import checks

log = logging.getLogger(__name__)

Connect = Callable[[str], Any]
"""Makes a client of a service that gives up within seconds, as `metrics.client_config` says."""
_Figure = TypeVar("_Figure")
_PAGE, _PAGES = 200, 5
_CLOCKS = timedelta(seconds=60)
"""By so much may clocks differ."""
_DPUS = {"G.025X": 0.25, "Standard": 1.0, "G.1X": 1.0, "G.2X": 2.0, "G.4X": 4.0, "G.8X": 8.0}


@dataclass(frozen=True)
class ObservedRun:
    """What whoever reports a run knows about it.

    Args:
        started_at: in ISO 8601; of a live run of Airflow that is when it began to wait.
        crawled: whether the crawler was needed.
        query_ids: of the checks, and of the ledger's figures; Athena is asked about them.
        scanned: their bytes, where they are known without asking.
        archive: the answer of ArchiveETLFiles.
        summaries: of the stages, by dataset.
        looks: of the state machine at the crawler; None when Airflow ran it all.
    """

    workflow: str
    run_id: str
    batch_id: str
    started_at: str
    deliveries: int
    live: bool = True
    crawled: bool = False
    query_ids: Sequence[str | None] = ()
    scanned: Sequence[int] = ()
    archive: Mapping[str, Any] = field(default_factory=dict)
    summaries: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    settle_seconds: float = 0.0
    looks: int | None = None


def usage(seen: ObservedRun, connect: Connect) -> Usage:
    """Measure what the run used, with None for each figure that is not available. Never raises."""
    jobs = _measured("the runs of the jobs", lambda: job_runs(connect("glue"), seen.batch_id))
    return Usage(
        jobs=jobs,
        crawls=_measured("the crawl", lambda: crawls(connect("glue"), _begun(seen))) if seen.crawled else (),
        scanned=_measured("what Athena scanned", lambda: _scanned(seen, connect)),
        requests=_measured("the requests", lambda: _requests(seen)),
        calls=_measured("the calls of functions", lambda: _calls(seen)),
        transitions=_measured("the state transitions", lambda: _transitions(seen, jobs)),
    )


def job_runs(glue: Any, batch_id: str) -> tuple[DpuTime, ...]:
    """Every run of a Glue job for the batch that has begun to work."""
    return tuple(
        _of_run(run)
        for dataset in DATASETS.values()
        for run in _since(glue, dataset.job, _planned(batch_id) - _CLOCKS)
        if run.get("Arguments", {}).get("--batch_id") == batch_id and _has_worked(run)
    )


def _has_worked(run: Mapping[str, Any]) -> bool:
    return bool(run.get("ExecutionTime") or run.get("DPUSeconds"))


def _since(glue: Any, job: str, moment: datetime) -> list[dict[str, Any]]:
    """Return the runs of the job since then; Glue lists the newest first."""
    found: list[dict[str, Any]] = []
    pages = glue.get_paginator("get_job_runs").paginate(JobName=job, PaginationConfig={"PageSize": _PAGE})
    for number, page in enumerate(pages, start=1):
        found += page["JobRuns"]
        if number == _PAGES or any(run["StartedOn"] < moment for run in page["JobRuns"]):
            break
    return found


def _planned(batch_id: str) -> datetime:
    """When the batch was planned, with which its id begins."""
    return datetime.strptime(batch_id.partition("-")[0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def _begun(seen: ObservedRun) -> datetime:
    """When the run began to work: it may have waited for its batch, or gone on with an older one."""
    return max(from_iso(seen.started_at), _planned(seen.batch_id))


def _of_run(run: Mapping[str, Any]) -> DpuTime:
    """Glue says DPU-seconds only where the workers vary; else they are its time and its capacity."""
    dpus = run.get("MaxCapacity") or run["NumberOfWorkers"] * _DPUS[run["WorkerType"]]
    return DpuTime(float(run.get("ExecutionTime") or 0), float(dpus), run.get("DPUSeconds"))


def crawls(glue: Any, since: datetime) -> tuple[DpuTime, ...]:
    """Return the crawls that began since then.

    Raises:
        LookupError: there is none.
    """
    listed = glue.list_crawls(CrawlerName=names.CRAWLER, MaxResults=20)["Crawls"]
    found = tuple(_of_crawl(each) for each in listed if each["StartTime"] >= since - _CLOCKS)
    if not found:
        raise LookupError(f"no crawl of {names.CRAWLER} since {since:%Y-%m-%d %H:%M:%S} is listed")
    return found


def _of_crawl(crawl: Mapping[str, Any]) -> DpuTime:
    seconds = (crawl["EndTime"] - crawl["StartTime"]).total_seconds()
    return DpuTime(seconds, prices.CRAWLER_DPUS, crawl["DPUHour"] * 3600)


def _scanned(seen: ObservedRun, connect: Connect) -> tuple[int, ...]:
    """Of the checks and of the question for the figures."""
    known = tuple(int(size) for size in seen.scanned)
    if seen.query_ids:
        athena = connect("athena")
        asked = (athena.get_query_execution(QueryExecutionId=each)["QueryExecution"] for each in seen.query_ids)
        known += tuple(int(each["Statistics"]["DataScannedInBytes"]) for each in asked)
    if len(known) != len(checks()) + 1:
        raise LookupError(f"{len(known)} queries are known, of {len(checks()) + 1}")
    return known


def _requests(seen: ObservedRun) -> Requests:
    return (
        request_counts.of_plan(seen.deliveries)
        + request_counts.of_archive(seen.archive)
        + request_counts.of_jobs(seen.summaries.values())
        + request_counts.of_messages(seen.deliveries, seen.live)
    )


def _calls(seen: ObservedRun) -> Calls:
    if seen.looks is None:
        return request_counts.of_airflow(seen.deliveries)
    return request_counts.of_functions(seen.deliveries, seen.live, seen.settle_seconds)


def _transitions(seen: ObservedRun, jobs: Sequence[DpuTime] | None) -> int:
    if seen.looks is None:
        return 0
    return request_counts.of_states(len(DATASETS), request_counts.levels(), len(jobs or ()), seen.looks)


def _measured(what: str, learn: Callable[[], _Figure]) -> _Figure | None:
    try:
        return learn()
    except Exception as error:  # noqa: BLE001 - whatever it is, the run itself is as it is
        log.warning("What the run cost is not known in full; %s: %s: %s", what, type(error).__name__, error)
        return None
