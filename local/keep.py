"""Run a part of a lake, and start it again whenever it ends: `keep.py STATE COMMAND…`.

A thin process of the standard library alone. On SIGTERM it ends its part and never starts it
again; when it is killed its part is killed with it. What it knows is in STATE, one JSON object: `pid` of the part
while it runs, else `down_since` (ISO, UTC), `exit` (its code) and `times` (how often in a row it ended early).

What the part leaves behind is adopted: a worker of a dead scheduler that is at work on a task is let finish it, and
one that has nothing to do is ended.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

SHORTEST, LONGEST = 1.0, 10.0
"""Seconds before a part is started again: twice as many each time that it has ended early."""
LASTED = 60.0
"""A part that ran for so many seconds has not ended early."""
IDLE = 10.0
"""An adopted process that has had no child for so many seconds has nothing to do."""
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None
"""Elsewhere the kernel has no such bonds: `ledgerlake down` then ends what a killed keeper leaves behind."""


class Keeper:
    """One part, kept running.

    Args:
        state: the file that says how the part is.
        command: what is run.
    """

    def __init__(self, state: Path, command: list[str]) -> None:
        self.state, self.command = state, command
        self.ends = False
        self.part: subprocess.Popen[bytes] | None = None
        self.idle_since: dict[int, float] = {}

    def run(self) -> None:
        """Keep the part running until this process is stopped."""
        signal.signal(signal.SIGTERM, self._end)
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)
        times = 0
        while not self.ends:
            began = time.monotonic()
            code = self._once()
            if not self.ends:
                times = times + 1 if time.monotonic() - began < LASTED else 1
                self._say(down_since=datetime.now(UTC).isoformat(timespec="seconds"), exit=code, times=times)
                self._pause(min(LONGEST, SHORTEST * 2 ** (times - 1)))

    def _once(self) -> int:
        """Run the part to its end; returns its exit code."""
        self.part = subprocess.Popen(self.command, preexec_fn=_die_with_keeper)  # there are no threads
        if self.ends:  # stopped between the last question and the start
            self.part.terminate()
        self._say(pid=self.part.pid)
        while (code := self.part.poll()) is None:
            self._end_the_idle()
            time.sleep(0.2)
        return code

    def _end(self, *_: Any) -> None:
        self.ends = True
        if self.part is not None:
            with contextlib.suppress(ProcessLookupError):
                self.part.terminate()

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self.ends and time.monotonic() < until:
            time.sleep(0.05)

    def _end_the_idle(self) -> None:
        """End what an earlier part left behind and has had nothing to do for a while."""
        now = time.monotonic()
        adopted = {pid for pid in _children(os.getpid()) if self.part is None or pid != self.part.pid}
        idle = {pid for pid in adopted if not _children(pid)}
        self.idle_since = {pid: self.idle_since.get(pid, now) for pid in idle}
        for pid, since in self.idle_since.items():
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                if now - since > IDLE:
                    os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, os.WNOHANG)

    def _say(self, **what: Any) -> None:
        scratch = self.state.with_name(f".{self.state.name}")
        scratch.write_text(json.dumps(what))
        scratch.replace(self.state)  # a reader never sees half of it


def _children(pid: int) -> list[int]:
    try:
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:  # it has just ended
        return []


def _die_with_keeper() -> None:
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _prctl(option: int, value: int) -> None:
    if _libc:
        _libc.prctl(option, value)


if __name__ == "__main__":
    Keeper(Path(sys.argv[1]), sys.argv[2:]).run()
