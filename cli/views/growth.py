"""What more data would cost, and what breaks first: arithmetic for docs/cost.md, from constants that are named here.

Nothing here is a measurement at AWS: each constant says where it is from. One job stands for all: that of order
items, which has nearly all the bytes and comes last.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil

from cli.rows import Rows
from infra.stacks.data_plane.limits import SCANNED_AT_MOST, WORKERS
from ledgerlake.contracts import DATASETS
from ledgerlake.costs import request_counts
from ledgerlake.costs.cost import Calls, DpuTime, Requests, RunCost, Usage, cost
from ledgerlake.settings import Settings
from ledgerlake.tables.checks import checks

GB, MB = 10**9, 10**6

ROWS_PER_SECOND, ON_CORES = 110_000, 2
"""Of CSV, from text to merged table: `make bench NAME=batch`, 5 million rows in one file, warm, in a slow hour."""
BYTES_PER_ROW = 71
"""Of CSV: 4,993,993 rows of that benchmark are 354 MB."""
FILE_BYTES_PER_SECOND = 50 * MB
"""Of the text of one zipped file, which one task reads: measured by `make bench NAME=memory`, warm."""
START_SECONDS = 22
"""Of a cold Spark, before and after the rows: by how much the same batch takes longer cold."""
TABLE_BYTES_PER_SECOND = 60 * MB
"""Of Parquet, read, shuffled and joined, by one core. Assumed."""
TABLE_PASSES = 1.3
"""At worst a batch is compared with every column of the table (one pass), and its MERGE looks for keys (a third)."""
PARQUET_SHARE = 0.37
"""Bytes of the tables for each byte of CSV: the files of April 2025, with their lineage, in Snappy."""
ITEMS_SHARE = 0.86
"""Of the bytes, those of order items, in the same files."""
SCANNED_SHARES = {"primary_keys_unique": 0.10, "references_hold": 0.06, "required_not_null": 0.26}
"""Bytes that a check scans for each byte of CSV ever delivered, by the columns it names; the others count rows."""
FILE_BYTES = 128 * MB
"""A file, where its producer can be asked."""
CORES_PER_WORKER = 4
WORKER_DISK = 44 * GB
"""Free on a G.1X: https://docs.aws.amazon.com/glue/latest/dg/worker-types.html"""
BATCH_SECONDS = 20 * 60
"""A job is given workers enough to be done in this time."""


@dataclass(frozen=True)
class Load:
    """So much CSV a day, in so many batches, into tables that are so many days old."""

    gb_per_day: float
    batches_per_day: int = 24
    days: int = 365

    @property
    def batch_bytes(self) -> float:
        """Return the bytes of one batch."""
        return self.gb_per_day * GB / self.batches_per_day

    @property
    def rows(self) -> float:
        """Return the rows of one batch."""
        return self.batch_bytes / BYTES_PER_ROW

    @property
    def files(self) -> int:
        """At least one for each dataset."""
        return max(len(DATASETS), ceil(self.batch_bytes / FILE_BYTES))

    @property
    def one_file_seconds(self) -> float:
        """When all order items of a batch come as one zipped file, which one task reads."""
        return self.batch_bytes * ITEMS_SHARE / FILE_BYTES_PER_SECOND

    def table_bytes(self, days: float | None = None) -> float:
        """Of order items, as Parquet, after so many days."""
        return self.gb_per_day * GB * (self.days if days is None else days) * ITEMS_SHARE * PARQUET_SHARE

    @property
    def work(self) -> float:
        """Core-seconds of a batch, but for the start."""
        loading = self.rows * ITEMS_SHARE / (ROWS_PER_SECOND / ON_CORES)
        return loading + self.comparing(self.table_bytes())

    @staticmethod
    def comparing(table_bytes: float) -> float:
        """Core-seconds of comparing a batch with a table."""
        return table_bytes * TABLE_PASSES / TABLE_BYTES_PER_SECOND

    def seconds(self, workers: int) -> float:
        """Of the job, when its files are many; one worker is the driver's."""
        return START_SECONDS + self.work / (CORES_PER_WORKER * (workers - 1))

    @cached_property
    def workers(self) -> int:
        """As many as the time asks for, and as their disks need for the shuffle of the table."""
        cores = self.work / (BATCH_SECONDS - START_SECONDS)
        executors = max(ceil(cores / CORES_PER_WORKER), ceil(self.table_bytes() / WORKER_DISK))
        return max(WORKERS, 1 + executors)

    @property
    def usage(self) -> Usage:
        """Of a batch, with the workers that it needs."""
        small = (DpuTime(START_SECONDS, WORKERS),) * (len(DATASETS) - 1)
        delivered = self.gb_per_day * GB * self.days
        scanned = tuple(int(delivered * SCANNED_SHARES.get(each.name, 0.0)) for each in checks())
        copies = Requests(s3_writes=self.files, s3_reads=2 * self.files)
        jobs = Requests(s3_writes=3 * len(DATASETS), s3_reads=4 * len(DATASETS) + self.files)
        messages = request_counts.of_messages(self.files, live=True)
        return Usage(
            jobs=(*small, DpuTime(self.seconds(self.workers), self.workers)),
            scanned=(*scanned, 0),
            requests=request_counts.of_plan(self.files) + copies + jobs + messages,
            calls=Calls(1, request_counts.of_airflow(self.files).gb_seconds),
        )

    @property
    def cost(self) -> RunCost:
        """Return the cost of one run."""
        return cost(self.usage)

    @property
    def limits(self) -> dict[str, float]:
        """Days until each is met by the lake as it is deployed, soonest first."""
        daily = self.gb_per_day * GB
        table = self.table_bytes(1)
        executors = WORKERS - 1
        seconds_left = Settings().job_timeout_minutes * 60 - START_SECONDS
        for_table = seconds_left * CORES_PER_WORKER * executors - (self.work - self.comparing(self.table_bytes()))
        largest = daily * max(SCANNED_SHARES.values())
        found = {
            f"a check scans {SCANNED_AT_MOST / 1024**3:.0f} GiB": SCANNED_AT_MOST / largest,
            f"the shuffle fills {executors} disk": WORKER_DISK * executors / table,
            f"a job takes {Settings().job_timeout_minutes} min": max(0.0, for_table / self.comparing(table)),
        }
        return dict(sorted(found.items(), key=lambda each: each[1]))


_FIGURES: tuple[tuple[str, Callable[[Load], str]], ...] = (
    ("batches a day", lambda load: f"{load.batches_per_day}"),
    ("rows a batch", lambda load: f"{load.rows:,.0f}"),
    ("CSV a batch", lambda load: _size(load.batch_bytes)),
    (f"files a batch, of {FILE_BYTES // MB} MB", lambda load: f"{load.files:,}"),
    ("order items as one .gz: its task takes", lambda load: _time(load.one_file_seconds)),
    ("age of the lake, days", lambda load: f"{load.days:,}"),
    ("table order_items", lambda load: _size(load.table_bytes())),
    (f"its job with {WORKERS} workers, as deployed", lambda load: _time(load.seconds(WORKERS))),
    (f"G.1X workers for {BATCH_SECONDS // 60} min", lambda load: f"{load.workers:,}"),
    ("its job with those", lambda load: _time(load.seconds(load.workers))),
    ("shuffled by each of them", lambda load: _size(load.table_bytes() / (load.workers - 1))),
    ("Athena, scanned by the checks of a batch", lambda load: _size(sum(load.usage.scanned or ()))),
    ("requests a batch", lambda load: f"{load.usage.requests.count if load.usage.requests else 0:,}"),
    ("Glue, $ a batch", lambda load: f"{load.cost.glue:,.4f}"),
    ("Athena, $ a batch", lambda load: f"{load.cost.athena:,.4f}"),
    ("requests and Lambda, $ a batch", lambda load: f"{(load.cost.requests or 0) + (load.cost.functions or 0):,.4f}"),
    ("$ a batch", lambda load: f"{load.cost.total:,.4f}"),
    ("$ a day", lambda load: f"{load.cost.total * load.batches_per_day:,.2f}"),
    ("$ a month of 30 days", lambda load: f"{load.cost.total * load.batches_per_day * 30:,.0f}"),
    ("breaks first, as deployed", lambda load: _limit(load, 0)),
    ("then", lambda load: _limit(load, 1)),
    ("then", lambda load: _limit(load, 2)),
)


def table(loads: Sequence[Load]) -> Rows:
    """One figure a row, one load a column."""
    columns = ("figure", *(f"{load.gb_per_day:g} GB a day" for load in loads))
    return Rows(columns, [(name, *(figure(load) for load in loads)) for name, figure in _FIGURES])


def _limit(load: Load, place: int) -> str:
    what, days = list(load.limits.items())[place]
    return f"{what}: day {days:,.0f}" if days >= 1 else f"{what}: the first day"


def _size(count: float) -> str:
    for unit, size in (("TB", 10**12), ("GB", GB), ("MB", MB)):
        if count >= size:
            return f"{count / size:,.1f} {unit}"
    return f"{count / 1000:,.1f} kB"


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:,.0f} s"
    return f"{seconds / 60:,.0f} min" if seconds < 7200 else f"{seconds / 3600:,.1f} h"
