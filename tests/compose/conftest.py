"""An engine, and the lake that docker-compose.yaml describes, up once for all tests here.

The lake is that of a copy of the tree, so that a test may edit what is mounted.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

ROOT = Path(__file__).parents[2]
STAND_IN = ROOT.parent / "shared" / "tools" / "docker-engine"
BASES = ("python:3.12-slim-bookworm", "postgres:16", "apache/airflow:3.3.1-python3.12")
PASSWORD = "chosen-by-the-test"
_OF_ANOTHER = ("AIRFLOW", "LEDGERLAKE_", "COMPOSE_")
_NEEDED = ("docker-compose.yaml", ".dockerignore", "requirements", "requirements.txt", "plugins")


@pytest.fixture(scope="session")
def engine() -> Iterator[dict[str, str]]:
    """The environment in which `docker compose` finds an engine: this machine's, else one with stand-in images."""
    own = dict(os.environ)
    if _answers(own):
        yield own
        return
    if not STAND_IN.exists() or os.geteuid() != 0:
        pytest.skip("no Docker engine with compose answers here, nor can ../shared/tools/docker-engine be started")
    exports = subprocess.run(
        ["bash", "-c", 'eval "$("$0" env 2>/dev/null)" && env -0', STAND_IN], capture_output=True, text=True, check=True
    ).stdout
    environ = dict(line.split("=", 1) for line in exports.split("\0") if line)
    before = _answers(environ)
    try:
        subprocess.run([STAND_IN, "up", *BASES], check=True)
        yield environ
    finally:
        if not before:
            subprocess.run([STAND_IN, "down"], check=True)


def _answers(environ: dict[str, str]) -> bool:
    if not shutil.which("docker", path=environ["PATH"]):
        return False
    asked = (["docker", "version"], ["docker", "compose", "version"])
    return all(subprocess.run(each, env=environ, capture_output=True).returncode == 0 for each in asked)


@dataclass
class Composed:
    """The lake of one project folder.

    Args:
        seconds: from an engine without our images to `up --wait`'s return.
    """

    folder: Path
    environ: dict[str, str]
    project: str
    airflow_url: str
    seconds: float = 0

    def say(self, *arguments: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        """Run `docker compose …`; its output is kept for the report of a failing test."""
        return self.docker("compose", *arguments, timeout=timeout)

    def docker(self, *arguments: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            ["docker", *arguments], env=self.environ, cwd=self.folder, capture_output=True, text=True, timeout=timeout
        )
        print(f"$ docker {' '.join(arguments)}\n{done.stdout[-6000:]}{done.stderr[-4000:]}")
        return done

    def do(self, *arguments: str, timeout: float = 300) -> str:
        """Run `docker compose …`, which must succeed; returns what it printed."""
        done = self.say(*arguments, timeout=timeout)
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    def ledgerlake(self, *arguments: str, timeout: float = 300) -> str:
        """Run the command as a person does."""
        return self.do("run", "--rm", "-T", "ledgerlake", *arguments, timeout=timeout)

    def query(self, sql: str) -> list[dict[str, Any]]:
        return json.loads(self.ledgerlake("query", sql, "--format", "json"))

    def containers(self) -> dict[str, dict[str, Any]]:
        """What the engine says of each service's container."""
        ids = self.do("ps", "--all", "--quiet").split()
        found = json.loads(self.docker("inspect", *ids).stdout)
        return {each["Config"]["Labels"]["com.docker.compose.service"]: each for each in found}

    def airflow(self, path: str) -> Any:
        """GET of Airflow's API, through the published port and with the login of .env."""
        login = {"username": "admin", "password": PASSWORD}
        token = requests.post(f"{self.airflow_url}/auth/token", json=login, timeout=30).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        return requests.get(f"{self.airflow_url}/api/v2{path}", headers=headers, timeout=30).json()

    def left(self) -> dict[str, list[str]]:
        """What the engine still has of this project, by kind."""
        mine = f"label=com.docker.compose.project={self.project}"
        kinds = {"container": ["--all"], "volume": [], "network": []}
        listed = {kind: self.docker(kind, "ls", *how, "--quiet", "--filter", mine) for kind, how in kinds.items()}
        return {kind: answer.stdout.split() for kind, answer in listed.items()}


@pytest.fixture(scope="session")
def lake(engine, tmp_path_factory) -> Iterator[Composed]:
    """Built and up, as a person would have it; gone at the end, with its volumes."""
    folder = tmp_path_factory.mktemp("compose") / "ledgerlake"
    _copy(folder)
    airflow, aws = _free_ports(2)
    (folder / ".env").write_text(f"AIRFLOW_PORT={airflow}\nLOCAL_AWS_PORT={aws}\nAIRFLOW_PASSWORD={PASSWORD}\n")
    project = f"ledgerlake-test-{os.getpid()}"
    kept = {name: value for name, value in engine.items() if not name.startswith(_OF_ANOTHER)}
    environ = kept | {"COMPOSE_PROJECT_NAME": project, "NO_COLOR": "1", "COLUMNS": "200"}
    made = Composed(folder, environ, project, f"http://127.0.0.1:{airflow}")
    begun = time.monotonic()
    try:
        made.do("build", timeout=600)
        if made.say("up", "-d", "--wait", "--wait-timeout", "600", timeout=660).returncode:
            made.say("ps", "--all")
            made.say("logs", "--tail", "25")
            pytest.fail("`docker compose up -d --wait` failed; see what was printed")
        made.seconds = time.monotonic() - begun
        yield made
    finally:
        made.say("--profile", "*", "down", "--volumes", "--remove-orphans", timeout=180)
        made.docker(
            "image", "rm", "--force", *(f"ledgerlake-{name}:{project}" for name in ("lake", "airflow", "trino"))
        )


def _copy(folder: Path) -> None:
    """What the images are built from and what is mounted, but for caches."""
    services = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())["services"].values()
    mounts = {each.split("/")[1] for service in services for each in service.get("volumes", []) if each[:2] == "./"}
    for name in sorted({*_NEEDED, *(each.split(":")[0] for each in mounts)}):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            folder.mkdir(exist_ok=True)
            shutil.copy(ROOT / name, folder / name)


def _free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in held]
    for each in held:
        each.close()
    return ports
