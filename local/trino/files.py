"""Trino's server: pinned by hash, fetched once from Maven Central, and cut to the parts that Athena has.

Run at set-up as `python local/trino/files.py`, with JAVA_HOME; it prints the folder. It needs
the standard library only, and Ivy, which pyspark brings.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path

LOCK = Path(__file__).with_name("server.lock")
KEPT = ("lib", "plugin/delta-lake", "plugin/hive")
"""327 of 1,900 MB."""
_GLUE = Path(__file__).resolve().parents[2] / ".venv-glue"
_MODULE = """<ivy-module version="2.0">
  <info organisation="ledgerlake" module="trino"/>
  <dependencies>
    <dependency org="{group}" name="{artifact}" rev="{version}" transitive="false">
      <artifact name="{artifact}" type="{kind}" ext="{kind}"/>
    </dependency>
  </dependencies>
</ivy-module>
"""
_SETTINGS = """<ivysettings>
  <settings defaultResolver="central"/>
  <resolvers><ibiblio name="central" m2compatible="true" usepoms="false"/></resolvers>
</ivysettings>
"""
"""Without the POMs: Trino's import some hundred others, which takes minutes, and none is needed."""


def locked() -> tuple[str, str, str, str, str]:
    """(sha256, group, artifact, version, kind) of the one line of the lock."""
    (line,) = [line.split() for line in LOCK.read_text().splitlines() if line and not line.startswith("#")]
    group, artifact, version, kind = line[1].split(":")
    return line[0], group, artifact, version, kind


def folder(environ: Mapping[str, str] | None = None) -> Path:
    """Where the server of this lock is kept, whether it is there or not."""
    environ = os.environ if environ is None else environ
    cache = Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    sha256, _, _, version, _ = locked()
    return cache / "ledgerlake" / f"trino-{version}-{sha256[:12]}"


def fetch() -> Path:
    """Make the folder complete; does nothing when it is.

    Raises:
        SystemExit: Ivy could not fetch the server, or it is not the one of the lock.
    """
    target = folder()
    if target.is_dir():  # it is renamed into place, so it is never there in part
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".fetch-") as scratch:
        fetched = _download(Path(scratch))
        _check_same(fetched)
        made = _unpack(fetched, Path(scratch, "unpacked"))
        _prune(made)
        try:
            made.rename(target)
        except OSError:
            if not target.is_dir():  # another set-up may have been quicker
                raise
    return target


def _download(scratch: Path) -> Path:
    _, group, artifact, version, kind = locked()
    module = scratch / "ivy.xml"
    module.write_text(_MODULE.format(group=group, artifact=artifact, version=version, kind=kind))
    settings = scratch / "ivysettings.xml"
    settings.write_text(_SETTINGS)
    ivy = next(_GLUE.glob("lib/python*/site-packages/pyspark/jars/ivy-*.jar"), None)
    if ivy is None:
        raise SystemExit(f"trino: pyspark's Ivy is not below {_GLUE}; expected it after make setup")
    java = Path(os.environ.get("JAVA_HOME", "/usr"), "bin", "java")
    places: list[str | Path] = ["-cache", scratch / "cache", "-retrieve", scratch / "[artifact].[ext]"]
    command: list[str | Path] = [java, "-jar", ivy, "-settings", settings, "-ivy", module, *places]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    found = scratch / f"{artifact}.{kind}"
    if done.returncode or not found.exists():
        raise SystemExit(
            f"{done.stdout[-4000:]}\ntrino: Ivy could not fetch {group}:{artifact}:{version}:{kind} (its last words "
            "are above); next step: check the network (JAVA_TOOL_OPTIONS carries a proxy), then run this again"
        )
    return found


def _check_same(fetched: Path) -> None:
    wanted = locked()[0]
    with fetched.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != wanted:
        raise SystemExit(f"trino: what was fetched has sha256 {digest}; expected {wanted}, as in {LOCK.name}")


def _unpack(fetched: Path, into: Path) -> Path:
    """All of it: a jar that several plugins have is one file with several names."""
    with tarfile.open(fetched) as server:
        server.extractall(into, filter="data")
    (made,) = into.iterdir()
    return made


def _prune(made: Path) -> None:
    for path in [*made.iterdir(), *(made / "plugin").iterdir()]:
        name = str(path.relative_to(made))
        if path.is_dir() and not any(kept == name or kept.startswith(f"{name}/") for kept in KEPT):
            shutil.rmtree(path)
    for unused in made.glob("plugin/*/hdfs"):  # Hadoop's file systems; ours is Trino's own S3
        shutil.rmtree(unused)


if __name__ == "__main__":
    print(fetch())  # noqa: T201
    sys.exit(0)
