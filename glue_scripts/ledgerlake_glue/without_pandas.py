"""Arrow without pandas, which saves 1.5 s in each Python worker of a job and 1 s in its plan.

pyarrow imports pandas at the first Python object, to test whether it belongs to pandas. None does.
"""

from __future__ import annotations

import sys
from importlib.abc import MetaPathFinder
from typing import Any

from pyspark.sql.pandas import functions


class _NoPandas(MetaPathFinder):
    def find_spec(self, fullname: str, *_: Any) -> None:
        if fullname == "pandas":
            raise ModuleNotFoundError("this process does without pandas", name="pandas")


def forbid() -> None:
    """Hide pandas from this process, unless it is imported already; pyarrow then works without it."""
    if "pandas" not in sys.modules and not any(isinstance(finder, _NoPandas) for finder in sys.meta_path):
        sys.meta_path.insert(0, _NoPandas())


def forbid_in_plans() -> None:
    """Hide pandas from the process that plans, in which Spark requires it even for functions on Arrow alone."""
    forbid()
    functions.require_minimum_pandas_version = lambda: None  # type: ignore[attr-defined]  # an import of Spark's own
