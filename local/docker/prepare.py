"""The service `prepare`: make the lake's secrets, once, and lay out those that Airflow reads.

Run as `python -m local.docker.prepare`; Airflow's volume is then the folder `airflow` of the home.
"""

from __future__ import annotations

from local.airflow.settings import keep_secret, write_login
from local.home import UNCHECKED, Home

SECRETS = ("fernet_key", "api_secret", "jwt_secret")
"""Each is a file of its name, for Airflow's `…_CMD` settings."""
CREDENTIALS = "aws_credentials"
"""The access key of the local AWS, for Airflow's `AWS_SHARED_CREDENTIALS_FILE`."""


def prepare(home: Home) -> None:
    """Write what is missing, login and access key anew: `.env` may have others by now."""
    folder = home.folder / "airflow"
    for name in SECRETS:
        keep_secret(folder / name, home.secret(name))
    write_login(home, folder / "passwords.json")
    keep_secret(folder / CREDENTIALS, _credentials(home))


def _credentials(home: Home) -> str:
    """Return the file in which AWS clients look for their access key."""
    return f"[default]\naws_access_key_id = {home.access_key}\naws_secret_access_key = {UNCHECKED}\n"


if __name__ == "__main__":
    prepare(Home.current())
