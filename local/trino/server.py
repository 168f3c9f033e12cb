"""The process of Trino: how it is started, and when it is ready."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import requests

from local import processes
from local.errors import NotInstalled
from local.home import Home, check_free
from local.trino import client, configuration, files, java

NAME = "trino"
_PATIENCE = 120


def start(home: Home) -> None:
    """Start it unless it runs already with today's configuration; returns at once.

    Raises:
        NotInstalled: the server or its Java is not on this machine.
    """
    server, java_home = installed()
    etc = configuration.write(home, server, home.port(NAME))
    data = home.folder / "trino"
    argv = command(server, java_home, etc, data)
    fingerprint = _fingerprint(argv, etc)
    if processes.current(home, NAME, fingerprint):
        return
    processes.stop(home, NAME)
    check_free(NAME, home.port(NAME), patience=3)
    environ = home.process_environment(os.environ)
    processes.start(home, NAME, argv, environ, fingerprint=fingerprint, cwd=data)


def installed() -> tuple[Path, Path]:
    """Return (the unpacked server, JAVA_HOME).

    Raises:
        NotInstalled: one of them is missing; says what was looked at.
    """
    found = java.home()
    if found is None:
        raise NotInstalled(java.absent(), remedy="make setup-trino")
    if not files.folder().is_dir():
        raise NotInstalled(f"Trino is not in {files.folder()}", expected="the server", remedy="make setup-trino")
    return files.folder(), found


def command(server: Path, java_home: Path, etc: Path, data: Path) -> list[str]:
    """Return what is run, with the configuration in `etc` and its own files in `data`."""
    return [
        str(java_home / "bin" / "java"),
        "-cp",
        f"{server}/lib/*",
        *configuration.JVM,
        f"-Dconfig={etc / 'config.properties'}",
        f"-Dlog.levels-file={etc / 'log.properties'}",
        f"-Dnode.data-dir={data}",
        "io.trino.server.TrinoServer",
    ]


def _fingerprint(argv: list[str], etc: Path) -> str:
    written = [path.read_text() for path in sorted(etc.rglob("*.properties"))]
    return hashlib.sha256("\n".join([*argv, *written]).encode()).hexdigest()[:16]


def wait(home: Home) -> None:
    """Return when it answers a query; what it says of itself is `ready` too early.

    Raises:
        NotReady: it ended, or did not answer in two minutes.
    """
    processes.wait_until(home, NAME, lambda: answers(home), seconds=_PATIENCE, between=0.3)


def answers(home: Home) -> bool:
    """Return whether Trino answers a query."""
    try:
        return client.ask(home.trino_url, "SELECT 1", "default").rows == [[1]]
    except (requests.RequestException, client.TrinoError):
        return False
