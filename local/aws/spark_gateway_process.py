"""Spark's JVM without a job: says where a job's Python can attach to it, and ends when its stdin does.

Runs in the environment of the Glue jobs, where nothing of this project is installed.
"""

import json
import sys

from pyspark.java_gateway import launch_gateway


def main() -> None:
    """Start a JVM, and write where it listens."""
    gateway = launch_gateway()
    parameters = gateway.gateway_parameters
    where = {"port": parameters.port, "secret": parameters.auth_token}
    print(f"gateway: {json.dumps(where)}", flush=True)  # noqa: T201
    sys.stdin.read()
    gateway.proc.stdin.close()
    gateway.proc.wait()


if __name__ == "__main__":
    main()
