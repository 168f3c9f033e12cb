"""The words that the definition is written in: states as dictionaries, expressions as text."""

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
_SAID = "$states.errorOutput.Cause"
CAUSE = (
    f"($exists({_SAID}) ? ($length({_SAID}) <= {2 * _PART} ? {_SAID} : "
    f"$substring({_SAID}, 0, {_PART}) & ' … ' & $substring({_SAID}, -{_PART})) : '')"
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
    """Return a Task of one of Step Functions' integrations, `glue:startJobRun.sync`.

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
    """Return a Task that calls a Lambda, whose answer is `$states.result.Payload`."""
    arguments = {"FunctionName": f"${{{function.name}}}", "Payload": payload}
    # half a minute beside the function's own time, so that Lambda says first what took so long
    tried = (*retry, LAMBDA, LAMBDA_DIED)
    return task("lambda:invoke", arguments, seconds=60 * function.minutes + 30, retry=tried, **more)


def choice(rules: Sequence[tuple[str, str]], default: str) -> State:
    """Return the first of (condition, next state) that holds, else `default`."""
    choices = [{"Condition": jsonata(condition), "Next": following} for condition, following in rules]
    return {"Type": "Choice", "Choices": choices, "Default": default}


def failure(state: str, error: str = jsonata(ERROR), cause: str = jsonata(CAUSE)) -> dict[str, str]:
    """Return one entry of the failures that ReportETLRun receives."""
    return {"state": state, "error": error, "cause": cause}


def caught(state: str) -> list[State]:
    """Catchers by which any error of `state` is reported as the failure of the run."""
    return [{"ErrorEquals": ["States.ALL"], "Assign": {"failed": [failure(state)]}, "Next": REPORT_FAILURE}]


def caught_inside(state: str, following: str, **more: str) -> list[State]:
    """Catchers by which a branch or an item ends with its failure as its result, and lets the others end their work."""
    return [{"ErrorEquals": ["States.ALL"], "Output": failure(state) | more, "Next": following}]


def gathered(state: str) -> State:
    """Fields of a Parallel or Map whose branches yield failures or something without `error`."""
    return {"Assign": {"failed": jsonata("[$states.result[$exists(error)]]")}, "Catch": caught(state)}


def any_failed(following: str) -> State:
    """Return the choice that leads to `ReportFailure` when a state has failed, else to `following`."""
    return choice([("$count($failed) > 0", REPORT_FAILURE)], following)
