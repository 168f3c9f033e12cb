"""Run the local AWS of one home: `python -m local.aws HOME [HOST:PORT …]`.

Its environment is that of `local_aws.environment`; the hosts are further names by which clients reach it.

It serves until it is stopped, and its Glue jobs end with it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from ledgerlake.errors import LedgerlakeError
from local.aws import (
    access,
    athena,
    buckets,
    crawler,
    glue_jobs,
    glue_stops,
    hooks,
    lambdas,
    persistence,
    ranges,
    step_functions,
    warm_up,
)
from local.home import Addresses, Home


def main() -> None:
    """Serve the local AWS until it is stopped."""
    home, hosts = Home(Path(sys.argv[1]), Addresses.current()), sys.argv[2:]
    del sys.argv[1:]  # MiniStack reads them too
    hooks.check()
    for executor in (
        glue_jobs,
        glue_stops,
        crawler,
        athena,
        lambdas,
        step_functions,
        buckets,
        ranges,
        warm_up,
        persistence,
    ):
        executor.install(home)
    access.install(home, hosts)
    import ministack.app

    ministack.app.main()


if __name__ == "__main__":
    try:
        main()
    except LedgerlakeError as error:
        sys.exit(f"{type(error).__name__}: {error}")
