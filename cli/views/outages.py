"""Parts of a lake that are away, and DAGs that are paused: why nothing moves, and what to do."""

from __future__ import annotations

from cli.clients.airflow import Airflow
from cli.clients.airflow_transport import Refused
from cli.clients.connection import Connection, up_command
from cli.failures import LakeUnavailable
from ledgerlake import names
from ledgerlake.display import display_text
from local import parts
from local.home import Home
from local.processes import Down

DAGS = (names.LIVE_DAG, names.BY_DATE_DAG)


def parts_down(lake: Connection, airflow: Airflow | None) -> dict[str, str]:
    """Return what is known of each part that does not run: since when, its last words, and who starts it again."""
    found = processes_down(lake.home) if lake.home else {}
    try:
        unhealthy = airflow.unhealthy() if airflow else {}
    except (LakeUnavailable, Refused):  # the process of the API server says why, if it is ours
        unhealthy = {}
    return {name: f"down: no heartbeat since {since}" for name, since in unhealthy.items()} | found


def processes_down(home: Home) -> dict[str, str]:
    """Return what is known of each process of a local lake that should run and does not."""
    return {each.name: _of_process(home, each) for each in parts.down(home)}


def paused(airflow: Airflow | None) -> tuple[str, ...]:
    """Return the DAGs of the lake that are paused; none where Airflow cannot be asked."""
    try:
        return tuple(name for name in DAGS if name in airflow.paused()) if airflow else ()
    except (LakeUnavailable, Refused):
        return ()


def unpause_command(lake: Connection, dag_id: str) -> str:
    """Return the command that unpauses a DAG of this lake."""
    if lake.home is None:
        body = "'{\"is_paused\": false}'"
        request = f"--method PATCH --path /dags/{dag_id} --body {body}"
        return f"aws mwaa invoke-rest-api --name {lake.mwaa_environment} {request}"
    if lake.home.addresses:
        return f"docker compose exec scheduler airflow dags unpause {dag_id}"
    return f"ledgerlake airflow dags unpause {dag_id}"


def _of_process(home: Home, part: Down) -> str:
    since = f"down since {part.since.replace('T', ' ').replace('+00:00', ' UTC')}" if part.since else "down"
    words = f"; its last words: {display_text(part.last_words)}" if part.last_words else ""
    again = "it is started again automatically" if parts.kept(home, part.name) else f"start it: {up_command(home)}"
    return f"{since}; {again}{words}"
