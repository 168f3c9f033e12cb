"""A local AWS without our executors, for tests that need its services as they are."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError

REGION = "us-east-1"


@contextmanager
def running(folder: Path, python: str = sys.executable) -> Iterator[Callable[[str], Any]]:
    """Start one with its files in `folder`; yields client("s3") → a client of boto3."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "LEDGERLAKE_"))},
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "TMPDIR": str(folder),
    }
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            [python, "-m", "ministack"], cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT
        )

    def client(service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=f"http://127.0.0.1:{port}",
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(connect_timeout=2, read_timeout=30, retries={"max_attempts": 1}),
        )

    try:
        _wait_for(server, client("s3"))
        yield client
    finally:
        server.terminate()
        server.wait(20)


def environment(client: Callable[[str], Any]) -> dict[str, str]:
    """The variables by which another process finds it."""
    return {
        "AWS_ENDPOINT_URL": client("s3").meta.endpoint_url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _wait_for(server: subprocess.Popen[bytes], s3: Any) -> None:
    for _ in range(150):
        assert server.poll() is None, "the local AWS ended by itself"
        try:
            s3.list_buckets()
        except BotoCoreError:
            time.sleep(0.2)
        else:
            return
    pytest.fail("the local AWS did not answer within 30 s")
