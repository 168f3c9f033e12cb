"""Start, stop and look at a local lake."""

from __future__ import annotations

import shutil
from collections.abc import Callable

from local import deploy, local_aws, processes
from local.airflow import components as airflow_components
from local.airflow import migrated_database, postgres, postgres_keeper
from local.home import Home, answers
from local.trino import server as trino

Say = Callable[[str], None]
KEPT = ("ports.json", "secrets.json")


def up(
    home: Home,
    *,
    fresh: bool = False,
    airflow: bool = True,
    orchestrator: str | None = None,
    athena: str | None = None,
    say: Say = lambda _: None,
) -> None:
    """Start what does not run, deploy what has changed, and return when all is healthy.

    Args:
        fresh: wipe the home first; all its data is lost.
        airflow: also start Postgres and Airflow.
        orchestrator: who consumes the queue from now on; as before, if not given.
        athena: what answers queries from now on; as before, if not given.
        say: receives a few words for each step.

    Raises:
        LedgerlakeError: a part did not start; then every part that was started now is stopped.
    """
    if fresh:
        down(home, say=say)
        _wipe(home)
    if orchestrator:
        home.choose_orchestrator(orchestrator)
    if athena:
        home.choose_athena(athena)
    before = {name for name, state in status(home).items() if state == "running"}
    try:
        _up(home, with_airflow=airflow, say=say)
    except BaseException:  # Ctrl-C too
        say("stopping what was started")
        down(home, but=before, say=say)
        raise


def _up(home: Home, *, with_airflow: bool, say: Say) -> None:
    say("starting the local AWS")
    local_aws.start(home)
    _athena(home)
    if with_airflow:
        say("starting Postgres")
        migrated_database.lay(home)
        postgres.start(home)
        postgres_keeper.start(home)
        airflow_components.begin_migration(home)
    local_aws.wait(home)
    say("deploying the data plane")
    deploy.deploy(home)
    if with_airflow:
        say("starting Airflow")
        airflow_components.start(home)
        airflow_components.wait(home, say)
    if home.athena == trino.NAME:
        say("waiting for Trino")
        trino.wait(home)


def _athena(home: Home) -> None:
    """Trino runs where it answers queries, and nowhere else."""
    if home.athena == trino.NAME:
        trino.start(home)
    else:
        processes.stop(home, trino.NAME)


def down(
    home: Home, *, purge: bool = False, say: Say = lambda _: None, but: set[str] | frozenset[str] = frozenset()
) -> None:
    """Stop every process of the lake; nothing happens when none runs.

    Args:
        purge: remove the home too, and with it all data.
        but: components to leave running.
    """
    if "running" in status(home).values():
        say("stopping")
    airflow_components.stop(home, but)
    if "postgres" not in but:
        postgres_keeper.stop(home)
        postgres.stop(home)
    processes.stop(home, *({"aws", trino.NAME} - but))
    if not but:
        processes.end(processes.left_behind(home), patience=3)
    if purge and home.folder.exists():
        shutil.rmtree(home.folder)


def _wipe(home: Home) -> None:
    """Remove all data; ports and login stay the same."""
    for path in home.folder.iterdir() if home.folder.exists() else ():
        if path.name in KEPT:
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def status(home: Home) -> dict[str, str]:
    """Return `running` or `stopped`, by component."""
    if home.addresses:
        urls = {"aws": home.addresses.aws_url, "api-server": home.addresses.airflow_url}
        if home.athena == trino.NAME:
            urls[trino.NAME] = home.trino_url
        return {name: "running" if url and answers(url) else "stopped" for name, url in urls.items()}
    found = {name: processes.running(home, name) for name in ("aws", *airflow_components.COMPONENTS)}
    found["postgres"] = postgres.running(home)
    if home.athena == trino.NAME:
        found[trino.NAME] = processes.running(home, trino.NAME)
    return {name: "running" if runs else "stopped" for name, runs in found.items()}
