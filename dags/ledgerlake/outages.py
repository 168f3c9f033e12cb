"""How long one part of Airflow, or its database, may be away without any loss but time.

Every timeout of Airflow that a task's try hangs on follows from that one number; the local lake and the MWAA
environment take them from here, and a test compares both with this page.
"""

from __future__ import annotations

from ledgerlake.settings import Settings

RETRY_SECONDS = 2
"""Between two requests of a task to an API server that does not answer."""
REQUEST_SECONDS = 30
"""For one answer: on a busy machine the first one after a start takes ten seconds."""
_LEAST_TOKEN = 600
"""Airflow's own default, in seconds."""


def airflow_options(settings: Settings) -> dict[str, str]:
    """Return the options, by `section.key`, with which an outage of `outage_seconds` costs no task a try.

    - A task asks the API server again until well after the outage.
    - The scheduler takes a task that has sent no heartbeat for lost only after two such outages: it cannot send one
      while the API server or the database is away.
    - The token of a task is renewed in the last fifth of its life, by an answer: that fifth outlives the outage.
    - A task that is queued, with a scheduler or a worker away, is not given up.
    """
    outage = settings.outage_seconds
    asking = 1.2 * outage + REQUEST_SECONDS  # a part that is started again does not answer at once
    return {
        "workers.execution_api_retries": _whole(asking / RETRY_SECONDS + 5),
        "workers.execution_api_retry_wait_min": str(RETRY_SECONDS),
        "workers.execution_api_retry_wait_max": str(RETRY_SECONDS),
        "workers.execution_api_timeout": str(REQUEST_SECONDS),
        "workers.max_failed_heartbeats": "3",
        "scheduler.task_instance_heartbeat_timeout": _whole(2 * outage + REQUEST_SECONDS),
        "scheduler.task_queued_timeout": _whole(2 * outage + _LEAST_TOKEN),
        "execution_api.jwt_expiration_time": _whole(max(_LEAST_TOKEN, 5 * asking)),
    }


def _whole(seconds: float) -> str:
    return str(round(seconds))
