"""The service `trino`: Trino in this process' place, configured as the local lake's, for the other containers to ask.

Run as `python -m local.docker.trino`.
"""

from __future__ import annotations

import os

from local.home import Home
from local.trino import configuration, server


def main() -> None:
    """Serve Trino in its container."""
    home = Home.current()
    unpacked, java_home = server.installed()
    etc = configuration.write(home, unpacked, home.port(server.NAME), bind="0.0.0.0")  # noqa: S104, the container's own
    argv = server.command(unpacked, java_home, etc, home.folder / "trino")
    os.execve(argv[0], argv, home.process_environment(os.environ))  # noqa: S606, no shell is wanted


if __name__ == "__main__":
    main()
