"""Airflow's settings on one machine, all of them by environment variables."""

from __future__ import annotations

import json
import os
from pathlib import Path

from infra.local.home import ROOT, USER, Home

_LOCAL_SETTINGS = '''"""Imported by every component at its start: what tasks import is there before they are forked."""

import contextlib

for name in ("glue", "sqs", "sns", "athena", "lambda_function", "glue_crawler", "s3"):
    for kind in ("operators", "sensors", "hooks", "triggers"):
        with contextlib.suppress(ImportError):
            __import__(f"airflow.providers.amazon.aws.{kind}.{name}")
for module in ("boto3", "airflow.providers.standard.decorators.python", "airflow.timetables.interval"):
    with contextlib.suppress(ImportError):
        __import__(module)
'''


def environment(home: Home, database_url: str) -> dict[str, str]:
    """The environment of every component, and so of every task."""
    airflow = _folder(home)
    url = home.airflow_url
    settings = {
        "AIRFLOW_HOME": str(airflow),
        "AIRFLOW_CONN_AWS_DEFAULT": "aws://",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database_url,
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        # On a machine that is busy with Spark an import may take long; a DAG that ran out of time counts as gone.
        "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "240",
        "AIRFLOW__DAG_PROCESSOR__DAG_FILE_PROCESSOR_TIMEOUT": "300",
        "AIRFLOW__CORE__FERNET_KEY": home.secret("fernet_key"),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(airflow / "passwords.json"),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(home.port("airflow")),
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__SECRET_KEY": home.secret("api_secret"),
        "AIRFLOW__API_AUTH__JWT_SECRET": home.secret("jwt_secret"),
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
        "AIRFLOW__SCHEDULER__TRIGGER_TIMEOUT_CHECK_INTERVAL": "5",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "30",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "10",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home.logs / "airflow"),
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    }
    return home.process_environment(_inherited()) | settings


def write_files(home: Home) -> None:
    """The files that Airflow wants in its home."""
    config = _folder(home) / "config"
    config.mkdir(parents=True, exist_ok=True)
    (config / "airflow_local_settings.py").write_text(_LOCAL_SETTINGS)
    user, password = home.airflow_login()
    passwords = _folder(home) / "passwords.json"
    passwords.touch(mode=0o600)
    passwords.write_text(json.dumps({user: password}))


def _folder(home: Home) -> Path:
    return home.folder / "airflow"


def _inherited() -> dict[str, str]:
    """The caller's environment, with Airflow's Python first and nothing of another Airflow."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("AIRFLOW") and name not in ("PYTHONPATH", "VIRTUAL_ENV")
    }
    return kept | {"PATH": f"{ROOT / '.venv-airflow' / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"}
