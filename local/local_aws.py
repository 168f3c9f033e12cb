"""The process of the local AWS: how it is started, and when it is ready."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

import requests

from local import processes
from local.aws.access import authorization
from local.home import Home, check_free

NAME = "aws"


def start(home: Home) -> None:
    """Start it unless it runs already with today's code; returns at once."""
    fingerprint = _fingerprint()
    if processes.current(home, NAME, fingerprint):
        return
    processes.stop(home, NAME)
    check_free(NAME, home.port(NAME), patience=3)  # a killed one takes a moment to let go
    (home.folder / "aws").mkdir(parents=True, exist_ok=True)
    argv = [sys.executable, "-m", "local.aws", str(home.folder)]
    processes.start(home, NAME, argv, environment(home), fingerprint=fingerprint, keep=True)


def environment(home: Home, *, bind: str = "127.0.0.1") -> dict[str, str]:
    """No Docker, objects on disk at once, the rest saved when it ends in peace.

    Args:
        bind: the address it listens on; nobody but this machine should reach it.
    """
    state = home.folder / "aws"
    return home.process_environment(os.environ) | {
        "GATEWAY_PORT": str(home.port(NAME)),
        "BIND_HOST": bind,
        "MINISTACK_HOST": "127.0.0.1",
        "MINISTACK_REGION": home.environment()["AWS_REGION"],
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(state / "s3"),
        "PERSIST_STATE": "1",
        "STATE_DIR": str(state / "state"),
        "LAMBDA_EXECUTOR": "local",
        "ATHENA_ENGINE": "duckdb",
        "TZ": "UTC",
    }


def wait(home: Home) -> None:
    """Return when it answers.

    Raises:
        NotReady: it ended, or did not answer in 60 seconds.
    """
    processes.wait_until(home, NAME, lambda: answers(home), seconds=60)


def answers(home: Home) -> bool:
    """Return whether the local AWS of that home answers."""
    try:
        key = {"Authorization": authorization(home.access_key)}
        return requests.get(f"{home.endpoint_url}/_ministack/health", headers=key, timeout=2).ok
    except requests.RequestException:
        return False


def _fingerprint() -> str:
    """Of the code that runs inside the process, so that a changed executor is restarted."""
    files = sorted(
        path for pattern in ("*.py", "aws/*.py", "trino/*.py") for path in Path(__file__).parent.glob(pattern)
    )
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]
