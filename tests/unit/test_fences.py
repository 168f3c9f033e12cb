"""The fences of pyproject.toml: import-linter catches what is planted, and a new script or Lambda needs no edit."""

import ast
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FENCED = ("dags", "plugins", "lambdas", "glue_scripts", "cli", "infra", "local")
LINTER = ROOT / ".venv" / "bin" / "lint-imports"


@pytest.fixture
def tree(tmp_path) -> Path:
    """Return a copy of everything that the fences divide."""
    for name in FENCED:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "*.json"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint(tree: Path) -> tuple[int, str]:
    """Return the linter's exit code and its report, one line a contract."""
    path = os.pathsep.join(str(tree / name) for name in ("", "dags", "plugins", "lambdas", "glue_scripts"))
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [LINTER, "--no-cache"], cwd=tree, env=environment, capture_output=True, text=True, check=False
    )
    return done.returncode, " ".join(done.stdout.split())


@pytest.mark.slow
def test_the_tree_keeps_every_contract(tree):
    code, report = lint(tree)
    assert (code, " 0 broken." in report) == (0, True), report


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "planted", "broken"),
    [
        ("dags/ledgerlake/intake/deliveries.py", "from ledgerlake.runs import endings", "The kernel is layered"),
        ("dags/ledgerlake/marts.py", "", "The kernel is layered"),
        ("glue_scripts/customers_etl.py", "from ledgerlake.costs import prices", "A Glue job decides"),
        ("lambdas/new_step/handler.py", "from lambdas.plan_etl_batch import handler", "What is started by itself"),
        ("plugins/ledgerlake_airflow/aws.py", "from ledgerlake_serverless import looks", "The adapters"),
        ("local/deploy.py", "from infra.stacks.data_plane import limits", "The local lake deploys"),
    ],
)
def test_a_planted_violation_is_caught(tree, file, planted, broken):
    (tree / file).parent.mkdir(exist_ok=True)
    with (tree / file).open("a") as module:
        module.write(f"\n{planted}\n")
    code, report = lint(tree)
    assert code == 1
    assert f"{broken}" in report.partition("Broken contracts")[2], report


def test_nothing_is_imported_by_the_name_under_which_a_platform_starts_it():
    started = {path.stem for folder in ("dags", "glue_scripts") for path in (ROOT / folder).glob("*.py")} | {"handler"}
    files = [path for folder in FENCED for path in (ROOT / folder).rglob("*.py")]
    assert not [(str(path.relative_to(ROOT)), name) for path in files for name in _imported(path) if name in started]


def _imported(path: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(path.read_text())))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return plain | {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
