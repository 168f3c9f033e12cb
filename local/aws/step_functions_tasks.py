"""The integrations of Step Functions that MiniStack lacks, or answers otherwise than AWS does."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

_PAUSE = 0.2  # seconds between two looks


@dataclass
class Task:
    """One Task state at work.

    Args:
        execution: MiniStack's record of its execution.
        seconds: after which one try of it is given up.
    """

    execution: dict[str, Any]
    seconds: float | None = None
    _begun: float = field(default=0.0, init=False)

    def begin(self) -> None:
        """Begin a new try."""
        self._begun = time.monotonic()

    def check_not_ended(self) -> None:
        """Raise when the execution was stopped, or its time is over."""
        if self.execution["status"] != "RUNNING":
            raise _error("States.Runtime", f"the execution is {self.execution['status']}")

    def go_on(self, stop: Callable[[], Any]) -> None:
        """Wait a moment; `stop` the work when nobody waits for it any more, as Step Functions do."""
        time.sleep(_PAUSE)
        late = self.seconds is not None and time.monotonic() - self._begun > float(self.seconds)
        if late or self.execution["status"] != "RUNNING":
            stop()
            self.check_not_ended()
            raise _error("States.Timeout", f"the task was given up after {self.seconds} seconds")


def start_job_run(task: Task, given: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG001, all are called alike
    """`glue:startJobRun`: the id of the run."""
    from ministack.services import glue

    return _answer("Glue", glue._start_job_run(given))


def run_job(task: Task, given: dict[str, Any]) -> dict[str, Any]:
    """`glue:startJobRun.sync`: the run when it has succeeded.

    Raises:
        _ExecutionError: `States.TaskFailed` with the run as JSON for its cause, when it ended otherwise.
    """
    from ministack.services import glue

    task.begin()
    started = start_job_run(task, given)
    of_run = {"JobName": given["JobName"], "RunId": started["JobRunId"]}
    stopped = {"JobName": given["JobName"], "JobRunIds": [started["JobRunId"]]}
    while True:
        run = _answer("Glue", glue._get_job_run(of_run))["JobRun"]
        if run["JobRunState"] == "SUCCEEDED":
            return _in_milliseconds(run)
        if run["JobRunState"] in ("FAILED", "STOPPED", "TIMEOUT", "ERROR", "EXPIRED"):
            raise _error("States.TaskFailed", json.dumps(_in_milliseconds(run)))
        task.go_on(lambda: glue._batch_stop_job_run(stopped))


def start_query(task: Task, given: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG001, all are called alike
    """`athena:startQueryExecution`: the id of the query."""
    return _athena("startQueryExecution", given)


def run_query(task: Task, given: dict[str, Any]) -> dict[str, Any]:
    """`athena:startQueryExecution.sync`: the query when it has succeeded.

    Raises:
        _ExecutionError: `States.TaskFailed` with the query as JSON for its cause, when it ended otherwise.
    """
    task.begin()
    query = {"QueryExecutionId": start_query(task, given)["QueryExecutionId"]}
    while True:
        found = _athena("getQueryExecution", query)
        state = found["QueryExecution"]["Status"]["State"]
        if state == "SUCCEEDED":
            return found
        if state in ("FAILED", "CANCELLED"):
            raise _error("States.TaskFailed", json.dumps(found))
        task.go_on(lambda: _athena("stopQueryExecution", query))


def query_results(task: Task, given: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG001, all are called alike
    """`athena:getQueryResults`: of `MaxResults` rows the header is one, which MiniStack does not count."""
    found = _athena("getQueryResults", given)
    rows = found["ResultSet"]["Rows"]
    found["ResultSet"]["Rows"] = rows[: int(given.get("MaxResults", 1000))]
    return found


def run_execution(task: Task, given: dict[str, Any]) -> dict[str, Any]:
    """`states:startExecution.sync:2`: the execution when it has succeeded, its output as JSON.

    Raises:
        _ExecutionError: `States.TaskFailed` with the execution as JSON for its cause, when it ended otherwise.
    """
    from ministack.services import stepfunctions

    task.begin()
    request = stepfunctions._nested_start_execution_request(given)
    arn = _answer("StepFunctions", stepfunctions._start_execution(request), suffix="Exception")["executionArn"]
    while True:
        execution = stepfunctions._executions[arn]
        if execution["status"] != "RUNNING":
            break
        task.go_on(lambda: stepfunctions._stop_execution({"executionArn": arn}))
    found = {
        name[0].upper() + name[1:]: value
        for name, value in json.loads(stepfunctions._describe_execution({"executionArn": arn})[2]).items()
    }
    if found["Status"] != "SUCCEEDED":
        raise _error("States.TaskFailed", json.dumps(found))
    return {**found, "Output": json.loads(found["Output"])}


TASKS: dict[str, Callable[[Task, Any], dict[str, Any]]] = {
    "glue:startJobRun": start_job_run,
    "glue:startJobRun.sync": run_job,
    "athena:startQueryExecution": start_query,
    "athena:startQueryExecution.sync": run_query,
    "athena:getQueryResults": query_results,
    "states:startExecution.sync:2": run_execution,
}


def _athena(action: str, given: dict[str, Any]) -> dict[str, Any]:
    """Call Athena's API, which has to run on the server's own loop."""
    from ministack.services import stepfunctions

    resource = f"arn:aws:states:::aws-sdk:athena:{action}"
    return dict(stepfunctions._invoke_aws_sdk_integration(resource, given))


def _answer(service: str, response: Any, suffix: str = "") -> dict[str, Any]:
    """Return the body of an API's answer, its error named as Step Functions name it: `Glue.EntityNotFoundException`."""
    status, _, body = response
    said = json.loads(body)
    if status >= 400:
        name = said["__type"].rpartition("#")[2]
        name += "" if name.endswith(suffix) else suffix
        raise _error(f"{service}.{name}", said.get("message") or said.get("Message") or "")
    return dict(said)


def _in_milliseconds(run: dict[str, Any]) -> dict[str, Any]:
    return {name: round(value * 1000) if name.endswith("On") else value for name, value in run.items()}


def _error(error: str, cause: str) -> Exception:
    from ministack.services import stepfunctions

    made: Exception = stepfunctions._ExecutionError(error, cause)
    return made
