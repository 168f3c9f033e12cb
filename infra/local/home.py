"""The home of a local lake: one folder with its ports, secrets, logs and data.

Several lakes live side by side, one a folder; nothing of a lake is outside its folder.
"""

from __future__ import annotations

import json
import secrets
import socket
import time
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.local.errors import PortTaken
from ledgerlake import settings

ROOT = Path(__file__).resolve().parents[2]
"""The repository."""
REGION = "us-east-1"
USER = "admin"
PORTS = ("aws", "airflow", "trino")
ATHENA_ENGINES = ("duckdb", "trino")
"""What answers the local Athena's queries: the quick one, and the one that Athena is made of."""


@dataclass(frozen=True)
class Home:
    """The state of one local lake.

    Args:
        folder: absolute; made on first use.
    """

    folder: Path

    @classmethod
    def current(cls) -> Home:
        """The home that `LEDGERLAKE_HOME` names, else `.ledgerlake` in the repository."""
        return cls(Path(settings.state_folder(str(ROOT / ".ledgerlake"))).expanduser().resolve())

    @property
    def logs(self) -> Path:
        """`<component>.log`, and `glue/<job>/<run_id>.log` for every run of a job."""
        return self.folder / "logs"

    @property
    def endpoint_url(self) -> str:
        """Of the local AWS."""
        return f"http://127.0.0.1:{self.port('aws')}"

    @property
    def airflow_url(self) -> str:
        return f"http://127.0.0.1:{self.port('airflow')}"

    def airflow_login(self) -> tuple[str, str]:
        """(user, password) of the Airflow UI and API."""
        return USER, self.secret("airflow_password")

    def environment(self) -> dict[str, str]:
        """The variables by which any AWS client, and the project's own code, finds this lake."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "LEDGERLAKE_ENVIRONMENT": "local",
            "LEDGERLAKE_HOME": str(self.folder),
            "LEDGERLAKE_ORCHESTRATOR": self.orchestrator,
        }

    @property
    def orchestrator(self) -> str:
        """Who consumes the lake's queue."""
        return str(self._kept("orchestrator.json").get("orchestrator", settings.ORCHESTRATORS[0]))

    def choose_orchestrator(self, name: str) -> None:
        """Keep who consumes the queue; it takes effect with the next deployment."""
        self._keep("orchestrator.json", {"orchestrator": name})

    @property
    def athena(self) -> str:
        """Which of `ATHENA_ENGINES` answers the lake's queries."""
        return str(self._kept("athena.json").get("engine", ATHENA_ENGINES[0]))

    def choose_athena(self, engine: str) -> None:
        """Keep who answers queries; it takes effect with the next one."""
        self._keep("athena.json", {"engine": engine})

    def process_environment(self, inherited: Mapping[str, str]) -> dict[str, str]:
        """`inherited` for a process of this lake: without what would lead it to another AWS account."""
        kept = {name: value for name, value in inherited.items() if not name.startswith("AWS_")}
        return kept | self.environment()

    def port(self, name: str) -> int:
        """The port of one of `PORTS`, chosen when first asked for and kept."""
        ports = self._kept("ports.json")
        if name not in ports:
            ports |= _free_ports([each for each in PORTS if each not in ports])
            self._keep("ports.json", ports)
        return int(ports[name])

    def set_port(self, name: str, port: int) -> None:
        """Keep `port` instead of one of our own choice.

        Raises:
            PortTaken: somebody else listens there.
        """
        refuse_taken(name, port)
        self._keep("ports.json", self._kept("ports.json") | {name: port})

    def secret(self, name: str) -> str:
        """A secret of this lake, made when first asked for and kept readable to its owner only."""
        kept = self._kept("secrets.json")
        if name not in kept:
            kept[name] = urlsafe_b64encode(secrets.token_bytes(32)).decode() if "key" in name else secrets.token_hex(16)
            self._keep("secrets.json", kept)
        return str(kept[name])

    def _kept(self, name: str) -> dict[str, Any]:
        path = self.folder / name
        return json.loads(path.read_text()) if path.exists() else {}

    def _keep(self, name: str, values: dict[str, Any]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        scratch = self.folder / f".{name}"
        scratch.touch(mode=0o600)
        scratch.write_text(json.dumps(values, indent=1))
        scratch.replace(self.folder / name)  # a reader never sees half of it


def listening(port: int) -> bool:
    """Whether somebody listens on 127.0.0.1."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def refuse_taken(name: str, port: int, *, patience: float = 0) -> None:
    """Refuse to go on while somebody listens on `port`.

    Args:
        patience: seconds to wait for one that is about to end.

    Raises:
        PortTaken: it is still in use.
    """
    deadline = time.monotonic() + patience
    while listening(port):
        if time.monotonic() >= deadline:
            raise PortTaken(
                f"port {port}, which this lake uses for {name}, is taken by another process",
                expected="a free port",
                remedy=f"end that process (ss -ltnp | grep {port}), or remove ports.json from the home to have others",
            )
        time.sleep(0.1)


def _free_ports(names: list[str]) -> dict[str, int]:
    """As many different ports that nobody uses; all are held until the last is found."""
    probes = [socket.socket() for _ in names]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return {name: probe.getsockname()[1] for name, probe in zip(names, probes, strict=True)}
    finally:
        for probe in probes:
            probe.close()
