"""The log of one Glue run: a file with everything, and the two CloudWatch groups that Glue writes."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

GROUPS = {"output": "/aws-glue/jobs/output", "error": "/aws-glue/jobs/error"}
BATCH = 200
"""Lines that are sent to CloudWatch together."""
LONGEST_LINE = 8000


class RunLog:
    """Takes the lines of both streams, in the order in which they come."""

    def __init__(self, path: Path, stream: str, client: dict[str, Any]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a", encoding="utf-8")
        self._stream = stream
        self._client = boto3.client("logs", **client)
        self._lock = threading.Lock()
        self._errors: list[str] = []

    def copy(self, lines: Iterable[str], kind: str) -> None:
        """Copy a stream to its end; the lines also go to CloudWatch, in batches.

        Args:
            kind: `output` or `error`.
        """
        self._create(kind)
        waiting: list[dict[str, Any]] = []
        sent = time.monotonic()
        for line in lines:
            self._write(line, kind)
            waiting.append({"timestamp": int(time.time() * 1000), "message": line.rstrip()[:LONGEST_LINE] or " "})
            if len(waiting) >= BATCH or time.monotonic() - sent > 1:
                self._send(kind, waiting)
                waiting, sent = [], time.monotonic()
        self._send(kind, waiting)

    def errors(self) -> str:
        """Return what the run has written to stderr."""
        return "".join(self._errors)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._file.close()

    def _write(self, line: str, kind: str) -> None:
        with self._lock:
            if kind == "error":
                self._errors.append(line)
            if not self._file.closed:
                self._file.write(line)
                self._file.flush()

    def _create(self, kind: str) -> None:
        group = GROUPS[kind]
        for create, names in (
            (self._client.create_log_group, {"logGroupName": group}),
            (self._client.create_log_stream, {"logGroupName": group, "logStreamName": self._stream}),
        ):
            try:
                create(**names)
            except (ClientError, BotoCoreError):  # it is there, or logging is not worth the job
                continue

    def _send(self, kind: str, events: list[dict[str, Any]]) -> None:
        if not events:
            return
        try:
            self._client.put_log_events(logGroupName=GROUPS[kind], logStreamName=self._stream, logEvents=events)
        except (ClientError, BotoCoreError) as error:
            self._write(f"(CloudWatch did not take {len(events)} lines: {error})\n", "output")
