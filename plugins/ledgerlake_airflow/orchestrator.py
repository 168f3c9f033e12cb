"""Consumer of the queue: the live DAG or Step Functions, never both.

Two consumers would lose nothing, since one at a time holds the lease. But each would hide messages from the other,
and an operator could not tell which of them processes a file.
"""

from __future__ import annotations

import logging
from typing import Any

from airflow.sdk.exceptions import AirflowException
from botocore.exceptions import BotoCoreError, ClientError

from ledgerlake import names
from ledgerlake.errors import LedgerlakeError
from ledgerlake.settings import Settings

log = logging.getLogger(__name__)

AIRFLOW = "airflow"
_CONSUMES = {"Enabled", "Enabling"}


class TwoConsumers(AirflowException):
    """Step Functions also consumes the queue; retried, since somebody may be about to switch it off."""


def consumes_queue(settings: Settings) -> bool:
    """Return whether this Airflow consumes the queue and sweeps raw/."""
    return settings.orchestrator == AIRFLOW


def documented(text: str | None, settings: Settings, consequence: str) -> str:
    """Return the documentation of a DAG, which begins with a notice while Step Functions consumes the queue."""
    if consumes_queue(settings):
        return text or ""
    notice = f"**Step Functions consumes the queue** (`orchestrator` is `{settings.orchestrator}`): {consequence}"
    return f"{notice} To have Airflow consume it again: `ledgerlake orchestrator use airflow`.\n\n{text or ''}"


def check_single_consumer(lambdas: Any) -> None:
    """Check that messages of the queue do not start Step Functions as well.

    Without a response (there is no such function, or this Airflow lacks the permission) the run continues.

    Args:
        lambdas: a boto3 Lambda client.

    Raises:
        TwoConsumers: they do.
    """
    try:
        pages = lambdas.get_paginator("list_event_source_mappings").paginate(FunctionName=names.CHECK_FUNCTION)
        mappings = [mapping for page in pages for mapping in page["EventSourceMappings"]]
    except (BotoCoreError, ClientError) as error:
        log.info("Whether Step Functions consumes the queue as well is not known: %s", error)
        return
    if any(_is_of_queue(mapping) and mapping.get("State") in _CONSUMES for mapping in mappings):
        both = LedgerlakeError(
            f"Airflow ({names.LIVE_DAG}) and Step Functions ({names.CHECK_FUNCTION}) both consume {names.QUEUE}",
            expected="one of them",
            remedy="ledgerlake orchestrator use airflow, or: ledgerlake orchestrator use step_functions",
        )
        raise TwoConsumers(str(both))


def _is_of_queue(mapping: dict[str, Any]) -> bool:
    return str(mapping.get("EventSourceArn", "")).endswith(f":{names.QUEUE}")
