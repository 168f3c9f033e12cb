"""A lake of its own, whose parts are killed."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
from whole_lake import whole_lake  # noqa: F401
