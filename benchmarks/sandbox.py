"""Where a benchmark runs: a local S3 of its own, the environments of the project, and sample data."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from benchmarks.measuring import Failed, Measured, Running, measure
from local import java, spark_properties

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".bench"
"""Samples are kept here from one run to the next; `rm -r .bench` removes them."""
GLUE_PYTHON = ROOT / ".venv-glue" / "bin" / "python"
PYTHON = ROOT / ".venv" / "bin" / "python"
LARGE_BATCHES = (
    "-XX:Tier4InvocationThreshold=50000 -XX:Tier4MinInvocationThreshold=6000 "
    "-XX:Tier4CompileThreshold=150000 -XX:Tier4BackEdgeThreshold=400000 -Duser.timezone=UTC"
)
"""Options for Java where a batch has millions of rows: its second compiler takes on ten times less of Spark's own code.

By default it compiles for fifty seconds on end, above all what Spark needs to make its plans.
"""


_Command = tuple[list[str], dict[str, str]]


@dataclass(frozen=True)
class Sandbox:
    """A running S3.

    Args:
        endpoint_url: of the local S3.
        folder: for files of this run; removed afterwards.
        smoke: everything is small: not to measure, but to see that the benchmark works and results agree.
        say: shows a line of progress.
    """

    endpoint_url: str
    folder: Path
    smoke: bool
    say: Callable[[str], None]

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to find the S3, and nothing else of AWS."""
        mine = {
            name: text for name, text in os.environ.items() if not name.startswith(("AWS_", "LEDGERLAKE_", "SPARK_"))
        }
        return mine | {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "TZ": "UTC",
        }

    @property
    def s3(self) -> Any:
        """Return an S3 client of the sandbox."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint_url,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"max_attempts": 1}, max_pool_connections=24),
        )

    def bucket(self, name: str) -> str:
        """Make a new bucket, versioned as the lake's is."""
        self.s3.create_bucket(Bucket=name)
        self.s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        return name

    def spark(self, module: str, *arguments: str, memory: str = "4g", job_like_local: bool = False) -> Measured:
        """Run `python -m benchmarks.<module>` with Spark, as it is configured for two cores of a worker.

        Args:
            memory: of the driver.
            job_like_local: with the settings by which the local Glue starts small jobs quickly.
        """
        return measure(*self._spark(module, *arguments, memory=memory, job_like_local=job_like_local))

    def start_spark(self, module: str, *arguments: str) -> Running:
        """Begin to run such a process, which waits after each lap."""
        return Running(*self._spark(module, *arguments, memory="4g", job_like_local=False))

    def python(self, module: str, *arguments: str) -> Measured:
        """Run `python -m benchmarks.<module>` in the environment of the command line."""
        return measure(*self._python(module, *arguments))

    def start_python(self, module: str, *arguments: str) -> Running:
        """Begin to run such a process, which waits after each lap."""
        return Running(*self._python(module, *arguments))

    def _spark(self, module: str, *arguments: str, memory: str, job_like_local: bool) -> _Command:
        properties = spark_properties.local(self.endpoint_url)
        if not (job_like_local or self.smoke):
            properties["spark.driver.extraJavaOptions"] = f"{LARGE_BATCHES} {spark_properties.class_archive()}"
            properties["spark.sql.shuffle.partitions"] = "8"
        properties["spark.driver.memory"] = memory
        properties["spark.local.dir"] = str(self.folder)
        file = self.folder / f"spark-{memory}-{job_like_local}.properties"
        file.write_text("".join(f"{name}={value}\n" for name, value in properties.items()))
        environment = self.environment | {
            "PYTHONPATH": os.pathsep.join(str(ROOT / each) for each in (".", "dags", "glue_scripts")),
            "PYSPARK_SUBMIT_ARGS": f"--properties-file {file} pyspark-shell",
            "PYSPARK_PYTHON": str(GLUE_PYTHON),
            "SPARK_LOCAL_IP": "127.0.0.1",
        }
        if found := java.home():
            environment["JAVA_HOME"] = str(found)
        return [str(GLUE_PYTHON), "-m", f"benchmarks.{module}", *arguments], environment

    def _python(self, module: str, *arguments: str) -> _Command:
        environment = self.environment | {"PYTHONPATH": os.pathsep.join(str(ROOT / each) for each in (".", "dags"))}
        return [str(PYTHON), "-m", f"benchmarks.{module}", *arguments], environment


@contextmanager
def opened(name: str, *, smoke: bool, say: Callable[[str], None]) -> Iterator[Sandbox]:
    """Yield a sandbox for one benchmark, with an empty S3."""
    folder = FOLDER / f"run-{name}-{os.getpid()}"
    folder.mkdir(parents=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    sandbox = Sandbox(f"http://127.0.0.1:{port}", folder, smoke, say)
    quiet = {"BIND_HOST": "127.0.0.1", "IOT_MTLS_ENABLED": "0", "SFTP_ENABLED": "0", "SERVICES": "s3"}
    places = {"GATEWAY_PORT": str(port), "TMPDIR": str(folder), "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'dags'}"}
    argv = [str(PYTHON), "-m", "local.aws.ranges"]
    with (folder / "s3.log").open("w") as log:
        server = subprocess.Popen(
            argv,
            env=sandbox.environment | quiet | places,
            cwd=folder,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C is for this process, which then ends what it has started
        )
    try:
        _wait(sandbox, server)
        yield sandbox
    finally:
        server.terminate()
        server.wait(20)
        shutil.rmtree(folder, ignore_errors=True)


def _wait(sandbox: Sandbox, server: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        if server.poll() is not None:
            break
        try:
            sandbox.s3.list_buckets()
        except (BotoCoreError, ClientError):
            time.sleep(0.1)
        else:
            return
    raise Failed(f"the local S3 did not start: {(sandbox.folder / 's3.log').read_text()[-1000:]}")
