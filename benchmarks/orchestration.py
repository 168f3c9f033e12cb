"""What an orchestrator adds to the jobs: from a file's landing to the acknowledged run, less the jobs' own time."""

from __future__ import annotations

import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3

from benchmarks import samples
from benchmarks.measuring import Failed
from benchmarks.report import Goal, Result
from benchmarks.sandbox import ROOT, Sandbox
from ledgerlake import keys
from ledgerlake.contracts import DATASETS
from ledgerlake.intake import deliveries
from ledgerlake.names import Places
from ledgerlake.planning import batch
from ledgerlake.settings import Settings, from_environment
from local.aws_clients import client_arguments
from local.home import Home

_COMMAND = ROOT / ".venv" / "bin" / "ledgerlake"
_PATIENCE = 600
_AT_REST = 5
"""Seconds in which the next run of Airflow begins, and waits for a message."""
_GOALS = {"airflow": 15, "step_functions": 5}


def run(sandbox: Sandbox) -> list[Result]:
    """Deliver one day after the other, each when the one before is acknowledged."""
    times = 2 if sandbox.smoke else 5
    sample = samples.made(sandbox, items=5_000, days=times + 1, defects=0.0)
    rows, goals = [], []
    for orchestrator, limit in _GOALS.items():
        with _lake(sandbox, orchestrator) as home:
            seconds = [_day(sandbox, home, sample, number) for number in range(times + 1)][
                1:
            ]  # the first fills the tables
        over = [whole - jobs for whole, jobs in seconds]
        cells = [statistics.median(each) for each in (*zip(*seconds, strict=True), over)]
        rows.append([orchestrator, *(f"{cell:.1f}" for cell in cells), f"{min(over):.1f}–{max(over):.1f}"])
        goals.append(Goal(f"{orchestrator}, seconds over the jobs", cells[-1], limit))
    header = ["", "landing to acknowledgement", "of that the jobs", "over the jobs", "spread"]
    settle = from_environment({"LEDGERLAKE_ENVIRONMENT": "local"}).settle_seconds
    note = f"{settle:g} of the seconds over the jobs are `settle_seconds`: so long a lake waits for more files."
    return [Result(f"One day's files, in seconds, median of {times}", header, rows, goals, [note])]


@contextmanager
def _lake(sandbox: Sandbox, orchestrator: str) -> Iterator[Home]:
    with tempfile.TemporaryDirectory(prefix="lake-") as folder:
        home = Home(Path(folder))
        sandbox.say(f"starting a lake, orchestrated by {orchestrator} …")
        try:
            _ledgerlake(home, "up", "--fresh", "--orchestrator", orchestrator)
            yield home
        finally:
            _ledgerlake(home, "down")


def _ledgerlake(home: Home, *arguments: str) -> None:
    environment = {**os.environ, "LEDGERLAKE_HOME": str(home.folder)}
    done = subprocess.run(
        [_COMMAND, *arguments], env=environment, capture_output=True, text=True, timeout=_PATIENCE, check=False
    )
    if done.returncode:
        raise Failed.of(["ledgerlake", *arguments], done.returncode, done.stdout, done.stderr)


def _day(sandbox: Sandbox, home: Home, sample: samples.Made, number: int) -> tuple[float, float]:
    """Deliver one day to a lake at rest; returns the seconds to its acknowledgement, and those in which jobs ran."""
    sandbox.say(f"day {number + 1} …")
    s3 = boto3.client("s3", **client_arguments(home))
    bucket = Places.of(Settings()).bucket
    files = {"orders": sample.orders[number], "order_items": sample.items[number]}
    if number == 0:
        files["products"] = sample.folder / "products.csv"
    before = {run["Id"] for run in _job_runs(home)}
    for dataset, file in files.items():
        s3.upload_file(str(file), bucket, f"{keys.raw_prefix(dataset)}{file.name}")
    began = time.time()
    while deliveries.waiting(s3, bucket).deliveries or batch.open_batches(s3, bucket):
        if time.time() - began > _PATIENCE:
            raise Failed(f"nothing was acknowledged in {_PATIENCE} s; expected a batch of {len(files)} files")
        time.sleep(0.1)
    whole = time.time() - began
    runs = [run for run in _job_runs(home) if run["Id"] not in before]
    _ledgerlake(home, "wait")
    time.sleep(_AT_REST)
    return whole, _covered([(run["StartedOn"].timestamp(), run["CompletedOn"].timestamp()) for run in runs])


def _job_runs(home: Home) -> list[dict[str, Any]]:
    glue = boto3.client("glue", **client_arguments(home))
    return [run for dataset in DATASETS.values() for run in glue.get_job_runs(JobName=dataset.job)["JobRuns"]]


def _covered(spans: list[tuple[float, float]]) -> float:
    """Seconds that lie in at least one of the spans."""
    total, end = 0.0, 0.0
    for first, last in sorted(spans):
        total += max(0.0, last - max(first, end))
        end = max(end, last)
    return total
