"""What holds of docker-compose.yaml and of its images, read without an engine; tests/compose runs them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from local.airflow import settings
from local.docker.prepare import CREDENTIALS, SECRETS
from local.home import ROOT, USER, Home

BASES = {
    "debian:bookworm-slim",
    "python:3.11-slim-bookworm",
    "python:3.12-slim-bookworm",
    "postgres:16",
    "apache/airflow:3.3.1-python3.12",
}
"""An exact release each; a base that is added here has to be reviewed."""
FILE = ROOT / "docker-compose.yaml"
DOCKERFILES = sorted((ROOT / "local" / "docker").glob("*/Dockerfile"))
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(FILE.read_text())["services"]
RUNNING = {name: each for name, each in SERVICES.items() if each["restart"] != "no"}
ONCE = {name: each for name, each in SERVICES.items() if name not in RUNNING and not each.get("profiles")}
SECRET = re.compile(r"PASSWORD|SECRET|KEY|TOKEN|FERNET")


def dependencies(service: dict[str, Any]) -> dict[str, str]:
    return {name: each["condition"] for name, each in service.get("depends_on", {}).items()}


def test_the_services_are_those_that_people_expect():
    assert set(RUNNING) == {"postgres", "aws", "api-server", "scheduler", "dag-processor", "triggerer", "trino"}
    assert RUNNING["trino"]["profiles"] == ["trino"], "it is not for everybody"
    assert set(ONCE) == {"prepare", "deploy", "migrate"}


@pytest.mark.parametrize("name", SERVICES)
def test_an_image_is_built_here_or_pinned(name):
    image = SERVICES[name]["image"]
    assert image in BASES or re.fullmatch(r"ledgerlake-\w+:\$\{COMPOSE_PROJECT_NAME:-local\}", image)
    if "build" in SERVICES[name]:
        assert (ROOT / SERVICES[name]["build"]["dockerfile"]).is_file()


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.parent.name)
def test_an_image_is_built_on_a_pinned_base_and_does_not_run_as_root(path):
    text = path.read_text()
    stages = re.findall(r"^FROM \S+ AS (\S+)$", text, re.MULTILINE)
    bases = re.findall(r"^FROM (\S+)", text, re.MULTILINE)
    assert bases
    assert set(bases) - set(stages) <= BASES
    assert "syntax=" not in text, "that line fetches a frontend from a registry"
    users = re.findall(r"^USER (\S+)", text, re.MULTILINE)
    assert all(user != "root" and not user.startswith("0") for user in users[-1:])
    assert users or bases[-1].startswith("apache/airflow:"), "upstream's Airflow runs as airflow by itself"


def test_each_of_our_images_is_built_once_and_again_whenever_its_inputs_have_changed():
    ours = {each["image"] for each in SERVICES.values() if each["image"].startswith("ledgerlake-")}
    built = {each["image"]: each for each in SERVICES.values() if "build" in each}
    assert set(built) == ours
    assert {each["pull_policy"] for each in built.values()} == {"build"}
    others = [each for each in SERVICES.values() if each["image"] in ours and "build" not in each]
    assert {each["pull_policy"] for each in others} == {"never"}, "no registry has them"


@pytest.mark.parametrize("name", [name for name, each in SERVICES.items() if each["image"] != "postgres:16"])
def test_what_we_build_runs_with_no_privilege(name):
    service = SERVICES[name]
    assert service["user"] == "${AIRFLOW_UID:-50000}:0"
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert not {"privileged", "cap_add", "network_mode", "pid"} & set(service)


@pytest.mark.parametrize("name", SERVICES)
def test_a_port_is_published_on_loopback_only(name):
    assert all(re.match(r"127\.0\.0\.1:\$\{[A-Z_]+:-\d+\}:\d+$", port) for port in SERVICES[name].get("ports", []))


def test_what_a_person_needs_is_published_and_no_more():
    assert {name for name, each in SERVICES.items() if each.get("ports")} == {"api-server", "aws"}


@pytest.mark.parametrize("name", RUNNING)
def test_what_goes_on_running_has_a_health_check_that_begins_at_once(name):
    check = RUNNING[name]["healthcheck"]
    assert check["test"][0] in ("CMD", "CMD-SHELL")
    assert check["start_interval"] == "2s"


def test_what_runs_once_is_waited_for_or_else_compose_takes_its_end_for_a_failure():
    waited = {on for each in SERVICES.values() for on, how in dependencies(each).items() if how.endswith("fully")}
    assert set(ONCE) <= waited


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_waits_for_the_health_of_what_runs_and_for_the_end_of_what_runs_once(name):
    for on, condition in dependencies(SERVICES[name]).items():
        assert condition == ("service_healthy" if on in RUNNING else "service_completed_successfully")


def test_no_task_begins_before_the_metadata_is_migrated_and_the_data_plane_deployed():
    assert {"migrate", "deploy"} <= set(dependencies(SERVICES["scheduler"]))
    for name in ("api-server", "dag-processor", "triggerer"):
        assert "migrate" in dependencies(SERVICES[name])
    assert "prepare" in dependencies(SERVICES["migrate"]), "Airflow reads the secrets that it has made"
    assert "aws" in dependencies(SERVICES["deploy"])


@pytest.mark.parametrize("name", SERVICES)
def test_the_tree_is_mounted_and_only_read(name):
    mounted = [each for each in SERVICES[name].get("volumes", []) if each.startswith("./")]
    assert all(each.endswith(":ro") for each in mounted)
    assert all((ROOT / each.split(":")[0]).exists() for each in mounted)
    assert "docker.sock" not in str(SERVICES[name].get("volumes"))


def test_the_dags_and_plugins_of_every_part_of_airflow_are_those_of_the_tree():
    for name in ("scheduler", "dag-processor", "triggerer", "api-server"):
        assert {"./dags:/opt/airflow/dags:ro", "./plugins:/opt/airflow/plugins:ro"} <= set(SERVICES[name]["volumes"])


@pytest.mark.parametrize("name", SERVICES)
def test_no_secret_is_written_down(name):
    given = {key: value or "" for key, value in SERVICES[name].get("environment", {}).items() if SECRET.search(key)}
    given.pop("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE", None)
    files = [value for value in given.values() if not re.fullmatch(r"\$\{[A-Z_]+:-\}", value)]
    assert {value.removeprefix("cat /opt/airflow/state/") for value in files} <= set(SECRETS)


def test_a_url_has_no_password():
    assert not re.search(r"://[^/\s]*:[^/\s@]+@", FILE.read_text())


def test_the_example_of_the_settings_sets_nothing_and_names_them_all():
    lines = [line for line in (ROOT / ".env.example").read_text().splitlines() if line]
    assert all(line.startswith("#") for line in lines)
    named = {found[1] for line in lines if (found := re.match(r"#([A-Z_]+)=", line))}
    read = set(re.findall(r"\$\{([A-Z_]+)", FILE.read_text())) - {"COMPOSE_PROJECT_NAME"} | {"COMPOSE_PROFILES"}
    read |= {"LEDGERLAKE_GATE", "LEDGERLAKE_ORCHESTRATOR", *SERVICES["prepare"]["build"]["args"]}
    assert named == read


def test_airflow_is_told_what_the_local_lake_tells_it(tmp_path):
    airflow = SERVICES["scheduler"]
    assert Path(ROOT, airflow["env_file"]) == Path(settings.__file__).with_name("airflow.env")
    known = settings.environment(Home(tmp_path), "postgresql://")
    assert airflow["environment"]["AWS_SHARED_CREDENTIALS_FILE"] == f"/opt/airflow/state/{CREDENTIALS}"
    passed = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
    passed |= {name.removesuffix("_CMD") for name in airflow["environment"]} | set(settings.behaviour())
    upstream = {"AIRFLOW_HOME", "AIRFLOW__API__HOST", "AIRFLOW__API__PORT"}  # as its image has them
    elsewhere = {"LEDGERLAKE_HOME"}
    names = {name for name in known if name.startswith(("AIRFLOW", "AWS_", "LEDGERLAKE_"))}
    assert names - passed == upstream | elsewhere
    assert not set(airflow["environment"]) & set(settings.behaviour()), "said once"


def test_the_user_of_airflow_is_the_one_whose_login_is_told():
    assert settings.behaviour()["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"] == f"{USER}:admin"
