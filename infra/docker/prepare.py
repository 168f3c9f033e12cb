"""The service `prepare`: make the lake's secrets, once, and lay out those that Airflow reads.

Run as `python -m infra.docker.prepare`; Airflow's volume is then the folder `airflow` of the home.
"""

from __future__ import annotations

from infra.local.airflow_settings import keep_secret, write_login
from infra.local.home import Home

SECRETS = ("fernet_key", "api_secret", "jwt_secret")
"""Each is a file of its name, for Airflow's `…_CMD` settings."""


def prepare(home: Home) -> None:
    """Write what is missing, and the login anew: `.env` may have another password by now."""
    folder = home.folder / "airflow"
    for name in SECRETS:
        keep_secret(folder / name, home.secret(name))
    write_login(home, folder / "passwords.json")


if __name__ == "__main__":
    prepare(Home.current())
