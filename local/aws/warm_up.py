"""A delivery that lands will have a job run for it soon: until then a new JVM warms up.

It loads, compiles and runs what every job begins with; on an idle core that delays nothing.
"""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path
from typing import Any

from ledgerlake import keys
from local.aws import glue_process, hooks, spark_gateway
from local.home import Home

_PROCESS = Path(__file__).with_name("warm_up_process.py")
_PATIENCE = 60


def install(home: Home) -> None:
    """Warm a JVM as soon as a file lands."""
    fire = hooks.original(hooks.FIRE_EVENT)

    def fire_and_warm_up(bucket_name: str, key: str, event_name: str, *arguments: Any, **named: Any) -> None:
        fire(bucket_name, key, event_name, *arguments, **named)
        if key.startswith(keys.RAW) and "ObjectCreated" in event_name and (new := spark_gateway.take_new()):
            threading.Thread(target=warm_up, args=(home, new), daemon=True).start()

    hooks.replace(hooks.FIRE_EVENT, fire_and_warm_up)


def warm_up(home: Home, gateway: spark_gateway.Gateway) -> None:
    """Run a little Spark in a JVM that was taken for that, and give it back."""
    argv = [str(glue_process.PYTHON), str(_PROCESS), str(gateway.folder / "warm-up")]
    environ = glue_process.environment(home) | gateway.environment
    ended: int | None = None
    try:
        ended = subprocess.run(argv, env=environ, capture_output=True, timeout=_PATIENCE, check=False).returncode
    except subprocess.TimeoutExpired:
        pass
    finally:
        spark_gateway.give_back(gateway, succeeded=ended == 0)
