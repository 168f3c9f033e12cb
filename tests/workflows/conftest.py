"""The workflows as they are written, and the two linters on any of them."""

import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

ROOT = Path(__file__).parents[2]
GITHUB = ROOT / ".github"
ACTION = GITHUB / "actions" / "setup" / "action.yml"


def read(path: Path) -> dict:
    """A workflow; YAML takes its key `on` for a boolean, which is undone here."""
    found = yaml.safe_load(path.read_text())
    return {"on" if name is True else name: value for name, value in found.items()}


@pytest.fixture(scope="session")
def workflows() -> dict[str, dict]:
    """By the name of the file."""
    return {path.name: read(path) for path in sorted((GITHUB / "workflows").glob("*.yml"))}


@pytest.fixture(scope="session")
def jobs(workflows) -> dict[tuple[str, str], dict]:
    """By (file, job)."""
    return {(file, name): job for file, flow in workflows.items() for name, job in flow["jobs"].items()}


@pytest.fixture(scope="session")
def linters():
    """`linters.actionlint(folder)` and `linters.zizmor(folder)`: (exit code, what it said) about a repository."""
    tools = ROOT / ".venv-workflows" / "bin"
    if not (tools / "actionlint").exists():
        pytest.skip("the linters of workflows are not in .venv-workflows: make lint-workflows")

    def run(folder: Path, *argv: str | Path) -> tuple[int, str]:
        done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout + done.stderr

    return SimpleNamespace(
        actionlint=lambda folder: run(folder, tools / "actionlint", "-shellcheck", tools / "shellcheck"),
        zizmor=lambda folder: run(folder, tools / "zizmor", "--quiet", "--offline", "--pedantic", ".github"),
    )
