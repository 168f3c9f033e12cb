"""Start a lake's Postgres again whenever it has ended: `python -m local.airflow.postgres_keeper HOME`.

It is ended before Postgres is stopped, and so starts none that was.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from local import processes
from local.airflow import postgres
from local.errors import NotReady
from local.home import Home
from local.keep import LONGEST, SHORTEST

NAME = "postgres-keeper"
_LOOK_SECONDS = 0.5


def start(home: Home) -> None:
    """Start it unless it runs."""
    if not processes.running(home, NAME):
        argv = [sys.executable, "-m", "local.airflow.postgres_keeper", str(home.folder)]
        processes.start(home, NAME, argv, home.process_environment({}))


def stop(home: Home) -> None:
    """Stop it; does nothing when it does not run."""
    processes.stop(home, NAME, patience=2)


def keep(home: Home) -> None:
    """Look after Postgres for ever; each failed start makes the next one wait longer."""
    pause = SHORTEST
    while True:
        time.sleep(_LOOK_SECONDS)
        if postgres.running(home):
            pause = SHORTEST
            continue
        time.sleep(pause)
        pause = min(LONGEST, 2 * pause)
        try:
            postgres.start(home)
        except NotReady as error:
            sys.stderr.write(f"{error}\n")
            sys.stderr.flush()


if __name__ == "__main__":
    keep(Home(Path(sys.argv[1])))
