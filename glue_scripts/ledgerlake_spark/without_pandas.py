"""Arrow without pandas: a second and a half less for each Python worker of a job.

pyarrow imports pandas as soon as it sees a Python object, to know whether it is one of pandas' own. None is.
"""

from __future__ import annotations

import sys
from importlib.abc import MetaPathFinder
from typing import Any


class _NoPandas(MetaPathFinder):
    def find_spec(self, fullname: str, *_: Any) -> None:
        if fullname == "pandas":
            raise ModuleNotFoundError("this process does without pandas", name="pandas")


def refuse() -> None:
    """From now on there is no pandas for this process, unless it has it already: pyarrow goes on without.

    Not for the process that plans: there Spark itself insists on pandas.
    """
    if "pandas" not in sys.modules and not any(isinstance(finder, _NoPandas) for finder in sys.meta_path):
        sys.meta_path.insert(0, _NoPandas())
