"""The ends: one notification, the lease given back, and a look at what has come meanwhile.

The order matters. While an execution holds the lease, whoever looks into `raw/` leaves what it finds
to it; so every execution that may have held the lease looks again after it has given it back.
"""

from __future__ import annotations

from typing import Any

from infra import functions
from infra.state_machine import retries
from infra.state_machine.states import CAUSE, ERROR, EXECUTION, State, States, caught, choice, invoke, jsonata, task
from ledgerlake import names
from ledgerlake.intake.messages import wake

_ASKED = "$states.context.Execution.Input"
_FACTS = {
    "execution": jsonata(EXECUTION),
    "started_at": jsonata("$states.context.Execution.StartTime"),
    "plan": jsonata("$plan"),
    "archive": jsonata("$archive"),
    "reason": jsonata("$reason"),
    # for a run that failed before it had a plan; null is as good as nothing
    **{name: jsonata(f"$exists({_ASKED}.{name}) ? {_ASKED}.{name} : null") for name in ("date", "from", "to")},
}
_USED = {
    "scanned": jsonata("$scanned"),
    "crawl": {"needed": jsonata("$count($differences) > 0"), "looks": jsonata("$looks")},
}
"""What ReportETLRun need not ask for to say what the execution cost."""
_FIRST_ERROR = "$failed[0].error"
_IN_WORDS = "$join($map($failed, function($each) { $each.state & ': ' & $each.error & ': ' & $each.cause }), '; ')"


def reporting() -> States:
    """Return the states from `ReportRun` to the end of a run in which no state failed; its checks may have."""
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
            # the batch is closed: this is no failure of the run, but somebody has to hear of it
            Catch=[_unreported("NotifyRun")],
            Next="Reported",
        ),
        "Reported": choice([("$count($failed) > 0", "WhenAgain")], "LookAgain"),
        "LookAgain": _look("Done", Output=_said()),
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
            Catch=[{"ErrorEquals": ["States.ALL"], "Next": "Failed"}],  # the sweep looks
            Next="Failed",
        ),
        "LookAgainAfterFailure": _look("Failed"),
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


def _look(following: str, **more: Any) -> State:
    """Nobody waits for the look, which may last for minutes; when it fails, the sweep looks."""
    state = invoke(
        functions.CHECK,
        wake(jsonata(f"{EXECUTION} & ' has given the lease back'")),
        Catch=[{"ErrorEquals": ["States.ALL"], **more, "Next": following}],
        **more,
        Next=following,
    )
    state["Arguments"]["InvocationType"] = "Event"
    return state


def _said() -> str:
    """Return what the execution answers to whoever waits for it."""
    return jsonata(
        "{'batch_id': $plan.batch_id, 'reason': $plan.reason, "
        "'subject': $exists($report.subject) ? $report.subject : ''}"
    )
