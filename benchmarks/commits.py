"""Appends the rows under `rows/` to the order items in so many commits, as that many batches would have left them.

python -m benchmarks.commits BUCKET COMMITS

delta-rs commits in hundredths of a second, where Spark takes most of one.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from pyarrow import fs
from pyarrow import parquet as pq

from ledgerlake import places

_OPTIONS = {"AWS_ALLOW_HTTP": "true", "AWS_CONDITIONAL_PUT": "etag"}
_LIKE_SPARK = {"delta.checkpointInterval": "10"}
"""Spark's default; that of delta-rs is 100."""


def main(bucket: str, commits: str) -> dict[str, Any]:
    """Each commit names its batch in a transaction, as those of the jobs do."""
    store = fs.S3FileSystem(endpoint_override=os.environ["AWS_ENDPOINT_URL"])
    rows = pq.read_table(f"{bucket}/rows", filesystem=store)
    table = DeltaTable(f"s3://{bucket}/{places.table_prefix('order_items')}".rstrip("/"), storage_options=_OPTIONS)
    table.alter.set_table_properties(_LIKE_SPARK)
    each = -(-rows.num_rows // int(commits))
    for number in range(int(commits)):
        batch = CommitProperties(app_transactions=[Transaction(f"ledgerlake/batch-{number}/attempt", 1)])
        write_deltalake(table, rows.slice(number * each, each), mode="append", commit_properties=batch)
    return {"seconds": {}, "version": table.version()}


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
