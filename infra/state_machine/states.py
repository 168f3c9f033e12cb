"""Builders of states and JSONata expressions for the definition."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from infra.functions import Function
from infra.state_machine.retries import LAMBDA, LAMBDA_DIED, Retrier

State = dict[str, Any]
States = dict[str, State]

REPORT_FAILURE = "ReportFailure"
ERROR = "$states.errorOutput.Error"
_PART = 4000
_CAUSE = "$states.errorOutput.Cause"
CAUSE = (
    f"($exists({_CAUSE}) ? ($length({_CAUSE}) <= {2 * _PART} ? {_CAUSE} : "
    f"$substring({_CAUSE}, 0, {_PART}) & ' … ' & $substring({_CAUSE}, -{_PART})) : '')"
)
"""Of a long cause its beginning and its end: those of all branches travel together, and 256 KiB are the most.

In what Glue describes the error stands at the beginning, in what Athena describes after the query.
"""
EXECUTION = "$states.context.Execution.Name"


def jsonata(expression: str) -> str:
    """Return the expression as the value of a field."""
    return "{% " + expression + " %}"


def text(value: str) -> str:
    """Return a text as a literal of an expression."""
    return json.dumps(value, ensure_ascii=False)


def task(resource: str, arguments: dict[str, Any], *, seconds: int, retry: Sequence[Retrier], **more: Any) -> State:
    """Return a Task of a Step Functions integration, such as `glue:startJobRun.sync`.

    Args:
        seconds: after which one try of it is given up.
        more: further fields, `Next` or `End` among them.
    """
    return {
        "Type": "Task",
        "Resource": f"arn:aws:states:::{resource}",
        "Arguments": arguments,
        "TimeoutSeconds": seconds,
        "Retry": list(retry),
        **more,
    }


def invoke(function: Function, payload: dict[str, Any] | str, *, retry: Sequence[Retrier] = (), **more: Any) -> State:
    """Return a Task that calls a Lambda, whose response is `$states.result.Payload`."""
    arguments = {"FunctionName": f"${{{function.name}}}", "Payload": payload}
    # half a minute beside the function's own time, so that Lambda says first what took so long
    tried = (*retry, LAMBDA, LAMBDA_DIED)
    return task("lambda:invoke", arguments, seconds=60 * function.minutes + 30, retry=tried, **more)


def choice(rules: Sequence[tuple[str, str]], default: str) -> State:
    """Return a Choice of the first (condition, next state) that holds, else `default`."""
    choices = [{"Condition": jsonata(condition), "Next": following} for condition, following in rules]
    return {"Type": "Choice", "Choices": choices, "Default": default}


def failure(state: str, error: str = jsonata(ERROR), cause: str = jsonata(CAUSE)) -> dict[str, str]:
    """Return one entry of the failures that ReportETLRun receives."""
    return {"state": state, "error": error, "cause": cause}


def caught(state: str) -> list[State]:
    """Return catchers that report any error of `state` as the failure of the run."""
    return [{"ErrorEquals": ["States.ALL"], "Assign": {"failed": [failure(state)]}, "Next": REPORT_FAILURE}]


def caught_inside(state: str, following: str, **more: str) -> list[State]:
    """Return catchers that end a branch or an item with its failure as the result, so that the others finish."""
    return [{"ErrorEquals": ["States.ALL"], "Output": failure(state) | more, "Next": following}]


def gathered(state: str) -> State:
    """Return fields of a Parallel or Map whose branches yield failures or something without `error`."""
    return {"Assign": {"failed": jsonata("[$states.result[$exists(error)]]")}, "Catch": caught(state)}


def any_failed(following: str) -> State:
    """Return a Choice that reports failures, or goes to `following` if there are none."""
    return choice([("$count($failed) > 0", REPORT_FAILURE)], following)
