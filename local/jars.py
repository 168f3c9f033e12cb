"""The jars that Spark needs beside pyspark's own: pinned by hash, fetched once, kept in a cache.

Run by `.venv-glue`'s Python at set-up, `python local/jars.py`; it prints the folder. Imported
elsewhere only to know where that folder is, so it needs the standard library alone.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

LOCK = Path(__file__).with_name("jars.lock")
NOT_NEEDED = "com.amazonaws:aws-java-sdk-bundle"  # 280 MB; the modules that are used have 5


@dataclass(frozen=True)
class Jar:
    """One line of the lock."""

    sha256: str
    group: str
    artifact: str
    version: str

    @property
    def coordinate(self) -> str:
        """Return the Maven coordinate."""
        return f"{self.group}:{self.artifact}:{self.version}"

    @property
    def name(self) -> str:
        """Return the name of the file."""
        return f"{self.artifact}-{self.version}.jar"


def locked() -> tuple[Jar, ...]:
    """Return the jars of the lock, in its order."""
    lines = [line.split() for line in LOCK.read_text().splitlines() if line and not line.startswith("#")]
    return tuple(Jar(digest, *coordinate.split(":")) for digest, coordinate in lines)


def folder(environ: Mapping[str, str] | None = None) -> Path:
    """Where the jars of this lock are kept, whether they are there or not."""
    environ = os.environ if environ is None else environ
    cache = Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "ledgerlake" / f"jars-{hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]}"


def fetch() -> Path:
    """Make the folder complete; does nothing when it is.

    Raises:
        SystemExit: Ivy could not fetch them, or a jar is not the one of the lock.
    """
    target = folder()
    if target.is_dir():  # it is renamed into place, so it is never there in part
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".fetch-") as scratch:
        ivy, made = Path(scratch, "ivy"), Path(scratch, "jars")
        made.mkdir()
        _resolve(ivy)
        for jar in locked():
            _copy(jar, ivy, made)
        _publish(made, target)
    return target


def _resolve(ivy: Path) -> None:
    """Have pyspark's own Ivy download the lock's coordinates below `ivy`."""
    coordinates = ",".join(jar.coordinate for jar in locked())
    submit = [
        f"--conf spark.jars.ivy={ivy}",
        f"--packages {coordinates} --exclude-packages {NOT_NEEDED}",
        "--conf spark.ui.enabled=false --master local[1] pyspark-shell",
    ]
    session = "from pyspark.sql import SparkSession; SparkSession.builder.getOrCreate().stop()"
    environ = {**os.environ, "PYSPARK_SUBMIT_ARGS": " ".join(submit), "SPARK_LOCAL_IP": "127.0.0.1"}
    done = subprocess.run(
        [sys.executable, "-c", session], env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if done.returncode:
        raise SystemExit(
            f"{done.stdout[-4000:]}\njars: Spark's Ivy could not fetch {coordinates} (its last words are above); "
            "next step: check the network (JAVA_TOOL_OPTIONS carries a proxy), then run make setup again"
        )


def _copy(jar: Jar, ivy: Path, made: Path) -> None:
    found = next(ivy.rglob(f"*{jar.name}"), None)
    if found is None:
        raise SystemExit(f"jars: Ivy fetched no {jar.name}; expected {jar.coordinate}, as jars.lock says")
    digest = hashlib.sha256(found.read_bytes()).hexdigest()
    if digest != jar.sha256:
        raise SystemExit(
            f"jars: {jar.coordinate} has sha256 {digest}; expected {jar.sha256}, as in jars.lock; nothing was kept"
        )
    shutil.copyfile(found, made / jar.name)


def _publish(made: Path, target: Path) -> None:
    try:
        made.rename(target)
    except OSError:
        if not target.is_dir():  # another set-up may have been quicker
            raise


if __name__ == "__main__":
    print(fetch())  # noqa: T201
