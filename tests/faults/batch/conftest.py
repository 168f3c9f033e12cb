"""The fixtures of tests with Spark, and the modules that these tests share."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parents[1]), str(HERE.parents[2])]
from spark_lake import lake, s3_endpoint, spark  # noqa: E402, F401
