"""Processes that a test may kill: each does one step of a batch, by the product's own entry point."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from between import Between, Fate, Request
from spark_lake import write_properties

ROOT = Path(__file__).parents[3]

_PATIENCE = 1500
_STEPS = {
    "plan": """
import boto3, sys
from datetime import UTC, datetime, timedelta
from ledgerlake.planning import batch
from ledgerlake.settings import Settings
later = datetime.now(UTC) + timedelta(seconds=5)
batch.plan(boto3.client("s3"), sys.argv[1], Settings(gate="any"), later)
""",
    "archive": """
import importlib.util, sys
from types import SimpleNamespace
spec = importlib.util.spec_from_file_location("handler", "lambdas/archive_etl_files/handler.py")
handler = importlib.util.module_from_spec(spec)
spec.loader.exec_module(handler)
context = SimpleNamespace(get_remaining_time_in_millis=lambda: 900_000)
handler.handler({"batch_id": sys.argv[2]}, context)
""",
    "acknowledge": """
import boto3, sys
from ledgerlake.planning import batch
batch.close(boto3.client("s3"), sys.argv[1], sys.argv[2])
""",
}

_JOBS = """
import runpy, sys
from ledgerlake.contracts import DATASETS
_, names, *sys.argv[1:] = sys.argv
for name in names.split(","):
    runpy.run_path(f"glue_scripts/{DATASETS[name].job}.py", run_name="__main__")
"""


@dataclass(frozen=True)
class Boundary:
    """A moment in a batch at which a process may die: before or after S3 does the nth request of a kind.

    Args:
        step: `plan`, `archive`, `acknowledge`, or the dataset whose job is meant.
        when: `before` or `after`.
        request: how the request begins, `PUT control/publishing/` (COPY is a PUT of what S3 has already).
    """

    step: str
    when: str
    request: str
    nth: int = 1
    ends: str = ""

    def matches(self, request: Request) -> bool:
        said = str(request)
        return said.startswith(self.request) and said.endswith(self.ends)

    def decide(self) -> Callable[[Request], Fate]:
        """The fates of a process's requests: all pass, but one."""
        seen = 0

        def fate(request: Request) -> Fate:
            nonlocal seen
            seen += self.matches(request)
            if seen < self.nth:
                return Fate.PASSED
            return Fate.KILLED_BEFORE if self.when == "before" else Fate.KILLED_AFTER

        return fate


class NeverReached(AssertionError):
    """The process ended without a request at the boundary.

    Args:
        said: what it printed.
    """

    def __init__(self, boundary: Boundary, requests: list[Request], said: str) -> None:
        super().__init__(f"{boundary} was never reached:\n{chr(10).join(map(str, requests))}\n{said}")
        self.said = said


def kill_at(boundary: Boundary, upstream: str, bucket: str, batch_id: str, folder: Path) -> list[Request]:
    """Run the step in a process of its own, and kill it and its children at the boundary.

    Returns:
        The requests that it could make.

    Raises:
        NeverReached: it ended before.
    """
    with Between(upstream, boundary.decide()) as gate:
        process = start(boundary.step, gate.endpoint, bucket, batch_id, folder)
        gate.kill = lambda: os.killpg(process.pid, signal.SIGKILL)
        said = wait(process, folder)
        if not gate.closed:
            raise NeverReached(boundary, gate.requests, said)
        assert process.returncode == -signal.SIGKILL, said
        return gate.requests


def start(step: str, endpoint: str, bucket: str, batch_id: str, folder: Path) -> subprocess.Popen[bytes]:
    """Start a step, its S3 at `endpoint`, as the leader of a process group.

    Args:
        step: `plan`, `archive`, `acknowledge`, or the datasets whose jobs are to be run one after the other, `a,b`.
    """
    environ = {**os.environ, "AWS_ENDPOINT_URL": endpoint, "LEDGERLAKE_BUCKET": bucket}
    if step in _STEPS:
        environ["PYTHONPATH"] = "dags"
        command = [sys.executable, "-c", _STEPS[step], bucket, batch_id]
    else:
        environ["PYTHONPATH"] = "dags:glue_scripts"
        environ["PYSPARK_SUBMIT_ARGS"] = f"--properties-file {write_properties(folder, endpoint)} pyspark-shell"
        command = [sys.executable, "-c", _JOBS, step, "--batch_id", batch_id, "--lake_bucket", bucket]
    with (folder / "said").open("wb") as said:
        return subprocess.Popen(
            command, cwd=ROOT, env=environ, stdout=said, stderr=said, stdin=subprocess.DEVNULL, start_new_session=True
        )


def wait(process: subprocess.Popen[bytes], folder: Path) -> str:
    """Wait for its end; returns the last of what it said."""
    try:
        process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    return (folder / "said").read_text(errors="replace")[-5000:]
