"""Airflow's database as it is after its migration: made once at set-up, so that a new lake need not migrate its own.

Only speed depends on it: without one, a lake makes its database itself. Run as
`python -m local.airflow.migrated_database`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from ledgerlake.errors import LedgerlakeError
from local import processes
from local.airflow import components, postgres
from local.home import ROOT, Home

_OF_THE_SERVER = ("postmaster.pid", "postmaster.opts", "log", ".handle_pids.json")


def kept() -> Path:
    """Where it is; the name tells which requirements of Airflow it was made with."""
    return ROOT / ".venv-airflow" / f"database-{components.requirements_digest()}"


def record() -> None:
    """Migrate the database of a lake of its own, and keep it.

    Raises:
        LedgerlakeError, subprocess.SubprocessError: it could not be made.
    """
    with tempfile.TemporaryDirectory(prefix="ledgerlake-") as scratch:
        home = Home(Path(scratch, "home"))
        try:
            postgres.start(home)
            components.begin_migration(home)
            components.wait_for_migration(home)
            postgres.stop(home)
            for name in _OF_THE_SERVER:
                postgres.folder(home).joinpath(name).unlink(missing_ok=True)
            shutil.rmtree(kept(), ignore_errors=True)
            _copy(postgres.folder(home), kept())
        finally:
            postgres.stop(home)
            processes.end(processes.left_behind(home), patience=1)


def lay(home: Home) -> None:
    """Give a lake that has no database yet a copy of it."""
    folder = postgres.folder(home)
    if folder.exists() or not kept().exists():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    _copy(kept(), folder)
    components.note_migration(home)


def _copy(source: Path, target: Path) -> None:
    """With its owners, as Postgres wants them; never there in part."""
    unfinished = target.with_name(f"{target.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    shutil.copytree(source, unfinished, symlinks=True)
    for made in (unfinished, *unfinished.rglob("*")):
        was = (source / made.relative_to(unfinished)).lstat()
        os.chown(made, was.st_uid, was.st_gid, follow_symlinks=False)
    unfinished.rename(target)


if __name__ == "__main__":
    try:
        record()
    except (LedgerlakeError, subprocess.SubprocessError) as error:
        sys.exit(f"{type(error).__name__}: {error}")
