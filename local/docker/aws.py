"""The service `aws`: the local AWS in this process' place, so that a container's signals reach it.

Run as `python -m local.docker.aws HOST:PORT …`, with the names by which its clients reach it. It listens on every
address of its container; compose publishes it on loopback.
"""

from __future__ import annotations

import os
import sys

from local import local_aws
from local.home import Home


def main() -> None:
    """Serve the local AWS in its container."""
    home = Home.current()
    (home.folder / "aws").mkdir(parents=True, exist_ok=True)
    environment = local_aws.environment(home, bind="0.0.0.0")  # noqa: S104, the container's own addresses
    argv = [sys.executable, "-m", "local.aws", str(home.folder), *sys.argv[1:]]
    os.execve(sys.executable, argv, environment)  # noqa: S606, no shell is wanted


if __name__ == "__main__":
    main()
