"""One process, measured: wall time, CPU seconds and the most memory that it and its children held."""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psutil

from benchmarks.laps import LAP

_LOOK_EVERY = 0.1


class Failed(RuntimeError):
    """A measured process ended with an error; the message ends with what it wrote last."""


@dataclass(frozen=True)
class Measured:
    """One run of a process.

    Args:
        wall: seconds from its start to its end.
        cpu: seconds of all its processes together, as seen until a tenth of a second before each ended.
        memory: bytes resident in all of them at the worst moment; pages that they share count for each.
        answer: the JSON of its last line.
        laps: the parts of its work, of a process that says where each ends (`benchmarks.laps`).
    """

    wall: float
    cpu: float
    memory: int
    answer: dict[str, Any] = field(default_factory=dict)
    laps: tuple[Measured, ...] = ()


def measure(argv: Sequence[str], environment: Mapping[str, str]) -> Measured:
    """Run the process to its end.

    Raises:
        Failed: it ended with an error, or its last line is no JSON.
    """
    laps: list[Measured] = []
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        began = time.monotonic()
        process = psutil.Popen(argv, env=dict(environment), stdout=out, stderr=err, text=True)
        cpu: dict[int, float] = {}
        memory = 0
        try:
            while process.poll() is None:
                memory = max(memory, _look(process, cpu))
                if os.pread(out.fileno(), 1 << 16, 0).count(LAP.encode()) > len(
                    laps
                ):  # its own place in the file stays
                    before = [sum(getattr(lap, name) for lap in laps) for name in ("wall", "cpu")]
                    now = [time.monotonic() - began, sum(cpu.values())]
                    laps.append(Measured(now[0] - before[0], now[1] - before[1], memory))
                time.sleep(_LOOK_EVERY)
        except BaseException:
            process.kill()
            raise
        wall = time.monotonic() - began
        answer = _answer(argv, process.returncode, _text(out), _text(err))
        return Measured(wall, sum(cpu.values()), memory, answer, tuple(laps))


def _look(process: psutil.Process, cpu: dict[int, float]) -> int:
    memory = 0
    for each in _family(process):
        try:
            times = each.cpu_times()
            cpu[each.pid] = times.user + times.system
            memory += each.memory_info().rss
        except psutil.Error:  # it ended between two looks
            continue
    return memory


def _family(process: psutil.Process) -> list[psutil.Process]:
    try:
        return [process, *process.children(recursive=True)]
    except psutil.Error:
        return []


def _text(file: Any) -> str:
    file.seek(0)
    return str(file.read())


def _answer(argv: Sequence[str], code: int, out: str, err: str) -> dict[str, Any]:
    lines = out.strip().splitlines()
    try:
        if code == 0:
            return dict(json.loads(lines[-1]))
    except (IndexError, ValueError):
        pass
    raise Failed(f"{' '.join(argv)} ended with {code}:\n{out[-1000:]}\n{err[-3000:]}")


@dataclass(frozen=True)
class Spread:
    """Several repetitions of one figure."""

    figures: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.figures)

    def __str__(self) -> str:
        if len(self.figures) == 1:
            return f"{self.median:.1f}"
        return f"{self.median:.1f} ({min(self.figures):.1f}–{max(self.figures):.1f})"


def spread(runs: Sequence[Measured], name: str) -> Spread:
    """Of `wall`, `cpu` or `memory` (in GB), or of a figure in the answers' `seconds`."""
    if name == "memory":
        return Spread(tuple(run.memory / 1e9 for run in runs))
    if name in ("wall", "cpu"):
        return Spread(tuple(getattr(run, name) for run in runs))
    return Spread(tuple(float(run.answer["seconds"][name]) for run in runs))


__all__ = ["Failed", "Measured", "Spread", "measure", "spread"]
