"""Failures of states, read from the errors and causes that Step Functions reports."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from ledgerlake import names
from ledgerlake.display import display_text
from ledgerlake.errors import LedgerlakeError
from ledgerlake.reporting import failures
from ledgerlake.reporting.failures import LONGEST, Failure
from ledgerlake.tables.checks import checks

_CHARACTER = r'(?:[^"\\]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})'
_MESSAGE = re.compile(rf'"(?:ErrorMessage|StateChangeReason|errorMessage)":\s*"({_CHARACTER}+)')
_FUNCTIONS = {
    "PlanDates": names.PLAN_FUNCTION,
    "PlanBatch": names.PLAN_FUNCTION,
    "ReportRun": names.REPORT_FUNCTION,
}
"""The Lambda that a state calls, if its name differs from the state's."""


def failure_of(item: Mapping[str, Any], log: str) -> Failure:
    """Return the failure that one item of the state machine's list describes, as Airflow would report it.

    Args:
        item: `{"state", "error", "cause"}`; rows that a check returned are not the failure of a state.
        log: the URL or the command that shows the execution.

    Raises:
        LedgerlakeError: the item has another form.
    """
    try:
        return _of_state(item["state"], item["error"] or "", item.get("cause") or "", log)
    except (KeyError, TypeError, ValueError) as error:
        raise LedgerlakeError(
            f"a failure is {str(item)[:500]}",
            expected='{"state", "error", "cause"}',
        ) from error


def _of_state(state: str, error: str, cause: str, log: str) -> Failure:
    try:
        details = json.loads(cause)
        reason, kind = _reason_and_kind(state, details if isinstance(details, dict) else {}, error)
    except (ValueError, KeyError, TypeError):  # a sentence, or cut in the middle
        reason, kind = f"{state}: {': '.join(part for part in (error, _message_in(cause)) if part)}", error
    return Failure(_step(state), reason[:LONGEST], log, kind)


def _message_in(cause: str) -> str:
    """Return the message in truncated JSON, or the cause unchanged if it holds none."""
    match = _MESSAGE.search(cause)
    return display_text(json.loads(f'"{match[1]}"', strict=False), None) if match else cause


def _reason_and_kind(state: str, details: Mapping[str, Any], error: str) -> tuple[str, str]:
    """Return the reason and the class of the error that a service describes in JSON.

    Raises:
        KeyError: the details are not those of Glue, Athena or Lambda.
    """
    if "JobRunState" in details:
        return failures.job_reason(details["JobName"], details, details["Id"], f"Step Functions says {error}"), error
    if "QueryExecution" in details:
        query = details["QueryExecution"]
        status = query["Status"]
        return failures.query_reason(query["QueryExecutionId"], status["State"], status.get("StateChangeReason")), error
    kind = details.get("errorType") or error
    message = {"errorType": kind, "errorMessage": details["errorMessage"]}
    return failures.lambda_reason(_FUNCTIONS.get(state, state), message), kind


def _step(state: str) -> str:
    """Return the step of the state; a check has the name of its Airflow task."""
    return f"checks.{state}" if state in {check.name for check in checks()} else state
