"""What the one-off services of docker-compose.yaml do, without containers."""

from __future__ import annotations

import json

import pytest

from local.docker import aws
from local.docker.prepare import CREDENTIALS, SECRETS, prepare
from local.home import Addresses, Home


@pytest.fixture
def composed(tmp_path):
    (tmp_path / "airflow").mkdir()
    return Home(tmp_path, Addresses("http://127.0.0.1:4566"))


def test_every_secret_is_made_once_and_readable_by_its_owner_only(composed):
    prepare(composed)
    files = {path.name: path for path in (composed.folder / "airflow").iterdir()}
    assert set(files) == {*SECRETS, CREDENTIALS, "passwords.json"}
    assert {path.stat().st_mode & 0o777 for path in files.values()} == {0o600}
    before = {name: (path.read_text(), path.stat().st_mtime_ns) for name, path in files.items()}
    assert len({text for text, _ in before.values()}) == len(files)
    prepare(composed)
    assert {name: (path.read_text(), path.stat().st_mtime_ns) for name, path in files.items()} == before


def test_the_password_of_the_person_takes_the_place_of_the_one_that_was_made(composed, tmp_path):
    prepare(composed)
    prepare(Home(tmp_path, Addresses("http://127.0.0.1:4566", airflow_password="chosen")))
    assert json.loads((tmp_path / "airflow" / "passwords.json").read_text()) == {"admin": "chosen"}


def test_airflow_is_given_the_access_key_that_the_local_aws_answers_to(composed, tmp_path):
    prepare(composed)
    assert f"aws_access_key_id = {composed.access_key}\n" in (tmp_path / "airflow" / CREDENTIALS).read_text()
    prepare(Home(tmp_path, Addresses("http://127.0.0.1:4566", aws_access_key="LAKECHOSEN")))
    assert "aws_access_key_id = LAKECHOSEN\n" in (tmp_path / "airflow" / CREDENTIALS).read_text()


def test_the_local_aws_of_a_container_listens_for_the_other_containers(monkeypatch, tmp_path):
    monkeypatch.setenv("LEDGERLAKE_HOME", str(tmp_path))
    monkeypatch.setenv("LEDGERLAKE_AWS_URL", "http://127.0.0.1:4567")
    started = []
    monkeypatch.setattr(aws.os, "execve", lambda *given: started.append(given))
    monkeypatch.setattr("sys.argv", ["aws", "aws:4566", "localhost:4568"])
    aws.main()
    ((_, argv, environment),) = started
    assert argv[1:] == ["-m", "local.aws", str(tmp_path), "aws:4566", "localhost:4568"]
    assert (environment["BIND_HOST"], environment["GATEWAY_PORT"]) == ("0.0.0.0", "4567")
    assert environment["LEDGERLAKE_AWS_URL"] == "http://127.0.0.1:4567"
