"""JVMs of Spark that outlive a run, so that the next one takes about ten seconds less.

A run has a JVM for itself, with a Spark of its own: what it shares with earlier runs are classes that are
loaded and compiled. One that served a run that did not succeed is ended; so is one that has been idle.
On a small machine one run works at a time: two JVMs that start side by side on two cores gain nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import shutil
import subprocess
import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from local import spark_properties
from local.home import Home
from local.processes import kill_group

MOST = max(1, (os.cpu_count() or 2) // 2)
"""JVMs at a time."""
PATIENCE = 60
"""Seconds after which a run waits no longer for its turn, and has one JVM more started."""
IDLE_SECONDS = 600
MOST_RUNS = 50
"""A JVM keeps the code that it has generated for every run; so it does not live for ever."""
_SAYS = "gateway: "
_PROCESS = Path(__file__).with_name("spark_gateway_process.py")
_changed = threading.Condition()
_idle: list[Gateway] = []
_busy = 0


class Gateway:
    """One JVM, for one run at a time.

    Args:
        environ: of its process.
        key: what a run must have in common with the runs before it: the job's `--conf`, its number of libraries.
    """

    def __init__(self, home: Home, python: Path, environ: Mapping[str, str], key: tuple[str, int]) -> None:
        self.folder = home.folder / "glue" / f"jvm-{uuid.uuid4().hex[:12]}"
        self.folder.mkdir(parents=True)
        self.key, self.runs, self.is_new = key, 0, True
        self.libraries = [self.folder / f"library-{number}.whl" for number in range(key[1])]
        properties = spark_properties.write(self.folder / "spark.properties", home.endpoint_url, key[0])
        self.process = subprocess.Popen(
            [str(python), str(_PROCESS)],
            env={
                **environ,
                # Python workers look for their modules where the JVM was started to look
                "PYTHONPATH": os.pathsep.join(map(str, self.libraries)),
                "PYSPARK_SUBMIT_ARGS": f"--properties-file {properties} pyspark-shell",
                "SPARK_LOCAL_DIRS": str(self.folder),
            },
            cwd=self.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self._said: dict[str, queue.Queue[str | None]] = {}
        self._timer: threading.Timer | None = None
        where = self._where()
        self.environment = {"PYSPARK_GATEWAY_PORT": str(where["port"]), "PYSPARK_GATEWAY_SECRET": where["secret"]}
        for stream, kind in ((self.process.stdout, "output"), (self.process.stderr, "error")):
            threading.Thread(target=self._listen, args=(stream, kind), daemon=True).start()

    def attach(self, libraries: Sequence[Path]) -> dict[str, Iterator[str]]:
        """Begin a run: put its libraries where Python workers look for them.

        Returns:
            What the JVM writes to `output` and `error` until `detach`.
        """
        self.runs, self.is_new = self.runs + 1, False
        for ours, library in zip(self.libraries, libraries, strict=True):
            shutil.copyfile(library, ours)
        self._said = {"output": queue.Queue(), "error": queue.Queue()}
        return {kind: iter(lines.get, None) for kind, lines in self._said.items()}

    def detach(self) -> None:
        """End the run's share of what the JVM writes."""
        said, self._said = self._said, {}
        for lines in said.values():
            lines.put(None)

    def end(self) -> None:
        """Kill the JVM and its Python workers, and wait for that."""
        self.stop_timer()
        kill_group(self.process.pid)
        self.process.wait()
        self.detach()
        shutil.rmtree(self.folder, ignore_errors=True)

    def is_alive(self) -> bool:
        """Return whether the process of the JVM runs."""
        return self.process.poll() is None

    def start_timer(self) -> None:
        """Start the timer that ends an idle JVM."""
        self._timer = threading.Timer(IDLE_SECONDS, _end_if_idle, [self])
        self._timer.daemon = True
        self._timer.start()

    def stop_timer(self) -> None:
        """Stop the timer."""
        if self._timer:
            self._timer.cancel()

    def _where(self) -> dict[str, str]:
        """Return what the process says of its port; Java may have warned of something before."""
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        for line in self.process.stdout:
            if line.startswith(_SAYS):
                return dict(json.loads(line.removeprefix(_SAYS)))
        said = self.process.stderr.read().strip()
        self.end()
        raise RuntimeError(f"Spark's JVM did not start: {said.partition('Traceback')[0].strip() or said}"[:1000])

    def _listen(self, stream: IO[str], kind: str) -> None:
        for line in stream:
            if lines := self._said.get(kind):
                lines.put(line)


def take(home: Home, python: Path, environ: Mapping[str, str], key: tuple[str, int]) -> Gateway:
    """Return an idle JVM, or a new one.

    Raises:
        RuntimeError: it did not start.
    """
    global _busy  # one number for the whole process, under its lock
    with _changed:
        _changed.wait_for(lambda: _busy < MOST, PATIENCE)
        found = next((each for each in _idle if each.key == key and each.is_alive()), None)
        ended = [] if found or not _idle else [_idle.pop(0)]  # of other settings: there is no room for both
        if found:
            _idle.remove(found)
        _busy += 1
    for each in ended:
        each.end()
    if found:
        found.stop_timer()
        return found
    try:
        return Gateway(home, python, environ, key)
    except BaseException:
        _free()
        raise


def start_ahead(home: Home, python: Path, environ: Mapping[str, str], key: tuple[str, int]) -> None:
    """Have a JVM ready before the first run asks for one. That it does not start is for the run to tell."""
    with _changed:
        if _busy or _idle:
            return
    with contextlib.suppress(RuntimeError, OSError):
        give_back(take(home, python, environ, key), succeeded=True)


def take_new() -> Gateway | None:
    """Return an idle JVM in which nothing has run yet, for once; None when there is none, or all are at work."""
    global _busy  # as in `take`
    with _changed:
        found = next((each for each in _idle if each.is_new and each.is_alive()), None)
        if found is None or _busy >= MOST:
            return None
        _idle.remove(found)
        _busy += 1
    found.stop_timer()
    found.is_new = False
    return found


def _free() -> None:
    global _busy
    with _changed:
        _busy -= 1
        _changed.notify()


def give_back(gateway: Gateway, *, succeeded: bool) -> None:
    """Keep the JVM for another run, or end it."""
    gateway.detach()
    keep = succeeded and gateway.is_alive() and gateway.runs < MOST_RUNS
    if keep:
        gateway.start_timer()
        with _changed:
            _idle.append(gateway)
    else:
        gateway.end()
    _free()


def _end_if_idle(gateway: Gateway) -> None:
    with _changed:
        if gateway not in _idle:
            return
        _idle.remove(gateway)
    gateway.end()
