"""What Step Functions says of a state that failed, made the failure that Airflow would report."""

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
"""The Lambda that a state calls, where it is not called alike."""


def failure_of(item: Mapping[str, Any], log: str) -> Failure:
    """Return the failure of one item of the state machine's list.

    Args:
        item: `{"state", "error", "cause"}`; what a check has found is no failure of a state.
        log: where the execution is shown.

    Raises:
        LedgerlakeError: it is something else.
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
        said = json.loads(cause)
        reason, kind = _in_words(state, said if isinstance(said, dict) else {}, error)
    except (ValueError, KeyError, TypeError):  # a sentence, or cut in the middle
        reason, kind = f"{state}: {': '.join(part for part in (error, _said_in(cause)) if part)}", error
    return Failure(_step(state), reason[:LONGEST], log, kind)


def _said_in(cause: str) -> str:
    """Return the message in JSON of which a part was cut out; else the cause as it is."""
    found = _MESSAGE.search(cause)
    return display_text(json.loads(f'"{found[1]}"', strict=False), None) if found else cause


def _in_words(state: str, said: Mapping[str, Any], error: str) -> tuple[str, str]:
    """Return the reason and the class of its error, out of what a service describes in JSON.

    Raises:
        KeyError: of no service that we know.
    """
    if "JobRunState" in said:
        return failures.job_reason(said["JobName"], said, said["Id"], f"Step Functions says {error}"), error
    if "QueryExecution" in said:
        query = said["QueryExecution"]
        status = query["Status"]
        return failures.query_reason(query["QueryExecutionId"], status["State"], status.get("StateChangeReason")), error
    kind = said.get("errorType") or error
    message = {"errorType": kind, "errorMessage": said["errorMessage"]}
    return failures.lambda_reason(_FUNCTIONS.get(state, state), message), kind


def _step(state: str) -> str:
    """Return the name of a check as its task in Airflow has it."""
    return f"checks.{state}" if state in {check.name for check in checks()} else state
