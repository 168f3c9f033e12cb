"""The fixtures of the laws: the lake of the Spark tests, and modules shared by this folder."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from spark_lake import lake, s3_endpoint, spark  # noqa: F401
