"""What a run cost: from what it used to dollars, by the prices and minimums of `ledgerlake.costs.prices`.

Pure arithmetic. A figure that could not be learnt is None throughout, never zero: a cost with one of them is
a lower bound, and says so. Dollars are rounded to a millionth for each service, and the total is the sum of
the rounded ones, so that a reader's own sum agrees.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from math import ceil
from typing import TypeVar

from ledgerlake.costs import prices

DECIMALS = 6
_Used = TypeVar("_Used")


@dataclass(frozen=True)
class DpuTime:
    """One run of a job, or one crawl.

    Args:
        seconds: for which it was billed as running.
        dpus: allotted to it; one is 4 vCPUs and 16 GB.
        dpu_seconds: as Glue itself says, where it does (with auto scaling); else it is their product.
    """

    seconds: float
    dpus: float
    dpu_seconds: float | None = None

    @property
    def used(self) -> float:
        """DPU-seconds."""
        return self.seconds * self.dpus if self.dpu_seconds is None else self.dpu_seconds

    def billed(self, minimum_seconds: float) -> float:
        """DPU-seconds, with those of the shortest time that is billed."""
        return max(self.used, minimum_seconds * self.dpus)


@dataclass(frozen=True)
class Requests:
    """Requests that are billed one by one; deletes of S3 cost nothing.

    Args:
        s3_writes: PUT, COPY and LIST.
        s3_reads: GET and HEAD.
        messages: of SQS.
        notifications: published to SNS.
        metrics: requests to CloudWatch.
    """

    s3_writes: int = 0
    s3_reads: int = 0
    messages: int = 0
    notifications: int = 0
    metrics: int = 0

    def __add__(self, other: Requests) -> Requests:
        """Add the requests of another service."""
        return Requests(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))

    @property
    def count(self) -> int:
        """All requests together."""
        return sum(getattr(self, each.name) for each in fields(self))


@dataclass(frozen=True)
class Calls:
    """Invocations of Lambda functions: how many, and their memory times their time, in GB-seconds."""

    count: int = 0
    gb_seconds: float = 0.0


@dataclass(frozen=True)
class Usage:
    """What one run used; None for what could not be learnt.

    Args:
        jobs: every run of a Glue job for the batch, failed tries too.
        crawls: none when the run had no need of one.
        scanned: bytes, by query.
        transitions: of the state machine; 0 when Airflow ran it.
    """

    jobs: tuple[DpuTime, ...] | None = ()
    crawls: tuple[DpuTime, ...] | None = ()
    scanned: tuple[int, ...] | None = ()
    requests: Requests | None = Requests()
    calls: Calls | None = Calls()
    transitions: int | None = 0


@dataclass(frozen=True)
class RunCost:
    """Dollars by service; None for one whose usage is unknown."""

    glue: float | None
    crawler: float | None
    athena: float | None
    requests: float | None
    functions: float | None
    states: float | None

    @property
    def unknown(self) -> tuple[str, ...]:
        """Services without a figure."""
        return tuple(each.name for each in fields(self) if getattr(self, each.name) is None)

    @property
    def total(self) -> float:
        """Of the services that are known."""
        return round(sum(getattr(self, each.name) or 0.0 for each in fields(self)), DECIMALS)


def cost(usage: Usage) -> RunCost:
    """Return the price of `usage`."""
    return RunCost(
        glue=_priced(usage.jobs, lambda jobs: _hours(job_dpu_seconds(jobs), prices.GLUE_DPU_HOUR)),
        crawler=_priced(usage.crawls, lambda crawls: _hours(crawl_dpu_seconds(crawls), prices.CRAWLER_DPU_HOUR)),
        athena=_priced(
            usage.scanned,
            lambda scanned: billed_bytes(scanned) / prices.TERABYTE * prices.ATHENA_TERABYTE.dollars,
        ),
        requests=_priced(usage.requests, _of_requests),
        functions=_priced(usage.calls, _of_calls),
        states=_priced(usage.transitions, lambda count: count / 1000 * prices.STATE_TRANSITIONS.dollars),
    )


def job_dpu_seconds(jobs: Sequence[DpuTime]) -> float:
    """As billed: each run for a minute at the least."""
    return sum((job.billed(prices.JOB_MINIMUM_SECONDS) for job in jobs), 0.0)


def crawl_dpu_seconds(crawls: Sequence[DpuTime]) -> float:
    """As billed: each crawl for ten minutes at the least."""
    return sum((crawl.billed(prices.CRAWL_MINIMUM_SECONDS) for crawl in crawls), 0.0)


def billed_bytes(scanned: Sequence[int]) -> int:
    """As billed: each query by the megabyte, rounded up, and for ten at the least."""
    whole = (ceil(size / prices.MEGABYTE) * prices.MEGABYTE for size in scanned)
    return sum(max(size, prices.QUERY_MINIMUM_BYTES) for size in whole)


def _priced(used: _Used | None, dollars: Callable[[_Used], float]) -> float | None:
    return None if used is None else round(dollars(used), DECIMALS)


def _hours(dpu_seconds: float, price: prices.Price) -> float:
    return dpu_seconds / 3600 * price.dollars


def _of_requests(made: Requests) -> float:
    return (
        made.s3_writes / 1000 * prices.S3_WRITES.dollars
        + made.s3_reads / 1000 * prices.S3_READS.dollars
        + made.messages / 1_000_000 * prices.SQS_REQUESTS.dollars
        + made.notifications / 1_000_000 * prices.SNS_PUBLISHES.dollars
        + made.metrics / 1000 * prices.METRIC_REQUESTS.dollars
    )


def _of_calls(made: Calls) -> float:
    calls = made.count / 1_000_000 * prices.LAMBDA_REQUESTS.dollars
    return calls + made.gb_seconds * prices.LAMBDA_GB_SECOND.dollars
