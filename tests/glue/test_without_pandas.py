"""A Python worker types and writes rows without pandas."""

from __future__ import annotations

import os
import subprocess
import sys

_WORKER = """
import sys
from ledgerlake_spark import without_pandas
without_pandas.refuse()
without_pandas.refuse()
import pyarrow as pa
from ledgerlake.contracts import DATASETS
from ledgerlake_spark.csv_files import Rows
from ledgerlake_spark.reading import _closing_row, _with_delivery
import io
dataset = DATASETS["products"]
text = b"product_id,department_id,department,product_name\\n1,1,Home,Cup\\n2,x,Home\\n"
rows = Rows(lambda: io.BytesIO(text), dataset)
read = [_with_delivery(dataset, batch, 0) for batch in rows] + [_closing_row(dataset, 0, rows, None)]
assert sum(batch.num_rows for batch in read) == 3, read
assert "pandas" not in sys.modules
try:
    import pandas
except ModuleNotFoundError as error:
    print(error)
"""


def test_rows_are_read_and_typed_without_it():
    done = subprocess.run(
        [sys.executable, "-c", _WORKER],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.stdout.strip(), done.stderr) == ("this process does without pandas", "")
