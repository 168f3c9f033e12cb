"""Final states: the report releases the lease, one notification is published, and `raw/` is polled again.

The order matters. While an execution holds the lease, a dispatch leaves new deliveries to it. Every execution
that may have held the lease therefore triggers a poll after it has released the lease.
"""

from __future__ import annotations

from typing import Any

from infra import functions
from infra.state_machine import retries
from infra.state_machine.states import CAUSE, ERROR, EXECUTION, State, States, caught, choice, invoke, jsonata, task
from ledgerlake import names
from ledgerlake.intake.messages import wake

_INPUT = "$states.context.Execution.Input"
_FACTS = {
    "execution": jsonata(EXECUTION),
    "started_at": jsonata("$states.context.Execution.StartTime"),
    "plan": jsonata("$plan"),
    "archive": jsonata("$archive"),
    "reason": jsonata("$reason"),
    # for a run that failed before it had a plan; null is as good as nothing
    **{name: jsonata(f"$exists({_INPUT}.{name}) ? {_INPUT}.{name} : null") for name in ("date", "from", "to")},
}
_USED = {
    "scanned": jsonata("$scanned"),
    "crawl": {"needed": jsonata("$count($differences) > 0"), "looks": jsonata("$looks")},
}
"""Usage that ReportETLRun needs for the cost of the execution."""
_FIRST_ERROR = "$failed[0].error"
_IN_WORDS = "$join($map($failed, function($each) { $each.state & ': ' & $each.error & ': ' & $each.cause }), '; ')"


def reporting() -> States:
    """Return the states from `ReportRun` to the end of a run in which no state failed."""
    return {
        "ReportRun": invoke(
            functions.REPORT,
            {**_FACTS, **_USED, "checks": jsonata("$checks"), "figures": jsonata("$figures"), "failed": []},
            Assign={
                "report": jsonata("$states.result.Payload"),
                "failed": jsonata("[$states.result.Payload.failures]"),
            },
            Catch=caught("ReportRun"),
            Next="NotifyRun",
        ),
        "NotifyRun": _publish(
            jsonata("$report.subject"),
            jsonata("$report.message"),
            # the batch is closed, so the run has not failed, but people must be notified
            Catch=[_unreported("NotifyRun")],
            Next="Reported",
        ),
        "Reported": choice([("$count($failed) > 0", "WhenAgain")], "LookAgain"),
        "LookAgain": _poll("Done", Output=_output()),
        "Done": {"Type": "Succeed"},
    }


def failing() -> States:
    """Return the states from `ReportFailure` to the end."""
    return {
        "ReportFailure": invoke(
            functions.REPORT,
            {**_FACTS, "failed": jsonata("$failed")},
            Assign={"report": jsonata("$states.result.Payload")},
            Catch=[_unreported("ReportFailure")],
            Next="NotifyFailure",
        ),
        "NotifyFailure": _publish(
            jsonata("$report.subject"),
            jsonata("$report.message"),
            Catch=[{"ErrorEquals": ["States.ALL"], "Next": "WhenAgain"}],  # a notification lost must not be a file lost
            Next="WhenAgain",
        ),
        "WhenAgain": choice([("$type($report.again_in_seconds) = 'number'", "TryAgainLater")], "LookAgainAfterFailure"),
        "TryAgainLater": task(
            "sqs:sendMessage",
            {
                "QueueUrl": "${QueueUrl}",
                "MessageBody": wake(jsonata(f"{EXECUTION} & ' failed, and is tried again'")),
                "DelaySeconds": jsonata("$report.again_in_seconds"),
            },
            seconds=60,
            retry=[retries.SQS],
            Catch=[{"ErrorEquals": ["States.ALL"], "Next": "Failed"}],  # the sweep polls
            Next="Failed",
        ),
        "LookAgainAfterFailure": _poll("Failed"),
        "NotifyWithoutReport": _publish(
            "Ledgerlake: an execution ended without its report",
            jsonata(
                f"'Execution ' & {EXECUTION} & ' of {names.STATE_MACHINE} has ended, but its report failed: ' "
                f"& $unreported & '\\n\\nWhat had failed before: ' & ($count($failed) > 0 ? {_IN_WORDS} : 'nothing') "
                "& '\\n\\nWhat is open: ledgerlake status; ledgerlake executions\\n'"
            ),
            Catch=[{"ErrorEquals": ["States.ALL"], "Next": "Failed"}],
            Next="Failed",
        ),
        "Failed": {
            "Type": "Fail",
            # names that begin with "States." belong to Step Functions
            "Error": jsonata(f"$count($failed) > 0 ? $replace({_FIRST_ERROR}, 'States.', '') : 'NotReported'"),
            "Cause": jsonata(f"$substring($count($failed) > 0 ? {_IN_WORDS} : $unreported, 0, 8000)"),
        },
    }


def _publish(subject: str, message: str, **more: Any) -> State:
    arguments = {"TopicArn": "${TopicArn}", "Subject": subject, "Message": message}
    return task("sns:publish", arguments, seconds=60, retry=[retries.SNS], **more)


def _unreported(state: str) -> State:
    return {
        "ErrorEquals": ["States.ALL"],
        "Assign": {"unreported": jsonata(f"'{state}: ' & {ERROR} & ': ' & {CAUSE}")},
        "Next": "NotifyWithoutReport",
    }


def _poll(following: str, **more: Any) -> State:
    """Return the state that triggers a poll of `raw/`; the sweep covers a poll that fails."""
    state = invoke(
        functions.CHECK,
        wake(jsonata(f"{EXECUTION} & ' has given the lease back'")),
        Catch=[{"ErrorEquals": ["States.ALL"], **more, "Next": following}],
        **more,
        Next=following,
    )
    state["Arguments"]["InvocationType"] = "Event"
    return state


def _output() -> str:
    """Return the output of the execution."""
    return jsonata(
        "{'batch_id': $plan.batch_id, 'reason': $plan.reason, "
        "'subject': $exists($report.subject) ? $report.subject : ''}"
    )
