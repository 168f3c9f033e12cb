"""First states: plan one batch, or start one execution of the same machine for each requested date."""

from __future__ import annotations

from typing import Any

from infra import functions
from infra.state_machine import retries
from infra.state_machine.states import EXECUTION, States, caught, choice, invoke, jsonata, task
from ledgerlake import settings
from ledgerlake.reporting.notification import NAMED

_REQUEST = jsonata(f"$merge([$states.context.Execution.Input, {{'execution': {EXECUTION}}}])")
"""The whole input, so that PlanETLBatch can reject unknown fields."""
DATES_AT_ONCE = settings.Settings().date_concurrency
_REASON = "$states.input.reason"
_NOTE = 1000
"""Characters of the note on a run that a notification quotes."""
_NAME_ROOM = 69
"""Characters of an execution's name, of 80; a hyphen and a date take the others."""


def planning(following: str) -> States:
    """Return the states from `Begin` to `following`, where `$plan` is a plan with a batch."""
    return {
        "Begin": _begin(),
        "PlanBatch": invoke(
            functions.PLAN,
            _REQUEST,
            retry=[retries.LEASE_TAKEN],
            Assign={"plan": jsonata("$states.result.Payload")},
            Catch=caught("PlanBatch"),
            Next="AnythingToDo",
        ),
        "AnythingToDo": choice([("$type($plan.batch_id) = 'string'", following)], "LookAgain"),
    }


def _begin() -> States:
    nothing_yet: dict[str, Any] = {
        "plan": None,
        "archive": None,
        "checks": None,
        "figures": None,
        "failed": [],
        "reason": jsonata(f"$type({_REASON}) = 'string' ? $substring({_REASON}, 0, {_NOTE}) : ''"),
    }
    is_range = "$type($states.input.from) = 'string' and $not($type($states.input.date) = 'string')"
    begin = choice([(is_range, "PlanDates")], "PlanBatch")
    begin["Choices"][0]["Assign"] = begin["Assign"] = nothing_yet
    return begin


def dates() -> States:
    """Return the states of an execution for a range of dates, which plans no batch and holds no lease."""
    return {
        "PlanDates": invoke(
            functions.PLAN,
            _REQUEST,
            Assign={"dates": jsonata("[$states.result.Payload.dates]")},
            Catch=caught("PlanDates"),
            Next="EachDate",
        ),
        "EachDate": {
            "Type": "Map",
            "Items": jsonata("$dates"),
            "MaxConcurrency": DATES_AT_ONCE,
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "INLINE"},
                "StartAt": "RunDate",
                "States": {
                    "RunDate": _run_date(),
                    "DateFailed": {"Type": "Pass", "End": True},
                },
            },
            "Assign": {"failed_dates": jsonata("[$states.result[$exists(error)].date]")},
            "Output": {"dates": jsonata("$dates")},
            "Catch": caught("EachDate"),
            "Next": "DatesDone",
        },
        "DatesDone": choice([("$count($failed_dates) = 0", "Done")], "DatesFailed"),
        "DatesFailed": {
            "Type": "Fail",
            "Error": "DatesFailed",
            "Cause": jsonata(
                "$count($failed_dates) & ' of ' & $count($dates) & ' dates failed, their own notifications say why: ' "
                f"& $join($failed_dates[[0..{NAMED - 1}]], ', ') "
                f"& ($count($failed_dates) > {NAMED} ? ' and ' & ($count($failed_dates) - {NAMED}) & ' more' : '')"
            ),
        },
    }


def _run_date() -> States:
    is_passed_on = "function($value, $name) { $name in ['datasets', 'reprocess', 'reason'] }"
    passed_on = f"$sift($states.context.Execution.Input, {is_passed_on})"
    arguments = {
        "StateMachineArn": jsonata("$states.context.StateMachine.Id"),
        # a name of its own: a start that is tried again finds the execution that it has started
        "Name": jsonata(f"$substring({EXECUTION}, 0, {_NAME_ROOM}) & '-' & $states.input"),
        "Input": jsonata(f"$merge([{passed_on}, {{'date': $states.input}}])"),
    }
    return task(
        "states:startExecution.sync:2",
        arguments,
        seconds=retries.EXECUTION_SECONDS,
        retry=[retries.STATES],
        Output={"date": jsonata("$states.input")},
        Catch=[
            {
                "ErrorEquals": ["States.ALL"],
                "Output": {"date": jsonata("$states.input"), "error": jsonata("$states.errorOutput.Error")},
                "Next": "DateFailed",
            }
        ],
        End=True,
    )
