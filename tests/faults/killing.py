"""When a Lambda is in the middle of its work, and its end."""

from __future__ import annotations

import time
from pathlib import Path

import psutil
from whole_lake import PATIENCE, Lake

from local.processes import left_behind


def new_key(lake: Lake, prefix: str, before: set[str], part: str = "") -> None:
    """Return as soon as there is one with that part; the process that wrote it is to die before it writes much more."""
    deadline = time.monotonic() + PATIENCE
    while not any(part in key for key in lake.keys(prefix) if key not in before):
        assert time.monotonic() < deadline, f"nothing new came below {prefix}"


def kill_function(lake: Lake, function: str) -> None:
    """Every process that runs that Lambda."""
    workers = [each for each in left_behind(lake.home) if _runs(each, function)]
    assert workers, f"no process runs {function}"
    for worker in workers:
        worker.kill()


def _runs(process: psutil.Process, function: str) -> bool:
    """A Lambda's worker works in the folder of its unpacked zip."""
    try:
        return (Path(process.cwd()) / "handler.py").read_text().startswith(f'"""{function}:')
    except (psutil.Error, OSError):
        return False
