"""A lake of its own, whose parts are killed."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1])]
from whole_lake import whole_lake  # noqa: E402, F401
