"""Requirements and DAGs in an environment as MWAA makes it: its constraints, its folders, and nothing of the tree."""

import json
import re
import zipfile
from types import SimpleNamespace

import pytest

from infra.release.distribution import DAGS, PLUGINS, REQUIREMENTS
from infra.release.packaging import ROOT
from infra.stacks.airflow.limits import VERSION
from infra.synth import TEMPLATES
from ledgerlake import names

SECONDS_PER_FILE = 5
_PARSE = """
import json, logging, sys, warnings
from pathlib import Path
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    from airflow.dag_processing.dagbag import BundleDagBag
    folder = Path(sys.argv[1])
    bag = BundleDagBag(dag_folder=str(folder), bundle_path=folder, bundle_name="dags-folder")
ours = [str(each.message) for each in caught if str(folder.parent) in each.filename]
files = {stat.file: [stat.duration.total_seconds(), stat.dag_num, stat.warning_num] for stat in bag.dagbag_stats}
print("ANSWER" + json.dumps({
    "errors": bag.import_errors, "captured": {k: v for k, v in bag.captured_warnings.items() if v}, "warnings": ours,
    "files": files, "dags": sorted(bag.dags),
    "bare": [name for name in ("cli", "infra", "moto", "pytest") if name in sys.modules],
    "kernel": sys.modules["ledgerlake"].__file__, "plugins": sys.modules["ledgerlake_airflow"].__file__,
}))
"""
_LOAD_PLUGINS = """
import json, sys
from airflow import plugins_manager
found, errors = plugins_manager._get_plugins()
names = ("ledgerlake_airflow", "ledgerlake", "jobs", "report", "form")
ours = sorted(name for name in sys.modules if name.split(".")[0] in names)
from ledgerlake_airflow.trigger import WaitForMessages  # as the triggerer does
print("ANSWER" + json.dumps({"errors": errors, "ours": ours, "path": [p for p in sys.path if p.endswith("/plugins")]}))
"""


def test_no_line_of_the_requirements_makes_mwaa_leave_out_its_constraints():
    """MWAA looks for these options in every line, comments among them, and where it finds them applies none itself."""
    found = [line for line in _requirements() if re.search(r"-c |--constraint ", line)]
    assert found == []


def test_every_requirement_is_what_the_image_has_already(constraints):
    """The network has no way to PyPI: pip must find that there is nothing to do."""
    pinned = {line.lower() for line in constraints[0].read_text().splitlines()}
    wanted = [line for line in _requirements() if line and not line.startswith("#")]
    assert wanted
    assert [line for line in wanted if line.lower() not in pinned] == []


@pytest.mark.slow
def test_the_requirements_install_under_mwaas_constraints_and_leave_the_essential_pins(mwaa, uv, constraints):
    installed = {
        name.lower().replace("_", "-"): version
        for name, _, version in (line.partition("==") for line in uv("pip", "freeze", "--python", mwaa.python).split())
    }
    for line in constraints[1].read_text().splitlines():
        if (name := line.partition("==")[0].lower().replace("_", "-")) in installed and not line.startswith("#"):
            assert f"=={installed[name]}" in line
    for line in _requirements():
        if line and not line.startswith("#"):
            name, _, version = line.partition("==")
            assert installed[name] == version
    uv("pip", "check", "--python", mwaa.python)


@pytest.mark.slow
def test_every_dag_imports_from_mwaas_folders_without_an_error_or_a_warning_and_soon(mwaa, run):
    done = run(mwaa.python, "-c", _PARSE, mwaa.folder / "dags", env=mwaa.environment, cwd=mwaa.folder)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.rpartition("ANSWER")[2])
    assert (said["errors"], said["captured"], said["warnings"]) == ({}, {}, [])
    assert said["dags"] == [names.LIVE_DAG, names.BY_DATE_DAG]
    assert said["bare"] == []
    assert said["kernel"].startswith(str(mwaa.folder / "dags"))
    assert said["plugins"].startswith(str(mwaa.folder / "plugins"))
    assert len(said["files"]) == 2, "modules of the kernel are not looked at as DAG files"
    for file, (seconds, _, warned) in said["files"].items():
        print(f"{file}: {seconds:.2f} s")
        assert seconds < SECONDS_PER_FILE
        assert warned == 0


@pytest.mark.slow
def test_processes_that_know_the_plugins_folder_alone_load_the_timetables_and_fail_at_nothing(mwaa, run):
    """Scheduler, web server and triggerer have no DAG folder on their path, and so no kernel to import."""
    done = run(mwaa.python, "-c", _LOAD_PLUGINS, env=mwaa.environment, cwd=mwaa.folder)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.rpartition("ANSWER")[2])
    assert said == {
        "errors": {},
        "ours": ["ledgerlake_airflow", "ledgerlake_airflow.timetables"],
        "path": [str(mwaa.folder / "plugins")],
    }


@pytest.fixture(scope="module")
def mwaa(bare, uv, built, constraints, tmp_path_factory):
    """A Python with Airflow and the requirements, and an AIRFLOW_HOME with what a deployment uploads."""
    python = bare(".venv-airflow")
    limits = [argument for file in constraints for argument in ("--constraints", file)]
    requirements = ("--requirements", built.path(REQUIREMENTS))
    uv("pip", "install", "--quiet", "--python", python, f"apache-airflow=={VERSION}", *requirements, *limits)
    folder = tmp_path_factory.mktemp("airflow")
    for key in built.below(DAGS):
        path = folder / "dags" / key.removeprefix(DAGS)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(built.path(key).read_bytes())
    with zipfile.ZipFile(built.path(PLUGINS)) as plugins:
        plugins.extractall(folder / "plugins")
    return SimpleNamespace(python=python, folder=folder, environment=_environment(folder))


def _environment(folder) -> dict[str, str]:
    """As MWAA makes it of the template's configuration options: AIRFLOW__SECTION__KEY."""
    template = json.loads(TEMPLATES[names.AIRFLOW_STACK].read_text())
    (environment,) = [each for each in template["Resources"].values() if each["Type"] == "AWS::MWAA::Environment"]
    values = {"Environment": "prod", "AWS::AccountId": "123456789012", "Orchestrator": "airflow"}
    options = {}
    for name, value in environment["Properties"]["AirflowConfigurationOptions"].items():
        section, _, key = name.partition(".")
        text = value if isinstance(value, str) else values.get(value.get("Ref", ""), "5")
        options[f"AIRFLOW__{section}__{key}".upper()] = text
    return options | {
        "AIRFLOW_HOME": str(folder),
        "AIRFLOW__CORE__DAGS_FOLDER": str(folder / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(folder / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW_CONN_AWS_DEFAULT": "aws://",
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
    }


def _requirements() -> list[str]:
    return (ROOT / "requirements.txt").read_text().splitlines()
