"""One process, measured: wall time, CPU seconds and the most memory that it and its children held."""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psutil

from benchmarks.timings import LAP

_LOOK_EVERY = 0.1
_AT_REST, _MOST_RESTS = 0.1, 30
"""CPU seconds in a second, and so many seconds."""


class Failed(RuntimeError):
    """A benchmark cannot continue; the message of a process ends with its last output."""

    @classmethod
    def of(cls, argv: Sequence[str], code: int | None, out: str, err: str) -> Failed:
        """Return the error of a process, with the ends of what it wrote."""
        return cls(f"{' '.join(argv)} ended with {code}:\n{out[-1000:]}\n{err[-3000:]}")


@dataclass(frozen=True)
class Measured:
    """One run of a process.

    Args:
        wall: seconds from its start to its end.
        cpu: seconds of all its processes together, as seen until a tenth of a second before each ended.
        memory: bytes resident in all of them at the worst moment; pages that they share count for each.
        answer: the JSON of its last line.
        laps: the parts of its work, of a process that says where each ends (`benchmarks.timings`).
    """

    wall: float
    cpu: float
    memory: int
    answer: dict[str, Any] = field(default_factory=dict)
    laps: tuple[Measured, ...] = ()


class Running:
    """A process that is measured lap by lap, from now on.

    Args:
        waits: it waits after each lap for the signal to continue.
    """

    def __init__(self, argv: Sequence[str], environment: Mapping[str, str], *, waits: bool = True) -> None:
        self._argv = argv
        self._out, self._err = (tempfile.TemporaryFile("w+") for _ in range(2))  # noqa: SIM115  (end with this object)
        stdin = subprocess.PIPE if waits else subprocess.DEVNULL
        self._process = psutil.Popen(
            argv,
            env=dict(environment),
            stdin=stdin,
            stdout=self._out,
            stderr=self._err,
            text=True,
            start_new_session=True,  # Ctrl-C is for this process, which then kills what it measures
        )
        self._cpu: dict[int, float] = {}
        self._began, self._cpu_began = time.monotonic(), 0.0
        self._memory = 0
        self._parts: list[Measured] = []
        self._has_ended = False

    def go_on(self) -> None:
        """Let it begin its next lap."""
        self._began, self._cpu_began = time.monotonic(), self._cpu_now()
        with contextlib.suppress(OSError):  # it has ended
            self._process.stdin.write("\n")
            self._process.stdin.flush()

    def lap(self) -> bool:
        """Wait for the end of its lap; returns False when the process has ended instead."""
        while not self._has_ended and self._ended_laps() <= len(self._parts):
            self._has_ended = self._process.poll() is not None
            self._memory = max(self._memory, _look(self._process, self._cpu))
            if not self._has_ended:
                time.sleep(_LOOK_EVERY)
        now, cpu = time.monotonic(), sum(self._cpu.values())
        self._parts.append(Measured(now - self._began, cpu - self._cpu_began, self._memory))
        self._began, self._cpu_began = now, cpu
        return not self._has_ended

    def rest(self) -> None:
        """Wait until it has nothing more to do, like compiling Java, that would slow down others."""
        for _ in range(_MOST_RESTS):
            before = self._cpu_now()
            time.sleep(1)
            if self._cpu_now() - before < _AT_REST:
                break

    def result(self) -> Measured:
        """All laps, and the process from its start to its end.

        Raises:
            Failed: it ended with an error, or its last line is no JSON.
        """
        while not self._has_ended:
            self.go_on()
            self.lap()
        answer = _answer(self._argv, self._process.returncode, _text(self._out), _text(self._err))
        wall, cpu = (sum(getattr(part, name) for part in self._parts) for name in ("wall", "cpu"))
        return Measured(wall, cpu, self._memory, answer, tuple(self._parts[: self._ended_laps()]))

    def kill(self) -> None:
        """Do nothing if it has ended."""
        for each in _family(self._process):
            with contextlib.suppress(psutil.Error):
                each.kill()

    def _ended_laps(self) -> int:
        return os.pread(self._out.fileno(), 1 << 16, 0).count(LAP.encode())  # its own place in the file stays

    def _cpu_now(self) -> float:
        _look(self._process, self._cpu)
        return sum(self._cpu.values())


def measure(argv: Sequence[str], environment: Mapping[str, str]) -> Measured:
    """Run the process to its end.

    Raises:
        Failed: it ended with an error, or its last line is no JSON.
    """
    running = Running(argv, environment, waits=False)
    try:
        while running.lap():
            pass
        return running.result()
    finally:
        running.kill()


def interleaved(
    starts: Mapping[str, Callable[[], Running]], laps: int, say: Callable[[str], None]
) -> dict[str, Measured]:
    """Let several processes work lap by lap, one after the other, so that a slow hour of the machine meets all of them.

    Args:
        starts: starts each of them, which is when its first lap begins.
        say: shows a line of progress.

    Raises:
        Failed: one of them ended with an error, or before its last lap.
    """
    running: dict[str, Running] = {}
    try:
        for lap in range(laps):
            for name, start in starts.items():
                say(f"{name}: load {lap + 1} of {laps} …")
                if lap:
                    running[name].go_on()
                else:
                    running[name] = start()
                if not running[name].lap():
                    running[name].result()
                    raise Failed(f"{name} ended after {lap} of {laps} laps")
                if laps > 1:
                    running[name].rest()
        return {name: each.result() for name, each in running.items()}
    finally:
        for each in running.values():
            each.kill()


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
    raise Failed.of(argv, code, out, err)


@dataclass(frozen=True)
class Spread:
    """Several repetitions of one figure."""

    figures: tuple[float, ...]

    @property
    def median(self) -> float:
        """Return the median of the figures."""
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


__all__ = ["Failed", "Measured", "Running", "Spread", "interleaved", "measure", "spread"]
