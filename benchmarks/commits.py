"""Appends the rows under `rows/` to the order items in so many commits, as that many batches would have left them.

python -m benchmarks.commits BUCKET COMMITS

delta-rs commits in hundredths of a second, where Spark takes most of one; on a disk, from which all goes to S3.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from typing import Any

from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from pyarrow import fs
from pyarrow import parquet as pq

from ledgerlake import keys

_LIKE_SPARK = {"delta.checkpointInterval": "10"}
"""Spark's default; that of delta-rs is 100."""


def main(bucket: str, commits: str) -> dict[str, Any]:
    """Each commit names its batch in a transaction, as those of the jobs do."""
    store = fs.S3FileSystem(endpoint_override=os.environ["AWS_ENDPOINT_URL"])
    rows = pq.read_table(f"{bucket}/rows", filesystem=store)
    there = f"{bucket}/{keys.table_prefix('order_items')}".rstrip("/")
    with tempfile.TemporaryDirectory() as here:
        fs.copy_files(there, here, source_filesystem=store)
        table = DeltaTable(here)
        table.alter.set_table_properties(_LIKE_SPARK)
        each = -(-rows.num_rows // int(commits))
        for number in range(int(commits)):
            batch = CommitProperties(app_transactions=[Transaction(f"ledgerlake/batch-{number}/attempt", 1)])
            write_deltalake(table, rows.slice(number * each, each), mode="append", commit_properties=batch)
        fs.copy_files(here, there, destination_filesystem=store)
        return {"seconds": {}, "version": table.version()}


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
