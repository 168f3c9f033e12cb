"""Runs the jobs of one planned batch in one Spark session, and says where the seconds went.

python -m benchmarks.ours BUCKET BATCH_ID DATASET…
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

STARTED = time.monotonic()
seconds: dict[str, float] = defaultdict(float)


@contextlib.contextmanager
def phase(name: str) -> Iterator[None]:
    """Add the time spent inside to a phase."""
    began = time.monotonic()
    try:
        yield
    finally:
        seconds[name] += time.monotonic() - began


def timed(owner: Any, function: str, name: str) -> None:
    """Count the time of every call of `owner.function`."""
    original: Callable[..., Any] = getattr(owner, function)

    def call(*arguments: Any, **options: Any) -> Any:
        with phase(name):
            return original(*arguments, **options)

    setattr(owner, function, call)


def main(bucket: str, batch_id: str, *names: str) -> dict[str, Any]:
    """Returns the ledger's counts and the seconds by phase."""
    with phase("import"):
        from pyspark.sql import SparkSession

        from ledgerlake.contracts import DATASETS
        from ledgerlake_spark import job, publishing, stage, tables
    with phase("session"):
        spark = SparkSession.builder.appName("benchmark").getOrCreate()
    timed(tables.LakeTable, "prepare", "table")
    timed(stage.Stage, "_attempt", "stage")
    timed(stage.Stage, "_withdrawal", "withdrawal")
    timed(publishing, "_rejects", "rejects")
    timed(publishing, "_merge", "merge")
    timed(publishing, "_parking", "parking")
    timed(publishing, "_ledger", "ledger")
    counts = {}
    for name in names:
        with phase("job"):
            counts[name] = job.run(spark, DATASETS[name], batch_id, bucket)
    with phase("stop"):
        spark.stop()
    seconds["process"] = time.monotonic() - STARTED
    return {"counts": counts, "seconds": dict(seconds)}


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
