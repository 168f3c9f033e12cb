"""Runs the jobs of planned batches in one Spark session, and says where the seconds went.

python -m benchmarks.ledgerlake_jobs BUCKET/BATCH_ID[,BUCKET/BATCH_ID…] DATASET…
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.timings import end_lap

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


def main(batches: str, *names: str) -> dict[str, Any]:
    """Return returns, of each batch, the ledger's counts, the seconds by phase and the tables' versions afterwards."""
    with phase("session"):
        from ledgerlake import keys
        from ledgerlake.contracts import DATASETS
        from ledgerlake_glue import job, preparation, publishing, session, stage, tables

        spark = session.start("benchmark")
    timed(tables.LakeTable, "prepare", "table")
    timed(stage.Stage, "_attempt", "stage")
    timed(stage.Stage, "_withdrawal", "withdrawal")
    timed(publishing, "_rejects", "rejects")
    timed(publishing, "_merge", "merge")
    for step in ("prepare", "park"):
        timed(preparation, step, "parking")
    timed(publishing, "_ledger", "ledger")
    runs = []
    for each in batches.split(","):
        bucket, _, batch_id = each.partition("/")
        counts = {}
        with phase("job"):
            for name in names:
                counts[name] = job.run(spark, DATASETS[name], batch_id, bucket)
        versions = {
            name: tables.LakeTable(spark, DATASETS[name], f"s3://{bucket}/{keys.table_prefix(name)}").version()
            for name in names
        }
        runs.append({"counts": counts, "seconds": dict(seconds), "versions": versions})
        seconds.clear()
        end_lap()
    spark.stop()
    return {**runs[0], "runs": runs}


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
