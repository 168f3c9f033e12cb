"""How fast one Spark task reads, types and validates a file that cannot be cut.

python -m benchmarks.one_task BUCKET/BATCH_ID DATASET
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

TIMES = 3


def main(planned: str, dataset: str) -> dict[str, Any]:
    """Return the rows and the seconds of each time; the first is cold."""
    from ledgerlake.contracts import DATASETS
    from ledgerlake.planning import batch
    from ledgerlake_glue import session
    from ledgerlake_glue.objects import s3
    from ledgerlake_glue.reading import read_deliveries
    from ledgerlake_glue.validation import validate

    spark = session.start("one_task")
    session.prepare(spark)
    bucket, _, batch_id = planned.partition("/")
    (delivery,) = batch.load(s3(), bucket, batch_id).of(dataset)
    rows = validate(read_deliveries(spark, DATASETS[dataset], {0: delivery}, bucket), DATASETS[dataset])
    seconds = []
    for _ in range(TIMES):
        began = time.monotonic()
        rows.write.format("noop").mode("overwrite").save()
        seconds.append(time.monotonic() - began)
    closing = rows.where("_rows_read is not null").first()
    spark.stop()
    return {"rows": closing._rows_read, "problem": closing._problem, "seconds": seconds}


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
