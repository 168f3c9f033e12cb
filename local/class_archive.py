"""The JVM's archive of Spark's classes: recorded once at set-up, it saves every job about five seconds of CPU time.

Only speed depends on it: the JVM ignores an archive that does not fit its jars, and so does a job
when there is none. Run as `python -m local.class_archive`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import boto3

from ledgerlake.errors import LedgerlakeError
from local import java, local_aws, processes, spark_properties
from local.aws_clients import client_arguments
from local.home import ROOT, Home

_TRAINING = Path(__file__).with_name("class_archive_training.py")
_PATIENCE = 300
_BUCKET = "training"


def record() -> None:
    """Run a small job against a local AWS of its own, and keep the classes that it loaded.

    Raises:
        LedgerlakeError, subprocess.SubprocessError: it could not be recorded.
    """
    with tempfile.TemporaryDirectory(prefix="ledgerlake-") as scratch:
        home = Home(Path(scratch, "home"))
        try:
            local_aws.start(home)
            local_aws.wait(home)
            boto3.client("s3", **client_arguments(home)).create_bucket(Bucket=_BUCKET)
            made = ROOT / ".venv-glue" / f".classes-{os.getpid()}.jsa"
            _train(home, made)
            made.replace(spark_properties.CLASSES)  # never there in part
        finally:
            processes.stop(home, local_aws.NAME)
            processes.end(processes.left_behind(home), patience=1)


def _train(home: Home, made: Path) -> None:
    properties = spark_properties.write(home.folder / "spark.properties", home.endpoint_url, record_classes=made)
    python = ROOT / ".venv-glue" / "bin" / "python"
    environ = home.process_environment(os.environ) | {
        "PYSPARK_SUBMIT_ARGS": f"--properties-file {properties} pyspark-shell",
        "PYSPARK_PYTHON": str(python),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "JAVA_HOME": str(java.home() or ""),
    }
    environ.pop("PYTHONPATH", None)
    command = [str(python), str(_TRAINING), f"s3://{_BUCKET}/lake"]
    subprocess.run(command, env=environ, cwd=home.folder, check=True, capture_output=True, timeout=_PATIENCE)


if __name__ == "__main__":
    try:
        record()
    except (LedgerlakeError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", b"") or b""
        sys.exit(f"{said.decode(errors='replace')[-1500:]}\nthe classes of Spark were not recorded: {error}")
