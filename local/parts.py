"""Parts of a local lake that are down: which, since when, and what they said last."""

from __future__ import annotations

from local import processes
from local.airflow import postgres, postgres_keeper
from local.home import Home
from local.processes import Down

AIRFLOW = ("api-server", "scheduler", "dag-processor", "triggerer")


def down(home: Home) -> list[Down]:
    """Return the parts that were started, and not stopped, and do not run now; none of a lake that compose runs."""
    if home.addresses:
        return []
    found = [each for name in ("aws", *AIRFLOW, "trino") if (each := processes.down(home, name))]
    if processes.started(home, postgres_keeper.NAME) and not postgres.running(home):
        found.append(Down("postgres", last_words=processes.last_words(postgres.folder(home) / "log")))
    return found


def kept(home: Home, name: str) -> bool:
    """Return whether somebody starts the part again; nobody does when its keeper was killed too."""
    found = processes.started(home, postgres_keeper.NAME if name == "postgres" else name)
    return found is not None and found.process() is not None
