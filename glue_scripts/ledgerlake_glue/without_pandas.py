"""Arrow without pandas: a second and a half less for each Python worker of a job, and a second for its plan.

pyarrow imports pandas as soon as it sees a Python object, to know whether it is one of pandas' own. None is.
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


def refuse() -> None:
    """From now on there is no pandas for this process, unless it has it already: pyarrow goes on without."""
    if "pandas" not in sys.modules and not any(isinstance(finder, _NoPandas) for finder in sys.meta_path):
        sys.meta_path.insert(0, _NoPandas())


def refuse_in_plans() -> None:
    """The same for the process that plans: Spark asks for pandas also where a function is given Arrow alone."""
    refuse()
    functions.require_minimum_pandas_version = lambda: None  # type: ignore[attr-defined]  # an import of Spark's own
