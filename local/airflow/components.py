"""Airflow's four components on one machine, with the DAGs and plugins of the tree."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import requests

from local import parts, processes
from local.airflow import postgres
from local.airflow.settings import environment, write_files
from local.errors import NotInstalled, NotReady
from local.home import ROOT, Home, check_free

COMPONENTS = parts.AIRFLOW
_ARGUMENTS = {  # the API server reads logs from the disk; the log servers would only open more ports
    "scheduler": ["--skip-serve-logs"],
    "triggerer": ["--skip-serve-logs"],
}
_AIRFLOW = ROOT / ".venv-airflow" / "bin" / "airflow"
_MIGRATION = "airflow-migration"
_PATIENCE = 180


def begin_migration(home: Home) -> None:
    """Start `airflow db migrate` unless this home has it done for these requirements; `start` waits for it."""
    if not _AIRFLOW.exists():
        raise NotInstalled(f"{_AIRFLOW} is missing", expected="the environment of Airflow", remedy="make setup")
    write_files(home)
    if not _migrated(home).exists():
        script = f'"{_AIRFLOW}" db migrate && touch "{_migrated(home)}"'
        processes.start(home, _MIGRATION, ["bash", "-c", script], environment(home, postgres.url(home)))


def wait_for_migration(home: Home) -> None:
    """Return when it is done.

    Raises:
        NotReady: it failed, or takes too long.
    """
    processes.wait_until(home, _MIGRATION, lambda: _migrated(home).exists(), seconds=_PATIENCE)


def note_migration(home: Home) -> None:
    """Say of a database that came from elsewhere that it is migrated."""
    _migrated(home).parent.mkdir(parents=True, exist_ok=True)
    _migrated(home).touch()


def command(home: Home, arguments: Sequence[str]) -> int:
    """Run Airflow's own command for this lake, on this terminal; returns its exit code."""
    if not _migrated(home).exists():
        raise NotInstalled(f"{home.folder} has no Airflow", expected="a lake with one", remedy="ledgerlake up")
    environ = environment(home, postgres.url(home))
    return subprocess.run([_AIRFLOW, *arguments], env=environ, check=False).returncode


def start(home: Home) -> None:
    """Start the components that do not run, and those whose code or settings have changed; returns at once."""
    wait_for_migration(home)
    environ = environment(home, postgres.url(home))
    fingerprint = _fingerprint(environ)
    stale = [name for name in COMPONENTS if not processes.current(home, name, fingerprint)]
    processes.stop(home, *stale, patience=4)
    for component in stale:
        if component == "api-server":
            check_free("airflow", home.port("airflow"), patience=3)
        argv = [str(_AIRFLOW), component, *_ARGUMENTS.get(component, [])]
        processes.start(home, component, argv, environ, fingerprint=fingerprint, keep=True)


def wait(home: Home, say: Callable[[str], None]) -> None:
    """Return when all components are healthy; `say` hears for which it still waits.

    Raises:
        NotReady: one ended, or was not healthy in time.
    """
    shown = ""

    def ready() -> bool:
        nonlocal shown
        missing = _unhealthy(home)
        if missing and (text := f"waiting for Airflow's {', '.join(missing)}") != shown:
            shown = text
            say(text)
        for component in COMPONENTS:
            if not processes.running(home, component):
                raise processes.not_ready(home, component, f"Airflow's {component} ended while it started")
        return not missing

    processes.wait_until(home, "api-server", ready, seconds=_PATIENCE, between=0.3)


def stop(home: Home, but: set[str] | frozenset[str] = frozenset()) -> None:
    """Stop the components, but for those named."""
    processes.stop(home, *(name for name in (*COMPONENTS, _MIGRATION) if name not in but), patience=4)


def import_errors(home: Home) -> list[str]:
    """Return what the DAG processor could not import, one text a file.

    Raises:
        NotReady: the API does not answer.
    """
    user, password = home.airflow_login()
    try:
        login = requests.post(
            f"{home.airflow_url}/auth/token", json={"username": user, "password": password}, timeout=10
        )
        token = login.json()["access_token"]
        answer = requests.get(
            f"{home.airflow_url}/api/v2/importErrors", headers={"Authorization": f"Bearer {token}"}, timeout=10
        )
        return [f"{error['filename']}: {error['stack_trace']}" for error in answer.json()["import_errors"]]
    except (requests.RequestException, KeyError) as error:
        raise NotReady(f"Airflow's API at {home.airflow_url} did not answer: {error}") from error


def _unhealthy(home: Home) -> list[str]:
    try:
        health = requests.get(f"{home.airflow_url}/api/v2/monitor/health", timeout=5).json()
    except (requests.RequestException, ValueError):
        return ["API server"]
    return [
        name.replace("_", " ") for name, each in health.items() if each and each.get("status") not in ("healthy", None)
    ]


def _migrated(home: Home) -> Path:
    return home.folder / "airflow" / f"migrated-{requirements_digest()}"


def requirements_digest() -> str:
    """Of what decides how Airflow's database looks."""
    return hashlib.sha256((ROOT / "requirements" / "airflow.txt").read_bytes()).hexdigest()[:12]


def _fingerprint(environ: dict[str, str]) -> str:
    """Digest what a running component does not reload: its settings, and the plugins."""
    ours = {name: value for name, value in environ.items() if name.startswith(("AIRFLOW", "AWS_", "LEDGERLAKE_"))}
    digest = hashlib.sha256(json.dumps(ours, sort_keys=True).encode())
    for file in sorted([*(ROOT / "plugins").rglob("*.py"), *(ROOT / "dags" / "ledgerlake").rglob("*.py")]):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
