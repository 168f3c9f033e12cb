"""The process of one Glue run: its files, environment, output, and its end."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3

from local import java, spark_properties
from local.aws import spark_gateway
from local.aws.glue_logs import RunLog
from local.aws.spark_gateway import Gateway
from local.aws_clients import client_arguments
from local.errors import NotInstalled
from local.home import ROOT, Home
from local.processes import kill_group

PYTHON = ROOT / ".venv-glue" / "bin" / "python"
_KILLED_WITH_PARENT = 1  # PR_SET_PDEATHSIG of prctl(2)
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass
class GlueProcess:
    """A started run. Its folder is removed when it has ended; its log stays."""

    process: subprocess.Popen[str]
    folder: Path
    log: RunLog
    gateway: Gateway | None
    readers: list[threading.Thread] = field(default_factory=list)

    @classmethod
    def start(cls, home: Home, job: str, run_id: str, script: str, arguments: dict[str, str]) -> GlueProcess:
        """Fetch the script and its libraries and start it.

        Args:
            script: s3:// URI.
            arguments: of the job and the run; an empty value is a flag.
        """
        if not PYTHON.exists():
            raise NotInstalled(f"{PYTHON} is missing", expected="the environment of the Glue jobs", remedy="make setup")
        folder = home.folder / "glue" / run_id
        folder.mkdir(parents=True)
        s3 = boto3.client("s3", **client_arguments(home))
        local = _download(s3, script, folder)
        libraries = [_download(s3, uri, folder) for uri in _wheels(arguments)]
        environ = environment(home) | {"PYTHONPATH": os.pathsep.join(map(str, libraries))}
        argv = [str(PYTHON), str(local), *_argv(arguments)]
        log = RunLog(home.logs / "glue" / job / f"{run_id}.log", run_id, client_arguments(home))
        conf = arguments.get("--conf", "")
        if not arguments.get("--datalake-formats"):  # it may do without Spark; else it starts a JVM of its own
            properties = spark_properties.write(folder / "spark.properties", home.endpoint_url, conf)
            own = {"PYSPARK_SUBMIT_ARGS": f"--properties-file {properties} pyspark-shell"}
            return cls._run(argv, environ | own | {"SPARK_LOCAL_DIRS": str(folder)}, folder, log, None, {})
        gateway = spark_gateway.take(home, PYTHON, environ, (conf, len(libraries)))
        try:
            said = gateway.attach(libraries)
            return cls._run(argv, environ | gateway.environment, folder, log, gateway, said)
        except BaseException:
            spark_gateway.give_back(gateway, succeeded=False)
            raise

    @staticmethod
    def prepare(home: Home, arguments: Mapping[str, str]) -> None:
        """Start Spark's JVM ahead for a job with these default arguments, if it is one of Spark's."""
        if PYTHON.exists() and arguments.get("--datalake-formats"):
            key = (arguments.get("--conf", ""), len(_wheels(arguments)))
            spark_gateway.start_ahead(home, PYTHON, environment(home), key)

    @classmethod
    def _run(
        cls,
        argv: list[str],
        environ: dict[str, str],
        folder: Path,
        log: RunLog,
        gateway: Gateway | None,
        said_by_jvm: dict[str, Iterator[str]],
    ) -> GlueProcess:
        process = subprocess.Popen(
            argv,
            env=environ,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
            preexec_fn=_die_with_parent,  # the thread that starts it waits for it, so the parent is there until the end
        )
        started = cls(process, folder, log, gateway)
        started._read(process.stdout, "output")
        started._read(process.stderr, "error")
        for kind, lines in said_by_jvm.items():
            started._read(lines, kind)
        return started

    def wait(self, seconds: float) -> int | None:
        """Return the exit code, when it has ended within `seconds`; then also its log is complete."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        self._clean_up(succeeded=code == 0)
        return code

    def kill(self) -> None:
        """End all its processes, Spark's JVM included, and wait for that."""
        if self.gateway:
            self.gateway.end()  # first of all: it is the one that writes
        kill_group(self.process.pid)
        self.process.wait()
        self._clean_up(succeeded=False)

    def errors(self) -> str:
        """Return what it wrote to stderr."""
        return self.log.errors()

    def _clean_up(self, *, succeeded: bool) -> None:
        kill_group(self.process.pid)  # what it started may outlive it for a moment
        if self.gateway:
            spark_gateway.give_back(self.gateway, succeeded=succeeded)
        for reader in self.readers:
            reader.join(5)
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _read(self, stream: Iterable[str] | None, kind: str) -> None:
        assert stream is not None
        reader = threading.Thread(target=self.log.copy, args=(stream, kind), daemon=True)
        reader.start()
        self.readers.append(reader)


def _download(s3: Any, uri: str, folder: Path) -> Path:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    path = folder / key.rpartition("/")[2]
    path.write_bytes(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    return path


def _argv(arguments: dict[str, str]) -> list[str]:
    return [str(part) for name, value in arguments.items() for part in ((name, value) if value else (name,))]


def _wheels(arguments: Mapping[str, str]) -> list[str]:
    """s3:// URIs."""
    return [uri.strip() for uri in arguments.get("--additional-python-modules", "").split(",") if uri]


def environment(home: Home) -> dict[str, str]:
    """Of a process that runs Spark."""
    environ = home.process_environment(os.environ)
    environ |= {
        "PYTHONUNBUFFERED": "1",
        "PYSPARK_PYTHON": str(PYTHON),
        "PYSPARK_DRIVER_PYTHON": str(PYTHON),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "TZ": "UTC",
    }
    if found := java.home():
        environ["JAVA_HOME"] = str(found)
    for name in ("VIRTUAL_ENV", "SPARK_HOME", "SPARK_CONF_DIR"):
        environ.pop(name, None)
    return environ


def _die_with_parent() -> None:
    if _libc:
        _libc.prctl(_KILLED_WITH_PARENT, signal.SIGKILL)
