"""Processes of a lake: started in sessions of their own, found again by pid and start time.

Each inherits `LAKE_PROCESS_OF=<home>`, so that what a crashed part left behind (a Spark JVM, a
task's worker) is found and ended too, and a stranger who was given a reused pid never is.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from infra.local.errors import NotReady
from infra.local.home import ROOT, Home

MARK = "LAKE_PROCESS_OF"


@dataclass(frozen=True)
class Started:
    """A process of ours.

    Args:
        created: its start, in seconds since the epoch; with the pid it names one process for ever.
        fingerprint: of the code and settings it was started with.
    """

    pid: int
    created: float
    fingerprint: str = ""

    def process(self) -> psutil.Process | None:
        """The live process; None when it has ended, also when its pid was given to another."""
        try:
            found = psutil.Process(self.pid)
            same = abs(found.create_time() - self.created) < 0.05
            return found if same and found.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None


def start(
    home: Home, name: str, argv: list[str], environ: Mapping[str, str], *, fingerprint: str = "", cwd: Path = ROOT
) -> Started:
    """Start `argv` in a session of its own, its output appended to `logs/<name>.log`."""
    home.logs.mkdir(parents=True, exist_ok=True)
    with log_of(home, name).open("ab") as log:
        child = subprocess.Popen(
            argv,
            env={**environ, MARK: str(home.folder), "SPT_NOENV": "1"},  # a process title would overwrite the mark
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    started = Started(child.pid, psutil.Process(child.pid).create_time(), fingerprint)
    _record(home, name).parent.mkdir(exist_ok=True)
    _record(home, name).write_text(json.dumps(asdict(started)))
    return started


def started(home: Home, name: str) -> Started | None:
    """What was last started under that name, alive or not."""
    try:
        return Started(**json.loads(_record(home, name).read_text()))
    except (FileNotFoundError, ValueError):  # ValueError: the machine died while it was written
        return None


def running(home: Home, name: str) -> bool:
    found = started(home, name)
    return found is not None and found.process() is not None


def current(home: Home, name: str, fingerprint: str) -> bool:
    """Whether it runs, and was started with the same code and settings."""
    found = started(home, name)
    return found is not None and found.fingerprint == fingerprint and found.process() is not None


def log_of(home: Home, name: str) -> Path:
    return home.logs / f"{name}.log"


def stop(home: Home, *names: str, patience: float = 15) -> None:
    """End the processes of those names, side by side, with their whole sessions.

    Args:
        patience: seconds that they are given after SIGTERM.
    """
    found = [each for name in names if (each := started(home, name))]
    leaders = [process for each in found if (process := each.process())]
    sessions = {each.pid for each in found}
    family = {child.pid: child for leader in leaders for child in _children(leader)}
    family |= {each.pid: each for each in left_behind(home) if sessions and _session(each.pid) in sessions}
    for leader in leaders:
        family.pop(leader.pid, None)
    end(leaders, patience=patience)
    end(family.values(), patience=2)
    for name in names:
        _record(home, name).unlink(missing_ok=True)


def left_behind(home: Home) -> list[psutil.Process]:
    """Every live process that was started for this home, whoever its parent is by now."""
    return [process for process in psutil.process_iter() if process.pid != os.getpid() and _is_of(home, process)]


def end(processes: Iterable[psutil.Process], *, patience: float) -> None:
    """SIGTERM, and SIGKILL for those that are still there after `patience` seconds."""
    processes = list(processes)
    _send(processes, psutil.Process.terminate)
    _, alive = psutil.wait_procs(processes, timeout=patience)
    _send(alive, psutil.Process.kill)
    psutil.wait_procs(alive, timeout=5)


def kill_group(leader: int) -> None:
    """SIGKILL for a process group; none that is left is no error."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


def wait_until(home: Home, name: str, ready: Callable[[], bool], *, seconds: float, between: float = 0.1) -> None:
    """Return when `ready()` says so.

    Raises:
        NotReady: the process ended, or the time is over; with the end of its log.
    """
    deadline = time.monotonic() + seconds
    alive = running(home, name)
    while not ready():
        if not alive:  # as it was before the question: what it does last is then done
            raise not_ready(home, name, f"{name} ended while it started")
        if time.monotonic() > deadline:
            raise not_ready(home, name, f"{name} was not ready after {seconds:g} seconds")
        time.sleep(between)
        alive = running(home, name)


def not_ready(home: Home, name: str, seen: str) -> NotReady:
    """The error that tells what the log of `name` said last."""
    log = log_of(home, name)
    said = (
        [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()] if log.exists() else []
    )
    last = f" (its last words: {said[-1][:500]})" if said else ""
    return NotReady(seen + last, expected=f"{name} to run", remedy=f"read {log}, then run ledgerlake up again")


def _send(processes: list[psutil.Process], send: Callable[[psutil.Process], None]) -> None:
    for process in processes:
        try:
            send(process)  # psutil refuses when the pid was reused
        except psutil.NoSuchProcess:
            continue


def _children(leader: psutil.Process) -> list[psutil.Process]:
    try:
        return leader.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None


def _is_of(home: Home, process: psutil.Process) -> bool:
    try:
        return process.environ().get(MARK) == str(home.folder)
    except (psutil.Error, OSError):
        return False


def _record(home: Home, name: str) -> Path:
    return home.folder / "run" / f"{name}.json"
