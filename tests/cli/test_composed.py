"""The command on a lake that Docker compose runs: found by its addresses, and neither started nor stopped by us."""

from __future__ import annotations

import json
import socket

import pytest

from ledgerlake.settings import from_environment
from local.home import Addresses, Home
from local.local_aws import environment

NOBODY = "http://127.0.0.1:9"


@pytest.fixture
def composed(monkeypatch, tmp_path):
    """`composed(url)`: the environment of a lake whose parts are at `url`."""

    def at(url: str, **more: str) -> Home:
        given = {"HOME": str(tmp_path), "AWS_URL": url, "AIRFLOW_URL": url, "AIRFLOW_BROWSER_URL": "http://localhost:8"}
        for name, value in (given | more).items():
            monkeypatch.setenv(f"LEDGERLAKE_{name}", value)
        return Home.current()

    return at


@pytest.fixture
def somebody():
    """The URL of somebody who listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_a_lake_is_where_its_addresses_say(composed):
    home = composed("http://aws:4566", AIRFLOW_PASSWORD="chosen", AWS_ACCESS_KEY="LAKECHOSEN")
    assert (home.endpoint_url, home.port("aws")) == ("http://aws:4566", 4566)
    assert home.environment()["AWS_ENDPOINT_URL"] == "http://aws:4566"
    assert home.environment()["AWS_ACCESS_KEY_ID"] == "LAKECHOSEN"
    assert home.airflow_login() == ("admin", "chosen")
    assert list(home.folder.iterdir()) == [], "no port is chosen, and no secret made"


def test_without_a_password_of_the_person_it_is_the_one_that_the_lake_has_made(composed):
    home = composed("http://aws:4566")
    kept = home.airflow_login()
    assert json.loads((home.folder / "secrets.json").read_text()) == {"airflow_password": kept[1]}
    assert (home.folder / "secrets.json").stat().st_mode & 0o077 == 0


def test_its_processes_are_told_the_addresses_and_those_of_another_lake_are_not(composed, tmp_path):
    composed("http://aws:4566")
    assert environment(Home.current())["LEDGERLAKE_AWS_URL"] == "http://aws:4566"
    assert "LEDGERLAKE_AWS_URL" not in environment(Home(tmp_path / "own"))


def test_addresses_are_no_settings(composed):
    assert from_environment(composed("http://aws:4566").environment()).environment == "local"


def test_a_lake_of_our_own_has_none(monkeypatch):
    monkeypatch.delenv("LEDGERLAKE_AWS_URL", raising=False)
    assert Addresses.current() is None


def test_up_says_where_it_is_and_how_to_log_in(composed, somebody, ledgerlake):
    composed(somebody, AIRFLOW_PASSWORD="chosen")
    done = ledgerlake("up")
    assert done.exit_code == 0
    assert "http://localhost:8  (user admin, password chosen)" in done.stdout


@pytest.mark.parametrize("command", [["up"], ["status"], ["query", "SELECT 1"]])
@pytest.mark.parametrize("where", [NOBODY, "http://no-such-host.invalid:4566"])
def test_a_lake_that_is_not_up_is_started_by_compose(composed, ledgerlake, command, where):
    composed(where)
    done = ledgerlake(*command)
    assert done.exit_code == 3
    assert "next step: docker compose up -d --wait" in done.stderr


@pytest.mark.parametrize(
    ("command", "remedy"),
    [
        (["up", "--fresh"], "docker compose down --volumes && docker compose up -d --wait"),
        (["down"], "docker compose down\n"),
        (["down", "--purge"], "docker compose down --volumes"),
        (["airflow", "dags", "list"], "docker compose exec scheduler airflow dags list"),
    ],
)
def test_what_compose_does_is_left_to_it(composed, somebody, ledgerlake, command, remedy):
    composed(somebody)
    done = ledgerlake(*command)
    assert done.exit_code == 2
    assert f"next step: {remedy}" in done.stderr


def test_status_says_which_part_answers(composed, somebody, ledgerlake):
    composed(NOBODY, AIRFLOW_URL=somebody)
    done = ledgerlake("status", "--format", "json")
    assert json.loads(done.stdout) == [
        {"what": "aws", "state": "stopped"},
        {"what": "api-server", "state": "running"},
    ]
