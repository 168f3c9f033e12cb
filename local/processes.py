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
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from local.errors import NotReady
from local.home import ROOT, Home

MARK = "LAKE_PROCESS_OF"
_KEEP = Path(__file__).with_name("keep.py")


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
        """Return the live process; None when it has ended, also when its pid was given to another."""
        try:
            found = psutil.Process(self.pid)
            same = abs(found.create_time() - self.created) < 0.05
            return found if same and found.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None


@dataclass(frozen=True)
class Down:
    """A part that should run and does not.

    Args:
        since: ISO, UTC; empty when nobody has seen it end.
        last_words: the last line of its log.
    """

    name: str
    since: str = ""
    last_words: str = ""


def start(
    home: Home,
    name: str,
    argv: list[str],
    environ: Mapping[str, str],
    *,
    fingerprint: str = "",
    cwd: Path = ROOT,
    keep: bool = False,
) -> Started:
    """Start `argv` in a session of its own, its output appended to `logs/<name>.log`.

    Args:
        keep: start it again whenever it ends, until it is stopped.
    """
    home.logs.mkdir(parents=True, exist_ok=True)
    _record(home, name).parent.mkdir(exist_ok=True)
    _state(home, name).unlink(missing_ok=True)
    if keep:
        argv = [sys.executable, "-I", "-S", str(_KEEP), str(_state(home, name)), *argv]
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
    _record(home, name).write_text(json.dumps(asdict(started)))
    return started


def started(home: Home, name: str) -> Started | None:
    """Return what was last started under that name, alive or not."""
    try:
        return Started(**json.loads(_record(home, name).read_text()))
    except (FileNotFoundError, ValueError):  # ValueError: the machine died while it was written
        return None


def running(home: Home, name: str) -> bool:
    """Return whether it runs; a part that is kept and has just ended does not, although it is about to."""
    found = started(home, name)
    if found is None or (leader := found.process()) is None:
        return False
    kept = _kept(home, name)
    return "down_since" not in kept and ("pid" not in kept or _is_child(kept["pid"], leader))


def current(home: Home, name: str, fingerprint: str) -> bool:
    """Return whether it runs, and was started with the same code and settings."""
    found = started(home, name)
    return found is not None and found.fingerprint == fingerprint and running(home, name)


def down(home: Home, name: str) -> Down | None:
    """Return what is known of a part that was started, and not stopped, and does not run."""
    if started(home, name) is None or running(home, name):
        return None
    return Down(name, str(_kept(home, name).get("down_since", "")), last_words(log_of(home, name)))


def last_words(log: Path) -> str:
    """Return the last line of a log that says something, shortened; empty when there is none."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 8192))
        lines = [line.strip() for line in file.read().decode(errors="replace").splitlines() if line.strip()]
    return lines[-1][:500] if lines else ""


def log_of(home: Home, name: str) -> Path:
    """Return the path of the log of that process."""
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
        _state(home, name).unlink(missing_ok=True)


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
    """Return the error with the last lines of the log of `name`."""
    log = log_of(home, name)
    last = f" (its last words: {words})" if (words := last_words(log)) else ""
    return NotReady(seen + last, expected=f"{name} to run", remedy=f"read {log}, then run ledgerlake up again")


def _send(processes: list[psutil.Process], send: Callable[[psutil.Process], None]) -> None:
    for process in processes:
        try:
            send(process)  # psutil refuses when the pid was reused
        except psutil.NoSuchProcess:
            continue


def _children(leader: psutil.Process) -> list[psutil.Process]:
    try:
        children: list[psutil.Process] = leader.children(recursive=True)
        return children
    except psutil.NoSuchProcess:
        return []


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None


def _is_of(home: Home, process: psutil.Process) -> bool:
    try:
        return bool(process.environ().get(MARK) == str(home.folder))
    except (psutil.Error, OSError):
        return False


def _is_child(pid: int, leader: psutil.Process) -> bool:
    try:
        child = psutil.Process(pid)
        return bool(child.ppid() == leader.pid and child.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _kept(home: Home, name: str) -> dict[str, Any]:
    """Return the record of a part's keeper; nothing of one that is not kept, or that is about to be started."""
    try:
        found: dict[str, Any] = json.loads(_state(home, name).read_text())
    except (FileNotFoundError, ValueError):  # ValueError: the machine died while it was written
        return {}
    return found


def _state(home: Home, name: str) -> Path:
    return home.folder / "run" / f"{name}.state.json"


def _record(home: Home, name: str) -> Path:
    return home.folder / "run" / f"{name}.json"
