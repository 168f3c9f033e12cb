"""The home of a local lake: one folder with its ports, secrets, logs and data.

Several lakes live side by side, one a folder; nothing of a lake is outside its folder.
"""

from __future__ import annotations

import json
import secrets
import socket
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ledgerlake import settings
from local.errors import PortTaken

ROOT = Path(__file__).resolve().parents[1]
"""The repository."""
REGION = "us-east-1"
USER = "admin"
PORTS = ("aws", "airflow", "trino")
ATHENA_ENGINES = ("duckdb", "trino")
"""What answers the local Athena's queries: the quick one, and the one that Athena is made of."""
UNCHECKED = "unchecked"
"""The secret access key of a local lake: signatures are not checked."""
_ADDRESSES = tuple(f"LEDGERLAKE_{name.upper()}" for name in settings.ADDRESSES)


@dataclass(frozen=True)
class Addresses:
    """Addresses of the parts of a lake that others run, such as Docker compose.

    Args:
        aws_url: of the local AWS, as this process reaches it.
        aws_access_key: its access key id; empty where the home keeps it.
        airflow_url: of Airflow's API, likewise; empty where there is none.
        airflow_browser_url: of its UI, as a browser reaches it.
        airflow_password: of its user; empty where the home keeps it.
        trino_url: of what answers Athena's queries; empty where DuckDB does.
    """

    aws_url: str
    aws_access_key: str = ""
    airflow_url: str = ""
    airflow_browser_url: str = ""
    airflow_password: str = ""
    trino_url: str = ""

    @classmethod
    def current(cls) -> Addresses | None:
        """As the environment says; None for a lake whose parts are processes of this machine."""
        given = settings.addresses()
        return cls(**given) if "aws_url" in given else None

    def environment(self) -> dict[str, str]:
        """Return the variables that describe this lake to another process."""
        return {f"LEDGERLAKE_{name.upper()}": value for name, value in asdict(self).items() if value}


@dataclass(frozen=True)
class Home:
    """The state of one local lake.

    Args:
        folder: absolute; made on first use.
        addresses: of its parts, where they are not processes that we start.
    """

    folder: Path
    addresses: Addresses | None = None

    @classmethod
    def current(cls) -> Home:
        """Return the home that `LEDGERLAKE_HOME` names, else `.ledgerlake` in the repository."""
        folder = Path(settings.state_folder(str(ROOT / ".ledgerlake"))).expanduser().resolve()
        return cls(folder, Addresses.current())

    @property
    def logs(self) -> Path:
        """`<component>.log`, and `glue/<job>/<run_id>.log` for every run of a job."""
        return self.folder / "logs"

    @property
    def endpoint_url(self) -> str:
        """Of the local AWS."""
        return self.addresses.aws_url if self.addresses else f"http://127.0.0.1:{self.port('aws')}"

    @property
    def airflow_url(self) -> str:
        """Of Airflow's API."""
        return self.addresses.airflow_url if self.addresses else f"http://127.0.0.1:{self.port('airflow')}"

    @property
    def browser_url(self) -> str:
        """Of Airflow's UI."""
        return (self.addresses and self.addresses.airflow_browser_url) or self.airflow_url

    def airflow_login(self) -> tuple[str, str]:
        """(user, password) of the Airflow UI and API."""
        return USER, (self.addresses and self.addresses.airflow_password) or self.secret("airflow_password")

    @property
    def access_key(self) -> str:
        """Return the access key id that every request to the local AWS needs; made once, or set by compose."""
        return (self.addresses and self.addresses.aws_access_key) or self.secret("aws_access_key", _random_access_key)

    @property
    def trino_url(self) -> str:
        """Of Trino, where it answers the queries."""
        return self.addresses.trino_url if self.addresses else f"http://127.0.0.1:{self.port('trino')}"

    def answering(self) -> bool:
        """Return whether the port of the local AWS is in use."""
        if self.addresses is None and not (self.folder / "ports.json").exists():
            return False
        return answers(self.endpoint_url)

    def environment(self) -> dict[str, str]:
        """Return the variables by which any AWS client, and the project's own code, finds this lake."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": UNCHECKED,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "LEDGERLAKE_ENVIRONMENT": "local",
            "LEDGERLAKE_HOME": str(self.folder),
            "LEDGERLAKE_ORCHESTRATOR": self.orchestrator,
            **(self.addresses.environment() if self.addresses else {}),
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
        if self.addresses:
            return ATHENA_ENGINES[bool(self.addresses.trino_url)]
        return str(self._kept("athena.json").get("engine", ATHENA_ENGINES[0]))

    def choose_athena(self, engine: str) -> None:
        """Keep who answers queries; it takes effect with the next one."""
        self._keep("athena.json", {"engine": engine})

    def process_environment(self, inherited: Mapping[str, str]) -> dict[str, str]:
        """`inherited` for a process of this lake: without what would lead it to another AWS account or lake."""
        kept = {name: value for name, value in inherited.items() if not name.startswith(("AWS_", *_ADDRESSES))}
        return kept | self.environment()

    def port(self, name: str) -> int:
        """Return the port of one of `PORTS`, chosen when first asked for and kept."""
        if self.addresses:
            return urlsplit(getattr(self.addresses, f"{name}_url")).port or 80
        ports = self._kept("ports.json")
        if name not in ports:
            ports |= _free_ports([each for each in PORTS if each not in ports])
            self._keep("ports.json", ports)
        return int(ports[name])

    def set_port(self, name: str, port: int) -> None:
        """Keep `port` instead of one of our own choice.

        Raises:
            PortTaken: another process listens there.
        """
        check_free(name, port)
        self._keep("ports.json", self._kept("ports.json") | {name: port})

    def secret(self, name: str, make: Callable[[], str] | None = None) -> str:
        """Return a secret of this lake, made when first asked for and kept readable to its owner only.

        Args:
            make: returns a new one, where its form matters.
        """
        kept = self._kept("secrets.json")
        if name not in kept:
            make = make or (_random_key if "key" in name else _random_word)
            kept[name] = make()
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


def _random_access_key() -> str:
    """Of the length and alphabet of AWS's, and none of AWS's prefixes, which secret scanners look for."""
    return "LAKE" + "".join(secrets.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") for _ in range(16))


def _random_key() -> str:
    return urlsafe_b64encode(secrets.token_bytes(32)).decode()


def _random_word() -> str:
    return secrets.token_hex(16)


def listening(port: int) -> bool:
    """Return whether a port of 127.0.0.1 is in use."""
    return answers(f"http://127.0.0.1:{port}")


def answers(url: str) -> bool:
    """Return whether a process listens at the host and port of `url`."""
    parts = urlsplit(url)
    try:
        with socket.create_connection((parts.hostname or "", parts.port or 80), timeout=5):
            return True
    except OSError:  # refused, too slow, or a host that is not there
        return False


def check_free(name: str, port: int, *, patience: float = 0) -> None:
    """Check that no process listens on `port`.

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
    """Return as many different free ports; all are held until the last is found."""
    probes = [socket.socket() for _ in names]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return {name: probe.getsockname()[1] for name, probe in zip(names, probes, strict=True)}
    finally:
        for probe in probes:
            probe.close()
