"""Spark, Delta and an S3 that are real: one session, one local S3, a fresh bucket for each test.

The fixtures are taken into `tests/conftest.py`, where Spark is installed.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import uuid
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ledgerlake.archive.move import archive
from ledgerlake.contracts import DATASETS
from ledgerlake.intake.deliveries import Delivery
from ledgerlake.keys import LEDGER, parked_prefix, raw_prefix, rejected_prefix, table_prefix
from ledgerlake.planning import batch, by_date
from ledgerlake.planning.by_date import Selection
from ledgerlake.planning.evidence import require_finished, require_published
from ledgerlake.settings import Settings
from ledgerlake_glue import objects
from ledgerlake_glue.job import run
from ledgerlake_glue.session import INTERPRETED
from ledgerlake_glue.tables import LakeTable

ROOT = Path(__file__).parents[1]
S3 = [ROOT / ".venv" / "bin" / "python", "-m", "tests.versions_of_tests"]
COMPILED = {"spark.sql.codegen.wholeStage": "true", "spark.sql.codegen.factoryMode": "FALLBACK"}
"""How Spark executes its plans unless it is configured otherwise: the opposite of `INTERPRETED`."""


@pytest.fixture(scope="session")
def s3_endpoint(tmp_path_factory):
    """A local S3 on a free port, and the AWS environment that leads to it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    quiet = {"BIND_HOST": "127.0.0.1", "IOT_MTLS_ENABLED": "0", "SFTP_ENABLED": "0"}
    modules = os.pathsep.join([str(ROOT), str(ROOT / "dags")])
    environ = {**os.environ, **quiet, "GATEWAY_PORT": str(port), "SERVICES": "s3", "PYTHONPATH": modules}
    folder = tmp_path_factory.mktemp("aws")
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(S3, env=environ, cwd=folder, stdout=log, stderr=log)
        endpoint = f"http://127.0.0.1:{port}"
        os.environ |= {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        _wait_for(port, folder / "log")
        yield endpoint
        server.terminate()
        server.wait()


def _wait_for(port: int, log: Path) -> None:
    for _ in range(300):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError(f"the local S3 did not start: {log.read_text()[-2000:]}")


@pytest.fixture(scope="session")
def spark(s3_endpoint, tmp_path_factory):
    """One session as a Glue job has it, with as little of Spark's overhead as can be."""
    file = write_properties(tmp_path_factory.mktemp("spark"), s3_endpoint)
    os.environ["PYSPARK_SUBMIT_ARGS"] = f"--properties-file {file} pyspark-shell"
    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    from pyspark.sql import SparkSession

    session = SparkSession.builder.appName("tests").getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    yield session
    session.stop()


def write_properties(folder: Path, endpoint: str) -> Path:
    """The properties of a session for tests, its S3 at `endpoint`."""
    sys.path.insert(0, str(ROOT))
    from local import spark_properties

    file = spark_properties.write(folder / "properties", endpoint)
    text = file.read_text().replace("spark.sql.shuffle.partitions=2", "spark.sql.shuffle.partitions=1")
    # To compile a query costs a second, and its rows here are few. (End to end the jobs run as on Glue.)
    file.write_text(text + "".join(f"{name}={value}\n" for name, value in INTERPRETED.items()))
    return file


def set_all(session, settings: dict[str, str]) -> None:
    for name, value in settings.items():
        session.conf.set(name, value)


class Lake:
    """One lake in a bucket of its own, with its batches run as the orchestrator would."""

    def __init__(self, spark, settings: Settings) -> None:
        self.spark, self.settings = spark, settings
        self.contracts = dict(DATASETS)  # a test may change a rule of one
        self.s3 = objects.s3()
        self.bucket = f"lake-{uuid.uuid4().hex[:12]}"
        self.s3.create_bucket(Bucket=self.bucket)
        self.s3.put_bucket_versioning(Bucket=self.bucket, VersioningConfiguration={"Status": "Enabled"})

    def deliver(self, dataset: str, name: str, body: str | bytes) -> None:
        body = body.encode() if isinstance(body, str) else body
        self.s3.put_object(Bucket=self.bucket, Key=f"{raw_prefix(dataset)}{name}", Body=body)

    def plan(self) -> batch.Batch:
        planned = batch.plan(self.s3, self.bucket, self.settings, later()).batch
        assert planned is not None
        return planned

    def plan_again(self, *days: str, dataset: str = "") -> batch.Batch:
        """A batch of everything that is archived, or of the deliveries of these days."""
        spans = [(min(days), max(days))] if days else _ALWAYS
        found: list[Delivery] = []
        for first, last in spans:
            asked = (date.fromisoformat(first), date.fromisoformat(last), (dataset,) if dataset else ())
            found += by_date.find(self.s3, self.bucket, Selection(*asked, waiting=False))
        loaded = batch.loaded_tables(self.s3, self.bucket)
        return batch.make(self.s3, self.bucket, tuple(sorted(found)), "test", loaded, later())

    def job(self, dataset: str, batch_id: str) -> dict:
        return run(self.spark, self.contracts[dataset], batch_id, self.bucket)

    def run(self, planned: batch.Batch | None = None) -> dict[str, dict]:
        """One batch from plan to acknowledgement; the counts by dataset."""
        planned = planned or self.plan()
        counts = {name: self.job(name, planned.batch_id) for name in planned.datasets}
        require_published(self.s3, self.bucket, planned)
        archive(self.s3, self.bucket, planned)
        require_finished(self.s3, self.bucket, planned)
        batch.close(self.s3, self.bucket, planned.batch_id)
        return counts

    def table(self, dataset: str) -> LakeTable:
        return LakeTable(self.spark, self.contracts[dataset], f"s3://{self.bucket}/{table_prefix(dataset)}")

    def rows(self, dataset: str, *columns: str) -> list[tuple]:
        return sorted(tuple(row) for row in self.table(dataset).read().select(*columns).collect())

    def keys(self, prefix: str) -> list[str]:
        return [each["Key"] for each in self.s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix).get("Contents", [])]

    def remove(self, prefix: str) -> None:
        """Delete the objects below the prefix, as whoever tidies up, or what expires, does."""
        for key in self.keys(prefix):
            self.s3.delete_object(Bucket=self.bucket, Key=key)

    def parquet(self, prefix: str) -> list[dict]:
        """The rows of all Parquet objects below a prefix."""
        bodies = [self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read() for key in self.keys(prefix)]
        return [row for body in bodies for row in pq.read_table(pa.BufferReader(body)).to_pylist()]

    def rejected(self, dataset: str) -> list[tuple]:
        """(file name, row, original, reasons) of every reject."""
        found = self.parquet(rejected_prefix(dataset))
        cut = [(r["source_file"].rpartition("/")[2], r["source_row"], r["original"], r["reasons"]) for r in found]
        return sorted(cut, key=lambda row: (row[0], row[1] or 0))

    def parked(self, dataset: str) -> list[dict]:
        return self.parquet(parked_prefix(dataset))

    def ledger(self) -> list[dict]:
        return self.parquet(LEDGER)


_TODAY = datetime.now(UTC).date()
_ALWAYS = [("2025-03-01", "2025-05-31"), (f"{_TODAY - timedelta(days=1)}", f"{_TODAY}")]


def later() -> datetime:
    """When everything that was delivered may be planned: two versions of one second cannot follow any more."""
    return datetime.now(UTC) + timedelta(seconds=5)


@pytest.fixture
def lake(spark):
    return Lake(spark, Settings(gate="any"))
