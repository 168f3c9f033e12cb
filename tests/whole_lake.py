"""A whole lake, used as a person uses it: by the command `ledgerlake`.

The fixture is taken into the `conftest.py` of every folder whose tests need one, and is up once for all of them.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

import boto3
import psutil
import pytest

from cli.clients.airflow_transport import LocalAirflow
from cli.clients.athena import ask
from cli.views.showing import Format, show
from ledgerlake import names
from ledgerlake.contracts import DATASETS
from ledgerlake.keys import OPEN_BATCHES, RAW
from ledgerlake.names import Places
from ledgerlake.settings import Settings
from local import processes
from local.airflow import postgres
from local.aws_clients import client_arguments
from local.deploy import OUTBOX
from local.home import Home
from local.processes import left_behind

ROOT = Path(__file__).parents[1]
COMMAND = ROOT / ".venv" / "bin" / "ledgerlake"
PATIENCE = 600
"""Seconds that a test waits for what a lake does by itself."""
LIVE_DAG = names.LIVE_DAG
APRIL = ROOT.parent / "shared" / "data" / "april2025"


@dataclass
class Lake:
    """The lake of one home, and what its command says."""

    home: Home
    received: list[dict[str, str]] = field(default_factory=list)

    @property
    def places(self) -> Places:
        return Places.of(Settings(), self.home.endpoint_url)

    @property
    def bucket(self) -> str:
        return self.places.bucket

    def client(self, service: str) -> Any:
        return boto3.client(service, **client_arguments(self.home))

    def say(self, *arguments: str | Path, timeout: int = 600) -> subprocess.CompletedProcess[str]:
        """Run `ledgerlake …`; its output is kept for the report of a failing test."""
        environ = {**os.environ, "LEDGERLAKE_HOME": str(self.home.folder), "NO_COLOR": "1", "COLUMNS": "200"}
        done = subprocess.run(
            [COMMAND, *arguments], env=environ, capture_output=True, text=True, timeout=timeout, check=False
        )
        print(f"$ ledgerlake {' '.join(map(str, arguments))}\n{done.stdout[-6000:]}{done.stderr[-3000:]}")
        return done

    def do(self, *arguments: str | Path, timeout: int = 600) -> str:
        """Run `ledgerlake …`, which must succeed; returns what it printed."""
        done = self.say(*arguments, timeout=timeout)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def deliver(self, dataset: str, name: str, text: str) -> None:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, name)
            file.write_text(text)
            self.do("deliver", dataset, file)

    def put(self, files: dict[str, str | bytes]) -> None:
        """Bodies by their keys below raw/, at once and in the order of their keys, as versions of one second are."""
        s3 = self.client("s3")
        for name, body in sorted(files.items()):
            text = body.encode() if isinstance(body, str) else body
            s3.put_object(Bucket=self.bucket, Key=RAW + name, Body=text)

    def query(self, sql: str) -> list[dict[str, Any]]:
        """What `ledgerlake query … --format json` prints, without a process for each question."""
        with redirect_stdout(StringIO()) as printed:
            show(ask(self, sql), Format.JSON)
        return json.loads(printed.getvalue())

    def keys(self, prefix: str) -> list[str]:
        pages = self.client("s3").get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]

    def notifications(self) -> list[dict[str, str]]:
        """Everything that SNS has sent since the lake was made: Subject and Message, oldest first."""
        sqs = self.client("sqs")
        url = sqs.get_queue_url(QueueName=OUTBOX)["QueueUrl"]
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                self.received.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return self.received

    def airflow(self, method: str, path: str, body: dict[str, Any] | None = None, **params: Any) -> dict[str, Any]:
        """What the REST API of Airflow answers."""
        return LocalAirflow(self.home).send(method, path, params=params or None, body=body)

    def runs(self, dag_id: str = LIVE_DAG) -> list[dict[str, Any]]:
        """Of the DAG, newest first."""
        return self.airflow("GET", f"/dags/{dag_id}/dagRuns", order_by="-run_after", limit=100)["dag_runs"]

    def tasks(self, run: dict[str, Any]) -> dict[str, dict[str, Any]]:
        path = f"/dags/{run['dag_id']}/dagRuns/{quote(run['dag_run_id'])}/taskInstances"
        return {each["task_id"]: each for each in self.airflow("GET", path)["task_instances"]}

    def messages_in_queue(self) -> int:
        """Visible and hidden ones."""
        sqs = self.client("sqs")
        url = sqs.get_queue_url(QueueName=names.QUEUE)["QueueUrl"]
        counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        return int(counts["ApproximateNumberOfMessages"]) + int(counts["ApproximateNumberOfMessagesNotVisible"])

    def processes(self) -> list[psutil.Process]:
        """Every process that was started for this home, or has it among its arguments."""
        named = [process for process in psutil.process_iter() if _names(process, str(self.home.folder))]
        return named + left_behind(self.home)


def until(come: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not come():
        assert time.monotonic() < deadline, f"{what} did not come in {PATIENCE} seconds"
        time.sleep(0.2)


def at_work(lake: Lake, dataset: str, before: set[str]) -> None:
    """Return when the dataset's job is in the middle of its work: its rows are being staged.

    Args:
        before: what lay in the staging area before.
    """
    until(lambda: [key for key in lake.keys("staging/") if f"/{dataset}/" in key and key not in before], dataset)


def at_rest(lake: Lake) -> None:
    """Return when nothing waits in `raw/` and no batch is open, however many runs that takes."""
    until(lambda: lake.keys(RAW) == lake.keys(OPEN_BATCHES) == [], "an empty raw/ without open batches")


def kill_scheduler(lake: Lake) -> None:
    """Airflow's scheduler with its workers, at once."""
    session = processes.started(lake.home, "scheduler").pid
    mine = [each for each in processes.left_behind(lake.home) if os.getsid(each.pid) == session]
    for each in mine:
        each.kill()
    psutil.wait_procs(mine, timeout=10)
    assert not processes.running(lake.home, "scheduler")


def kill_aws(lake: Lake) -> None:
    """The local AWS, with whatever it was about to do."""
    killed = processes.started(lake.home, "aws").process()
    killed.kill()
    killed.wait()


def kill_part(lake: Lake, name: str) -> None:
    """One part of Airflow, or `postgres`, with what keeps it running: it stays away until `ledgerlake up`."""
    keeper = processes.started(lake.home, "postgres-keeper" if name == "postgres" else name)
    sessions = {keeper.pid} | ({postgres._process(lake.home).pid} if name == "postgres" else set())
    mine = [each for each in processes.left_behind(lake.home) if {each.pid, os.getsid(each.pid)} & sessions]
    for each in mine:
        each.kill()
    psutil.wait_procs(mine, timeout=10)


def kill_job(lake: Lake, dataset: str) -> None:
    """The run of the dataset's job, with its JVM."""
    jobs = job_processes(lake, DATASETS[dataset].job)
    assert jobs, f"the job of {dataset} was not at work any more"
    for job in jobs:
        os.killpg(job.pid, signal.SIGKILL)


def job_processes(lake: Lake, job: str) -> list[psutil.Process]:
    """The Python of the job's run, which leads a process group with Spark's JVM."""
    mine = [each for each in left_behind(lake.home) if each.is_running()]
    return [each for each in mine if any(part.endswith(f"/{job}.py") for part in _command(each))]


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def _names(process: psutil.Process, folder: str) -> bool:
    try:
        return any(folder in argument for argument in process.cmdline())
    except psutil.Error:
        return False


@contextmanager
def environment_of(**variables: str) -> Iterator[None]:
    """Let the commands of a lake see other settings."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        yield


@contextmanager
def lake_of(*options: str) -> Iterator[Lake]:
    """`ledgerlake up --fresh …` in a home of its own, and `ledgerlake down --purge` at the end."""
    if not (ROOT / ".venv-airflow").exists() or not (ROOT / ".venv-glue").exists():
        pytest.skip("the environments of Airflow and Glue are missing: make setup")
    # Postgres' socket lies in the home, and a socket's path may have 107 characters.
    folder = Path(tempfile.mkdtemp(prefix="lake-"))
    running = Lake(Home(folder))
    try:
        running.do("up", "--fresh", *options)
        yield running
    finally:
        running.say("down", "--purge")
        left = running.processes()
        shutil.rmtree(folder, ignore_errors=True)
    assert left == [], "`ledgerlake down` left processes behind"


@pytest.fixture(scope="session", name="lake")
def whole_lake() -> Iterator[Lake]:
    """A lake on which Airflow runs the pipeline."""
    with lake_of() as running:
        yield running
