"""The service `deploy`: the data-plane template and today's jobs, Lambdas and state machine, into the local AWS.

Run as `python -m local.docker.deploy`; repeated at every start, and whenever a job or a Lambda was edited.
"""

from __future__ import annotations

import sys

from ledgerlake.errors import LedgerlakeError
from local import deploy
from local.home import Home


def main() -> None:
    """Deploy the lake, and print where it is."""
    home = Home.current()
    deploy.deploy(home)
    user, password = home.airflow_login()
    print(f"The data plane is deployed. Airflow: {home.browser_url}  (user {user}, password {password})")  # noqa: T201
    print(f"The local AWS answers to the access key id {home.access_key} alone, with any secret.")  # noqa: T201


if __name__ == "__main__":
    try:
        main()
    except LedgerlakeError as error:
        sys.exit(f"{type(error).__name__}: {error}")
