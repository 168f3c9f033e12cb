"""What `make package` builds, and bare environments like those in which it runs: nothing of the tree is on a path."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.release import distribution
from infra.release.packaging import ROOT

SHARED = ROOT.parent / "shared" / "data"
CONSTRAINTS = SHARED / "mwaa-3.3.1-constraints-py3.12.txt"
ESSENTIAL = SHARED / "mwaa-3.3.1-essential-py3.12.txt"


@pytest.fixture(scope="session")
def built(tmp_path_factory) -> distribution.Distribution:
    """The distribution of this tree."""
    return distribution.build(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="session")
def uv() -> Callable[..., str]:
    """uv("pip", "list", …) → what it printed; it must succeed."""
    own = ROOT / ".uv" / "bin" / "uv"
    command = str(own) if own.exists() else shutil.which("uv")
    if command is None:
        pytest.skip("needs uv, on the PATH or in .uv: make setup")

    def run(*arguments: str | Path) -> str:
        environ = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
        done = subprocess.run([command, *map(str, arguments)], env=environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="session")
def bare(uv, tmp_path_factory) -> Callable[[str], Path]:
    """bare(".venv-glue") → the Python of a new environment with nothing in it, of the version that this one has."""

    def make(like: str) -> Path:
        folder = tmp_path_factory.mktemp("bare") / "venv"
        if not (ROOT / like / "bin" / "python").exists():
            pytest.skip(f"needs the environment {like}: make setup")
        uv("venv", "--quiet", "--python", ROOT / like / "bin" / "python", folder)
        return folder / "bin" / "python"

    return make


@pytest.fixture(scope="session")
def constraints() -> tuple[Path, Path]:
    """MWAA's constraints, and the part of them that nobody may override."""
    if not CONSTRAINTS.exists():
        pytest.skip(f"needs MWAA's constraints in {SHARED}")
    return CONSTRAINTS, ESSENTIAL


@pytest.fixture(scope="session")
def run() -> Callable[..., subprocess.CompletedProcess[str]]:
    """run(python, "-c", code, env={…}, cwd=…) with that environment and no other."""

    def start(python: Path, *arguments: str | Path, env: dict[str, str], cwd: Path, seconds: float = 300):
        kept = {"PATH": os.environ["PATH"], "HOME": str(cwd), "LC_ALL": "C.UTF-8"}
        return subprocess.run(
            [str(python), *map(str, arguments)],
            env=kept | env,
            cwd=cwd,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
        )

    return start
