"""A Python worker types and writes rows without pandas, and the plan for it is made without."""

from __future__ import annotations

import os
import subprocess
import sys

_WORKER = """
import os
import sys
from ledgerlake_glue import without_pandas
without_pandas.forbid()
without_pandas.forbid()
import pyarrow as pa
from ledgerlake.contracts import DATASETS
from ledgerlake_glue.csv_files import Rows
from ledgerlake_glue.reading import _closing_row, _with_delivery
import io
dataset = DATASETS["products"]
text = b"product_id,department_id,department,product_name\\n1,1,Home,Cup\\n2,x,Home\\n"
rows = Rows(lambda: io.BytesIO(text), dataset)
read = [_with_delivery(dataset, batch, 0) for batch in rows] + [_closing_row(dataset, 0, rows, None, None)]
assert sum(batch.num_rows for batch in read) == 3, read
assert "pandas" not in sys.modules
try:
    import pandas
except ModuleNotFoundError as error:
    print(error, flush=True)
os._exit(0)  # as Spark's workers end, whatever threads Arrow still has
"""

_PLAN = """
import sys
from ledgerlake_glue import without_pandas
without_pandas.forbid_in_plans()
from pyspark.sql.pandas.functions import PythonEvalType, pandas_udf
from pyspark.sql.types import LongType, StructType
ids = StructType().add("id", LongType())
pandas_udf(lambda batches: batches, returnType=ids, functionType=PythonEvalType.SQL_MAP_ARROW_ITER_UDF)
print("pandas" in sys.modules)
"""


def test_rows_are_read_and_typed_without_it():
    assert said_by(_WORKER) == ("this process does without pandas", "")


def test_a_function_that_is_given_arrow_is_planned_without_it():
    assert said_by(_PLAN) == ("False", "")


def said_by(script: str) -> tuple[str, str]:
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.stdout.strip(), done.stderr
