"""`make package` gives the same bytes for the same tree, and everything that a deployment needs."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from infra.release import distribution
from infra.release.distribution import DAGS, MANIFEST, PLUGINS, REQUIREMENTS
from infra.release.packaging import ROOT, PackagingError
from infra.synth import TEMPLATES

_TREE = ("dags", "plugins", "lambdas", "glue_scripts", "step_functions", "infra")
_BUILD = "from pathlib import Path; from infra.release import distribution; distribution.build(Path('dist'))"


@pytest.fixture
def tree(tmp_path) -> Path:
    return _copy(tmp_path / "tree")


def _copy(root: Path) -> Path:
    for name in _TREE:
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "requirements.txt", root / "requirements.txt")
    return root


def _build(root: Path, umask: int, seed: str) -> dict[str, bytes]:
    """Build in `root` by another process; returns every file of dist/."""
    environ = {**os.environ, "PYTHONPATH": f"{root}:{root / 'dags'}", "PYTHONHASHSEED": seed, "TZ": f"UTC-{seed}"}
    before = os.umask(umask)
    try:
        subprocess.run([sys.executable, "-c", _BUILD], cwd=root, env=environ, check=True)
    finally:
        os.umask(before)
    folder = root / "dist"
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_two_copies_of_one_tree_give_the_same_bytes_whatever_their_times_modes_and_caches(tree, tmp_path):
    other = _copy(tmp_path / "elsewhere" / "copy")
    for path in other.rglob("*"):
        path.chmod(0o755)
        os.utime(path, (1, 1))
    for folder in ("dags", "plugins/ledgerlake_airflow", "lambdas/archive_etl_files"):
        cache = other / folder / "__pycache__"
        cache.mkdir(exist_ok=True)
        (cache / "stale.cpython-312.pyc").write_bytes(b"stale")
    first, second = _build(tree, 0o022, "1"), _build(other, 0o077, "2")
    assert first == second
    assert len(first) > 40


def test_the_manifest_names_every_file_by_its_digest(built):
    said = json.loads((built.folder / MANIFEST).read_text())
    there = {str(path.relative_to(built.folder)): path for path in built.folder.rglob("*") if path.is_file()}
    del there[MANIFEST]
    assert said["files"] == {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in there.items()}
    assert said["release"] == built.release.name
    assert all(key in said["files"] for key in built.release.files)


def test_it_holds_every_template_and_the_files_of_airflow(built):
    assert {Path(key).name for key in built.below("templates/")} == {path.name for path in TEMPLATES.values()}
    assert {PLUGINS, REQUIREMENTS, f"{DAGS}.airflowignore", f"{DAGS}ledgerlake/keys.py"} <= set(built.files)


def test_plugins_unpack_into_the_plugins_folder_itself(built):
    with zipfile.ZipFile(built.path(PLUGINS)) as plugins:
        names = set(plugins.namelist())
    assert {".airflowignore", "ledgerlake_airflow/__init__.py", "ledgerlake_airflow/sensor.py"} <= names
    assert not {name for name in names if name.startswith(("plugins/", "/")) or "__pycache__" in name}


def test_a_file_that_was_there_before_is_not_in_the_next_distribution(tree, tmp_path):
    folder = tmp_path / "dist"
    distribution.build(folder, tree)
    (tree / "plugins" / "ledgerlake_airflow" / "lease_wait.py").unlink()
    (tree / "dags" / "ecommerce_lakehouse_by_date.py").unlink()
    again = distribution.build(folder, tree)
    assert f"{DAGS}ecommerce_lakehouse_by_date.py" not in again.files
    assert not (folder / DAGS / "ecommerce_lakehouse_by_date.py").exists()


@pytest.mark.parametrize("missing", ["requirements.txt", "plugins/.airflowignore"])
def test_what_mwaa_needs_but_the_tree_lacks_is_named(tree, tmp_path, missing):
    (tree / missing).unlink()
    with pytest.raises(PackagingError, match=f"^{missing} is missing; expected "):
        distribution.build(tmp_path / "dist", tree)
