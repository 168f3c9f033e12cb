"""A release is the tree's content: nothing of the machine or the moment gets in."""

import base64
import csv
import hashlib
import os
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from infra.functions import FUNCTIONS
from infra.release.packaging import DEFINITION, ROOT, PackagingError, build, wheel_key
from ledgerlake.contracts import DATASETS


@pytest.fixture
def tree(tmp_path) -> Path:
    """A tree with the real kernel, and the smallest scripts and Lambda that a release can have."""
    root = tmp_path / "tree"
    shutil.copytree(ROOT / "dags" / "ledgerlake", root / "dags" / "ledgerlake")
    handlers = [f"lambdas/{function.folder}/handler.py" for function in FUNCTIONS]
    libraries = ("glue_scripts/ledgerlake_glue/__init__.py", "lambdas/ledgerlake_serverless/__init__.py")
    for name in (*libraries, *handlers, str(DEFINITION)):
        (root / name).parent.mkdir(parents=True)
        (root / name).write_text('"""Small."""\n')
    for dataset in DATASETS.values():
        (root / "glue_scripts" / f"{dataset.job}.py").write_text(f'"""{dataset.name}."""\n')
    return root


def test_the_same_tree_gives_the_same_bytes_at_another_time_and_place(tree, tmp_path):
    first = build(tmp_path / "first", tree)
    copy = tmp_path / "copy"
    shutil.copytree(tree, copy)
    for path in copy.rglob("*"):
        os.utime(path, (1, 1))
        path.chmod(0o755)
    (copy / "dags" / "ledgerlake" / "__pycache__").mkdir(exist_ok=True)
    (copy / "dags" / "ledgerlake" / "__pycache__" / "batch.cpython-312.pyc").write_bytes(b"stale")
    second = build(tmp_path / "second", copy)
    assert first.name == second.name
    assert {key: path.read_bytes() for key, path in first.files.items()} == {
        key: path.read_bytes() for key, path in second.files.items()
    }


@pytest.mark.parametrize(
    "changed",
    [
        "glue_scripts/orders_etl.py",
        "glue_scripts/ledgerlake_glue/__init__.py",
        "lambdas/archive_etl_files/handler.py",
        "step_functions/ecommerce_etl_pipeline.asl.json",
        "dags/ledgerlake/contracts/orders.py",
    ],
)
def test_any_change_of_what_runs_is_another_release(tree, tmp_path, changed):
    before = build(tmp_path / "before", tree).name
    with (tree / changed).open("a") as file:
        file.write("# changed\n")
    assert build(tmp_path / "after", tree).name != before


@pytest.mark.parametrize(
    "missing",
    [
        "glue_scripts/orders_etl.py",
        "glue_scripts/ledgerlake_glue/__init__.py",
        "lambdas/archive_etl_files/handler.py",
        "lambdas/ledgerlake_serverless/__init__.py",
        "lambdas/plan_etl_batch/handler.py",
        "step_functions/ecommerce_etl_pipeline.asl.json",
    ],
)
def test_what_the_template_would_start_but_the_tree_lacks_is_named(tree, tmp_path, missing):
    (tree / missing).unlink()
    with pytest.raises(PackagingError, match=f"^{missing} is missing; expected "):
        build(tmp_path / "release", tree)


def test_a_release_has_every_artefact_that_the_template_names(tree, tmp_path, of_type):
    release = build(tmp_path / "release", tree)
    keys = {key.removeprefix(f"{release.name}/") for key in release.files}
    named = {function["Code"]["S3Key"] for function in of_type("AWS::Lambda::Function").values()}
    for job in of_type("AWS::Glue::Job").values():
        named |= {job["Command"]["ScriptLocation"], job["DefaultArguments"]["--additional-python-modules"]}
    named |= {each["DefinitionS3Location"]["Key"] for each in of_type("AWS::StepFunctions::StateMachine").values()}
    assert keys == {name.split("0123456789abcdef/")[1] for name in named}


def test_the_template_accepts_the_name_of_a_release(tree, tmp_path, committed):
    assert re.fullmatch(committed["Parameters"]["Release"]["AllowedPattern"], build(tmp_path, tree).name)


def test_the_wheel_records_the_hash_of_every_file_in_it(tree, tmp_path):
    with zipfile.ZipFile(_wheel(build(tmp_path, tree))) as wheel:
        (record,) = [name for name in wheel.namelist() if name.endswith(".dist-info/RECORD")]
        rows = {name: digest for name, digest, _ in csv.reader(wheel.read(record).decode().splitlines())}
        assert set(rows) == set(wheel.namelist())
        for name, digest in rows.items():
            if name != record:
                expected = base64.urlsafe_b64encode(hashlib.sha256(wheel.read(name)).digest()).rstrip(b"=")
                assert digest == f"sha256={expected.decode()}"


def test_a_lambda_zip_has_its_handler_at_the_root_beside_the_kernel(tree, tmp_path):
    release = build(tmp_path, tree)
    with zipfile.ZipFile(release.files[f"{release.name}/lambdas/archive_etl_files.zip"]) as package:
        kernel = {"ledgerlake/planning/batch.py", "ledgerlake/contracts/orders.py"}
        assert {"handler.py", "ledgerlake_serverless/__init__.py", *kernel} <= set(package.namelist())


def test_the_wheel_of_this_tree_is_all_that_the_jobs_import_beside_what_glue_has(tmp_path):
    python = ROOT / ".venv-glue" / "bin" / "python"
    if not python.exists():
        pytest.skip("needs the environment .venv-glue: make setup")
    wheel = _wheel(build(tmp_path, ROOT))
    code = "import ledgerlake, ledgerlake_glue.job; print(ledgerlake.__file__); print(ledgerlake_glue.__file__)"
    done = subprocess.run(
        [python, "-c", code], cwd=tmp_path, env={"PYTHONPATH": str(wheel)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert all(line.startswith(str(wheel)) for line in done.stdout.splitlines())


def _wheel(release) -> Path:
    return release.files[f"{release.name}/{wheel_key()}"]
