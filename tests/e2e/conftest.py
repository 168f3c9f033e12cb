"""The lake of the end-to-end tests."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from whole_lake import whole_lake  # noqa: F401
