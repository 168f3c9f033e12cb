"""What is larger than Step Functions take between states fails as it does on AWS."""

from __future__ import annotations

import json

import pytest
from ministack.services import stepfunctions

from local.aws.step_functions_limits import LIMIT

pytestmark = pytest.mark.slow

ALL = {"ErrorEquals": ["States.ALL"], "Next": "After", "Output": "caught by all"}
OWN = {"ErrorEquals": ["States.DataLimitExceeded"], "Next": "After", "Output": "{% $states.errorOutput %}"}
TEXT = "é" * (LIMIT // 2 - 1)  # with its quotes as many bytes as may be
BIG = TEXT + "x"


def machine(first: dict) -> str:
    state = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Arguments": {}, "Next": "After"} | first
    return json.dumps(
        {"QueryLanguage": "JSONata", "StartAt": "First", "States": {"First": state, "After": {"Type": "Succeed"}}}
    )


@pytest.fixture
def run_first(run, machine_of):
    """run_first({…}, answer) is the execution of a Task with these fields, whose service gives that answer."""
    return lambda fields, answer=None, given=None: run(given or {}, machine=machine_of(machine(fields)), First=answer)


def test_a_result_of_exactly_the_limit_is_taken_in_bytes_of_utf_8(run_first):
    assert run_first({}, TEXT).output == TEXT


@pytest.mark.parametrize(
    ("fields", "answer", "what"),
    [
        ({}, BIG, "returned a result"),
        ({"Output": "small"}, BIG, "returned a result"),
        ({"Output": "{% [$states.result, $states.result] %}"}, TEXT, "has an output"),
        ({"Output": "small", "Assign": {"a": "{% $states.result %}", "b": 1}}, TEXT, "assigns variables"),
        ({"Arguments": {"Payload": "{% $pad('', 262144, 'x') %}"}}, "small", "has an input"),
    ],
)
def test_what_is_larger_fails_the_execution_and_no_catch_of_all_takes_it(run_first, fields, answer, what):
    done = run_first(fields | {"Catch": [ALL]}, answer).execution
    assert (done["status"], done["error"]) == ("FAILED", "States.DataLimitExceeded")
    assert done["cause"] == (
        f"The state/task 'First' {what} with a size exceeding the maximum number of bytes service limit."
    )


def test_a_catch_of_its_own_name_takes_it(run_first):
    assert run_first({"Catch": [OWN, ALL]}, BIG).output["Error"] == "States.DataLimitExceeded"


def test_a_retry_of_all_does_not_try_it_again(run_first):
    assert run_first({"Retry": [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 3}]}, BIG).states == ["First"]


def test_the_results_of_branches_are_measured_together(run_first):
    task = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Arguments": {}, "End": True}
    branches = [{"StartAt": "First", "States": {"First": task}}] * 2
    done = run_first({"Type": "Parallel", "Branches": branches, "Output": "small"}, TEXT).execution
    assert done["error"] == "States.DataLimitExceeded"


def test_an_input_of_an_execution_that_is_too_long_is_refused(stage, machine_of):
    arn = machine_of(machine({}))
    status, _, body = stepfunctions._start_execution({"stateMachineArn": arn, "input": json.dumps("x" * LIMIT)})
    assert (status, json.loads(body)["__type"]) == (400, "ValidationException")
