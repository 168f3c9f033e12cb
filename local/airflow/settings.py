"""Airflow's settings on one machine, all of them by environment variables."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from ledgerlake import outages, settings
from local.home import ROOT, Home

_BEHAVIOUR = Path(__file__).with_name("airflow.env")
_PRELOADING = Path(__file__).with_name("airflow_local_settings.py")


def behaviour() -> dict[str, str]:
    """Return the settings that do not depend on where Airflow runs; Docker compose reads the same file."""
    lines = [line for line in _BEHAVIOUR.read_text().splitlines() if line and not line.startswith("#")]
    return {name: value for name, _, value in (line.partition("=") for line in lines)}


def environment(home: Home, database_url: str) -> dict[str, str]:
    """Return the environment of every component, and so of every task."""
    airflow = _folder(home)
    url = home.airflow_url
    where = {
        "AIRFLOW_HOME": str(airflow),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database_url,
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__CORE__FERNET_KEY": home.secret("fernet_key"),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(airflow / "passwords.json"),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(home.port("airflow")),
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__SECRET_KEY": home.secret("api_secret"),
        "AIRFLOW__API_AUTH__JWT_SECRET": home.secret("jwt_secret"),
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home.logs / "airflow"),
    }
    inherited = home.process_environment(_inherited())
    return inherited | behaviour() | _outages(inherited) | where


def _outages(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the timeouts that follow from the lake's own `outage_seconds`, by the names of their variables."""
    options = outages.airflow_options(settings.from_environment(environ))
    return {f"AIRFLOW__{name.replace('.', '__').upper()}": value for name, value in options.items()}


def write_files(home: Home) -> None:
    """Write the files that Airflow needs in its home."""
    config = _folder(home) / "config"
    config.mkdir(parents=True, exist_ok=True)
    (config / _PRELOADING.name).write_text(_PRELOADING.read_text())
    write_login(home, _folder(home) / "passwords.json")


def write_login(home: Home, path: Path) -> None:
    """Write the passwords file of Airflow's simple auth manager, readable for its owner only."""
    user, password = home.airflow_login()
    keep_secret(path, json.dumps({user: password}))


def keep_secret(path: Path, text: str) -> None:
    """Write a file for its owner only; one that says so already is left alone, since somebody may be reading it."""
    if path.exists() and path.read_text() == text:
        return
    path.touch(mode=0o600)
    path.write_text(text)


def _folder(home: Home) -> Path:
    return home.folder / "airflow"


def _inherited() -> dict[str, str]:
    """Return the caller's environment, with Airflow's Python first and nothing of another Airflow."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("AIRFLOW") and name not in ("PYTHONPATH", "VIRTUAL_ENV")
    }
    return kept | {"PATH": f"{ROOT / '.venv-airflow' / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"}
