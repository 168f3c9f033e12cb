"""The steps of a batch around its jobs, each as a process of its own.

python -m benchmarks.steps BUCKET plan
python -m benchmarks.steps BUCKET archive BATCH_ID
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3

from ledgerlake.archive import move
from ledgerlake.planning import batch
from ledgerlake.settings import Settings
from ledgerlake.storage.objects import client_config


def main(bucket: str, step: str, batch_id: str = "") -> dict[str, Any]:
    """Return the seconds that the step took, and what it did."""
    s3 = boto3.client("s3", config=client_config(move.THREADS))
    began = time.monotonic()
    if step == "plan":
        planned = batch.plan(s3, bucket, Settings(gate="any"), datetime.now(UTC) + timedelta(seconds=5)).batch
        assert planned is not None
        done: dict[str, Any] = {"batch_id": planned.batch_id, "deliveries": len(planned.deliveries)}
    else:
        done = asdict(move.archive(s3, bucket, batch.load(s3, bucket, batch_id)))
    return {**done, "seconds": {step: time.monotonic() - began}}


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
