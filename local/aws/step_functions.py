"""Step Functions: integrations, limits, ends of executions and parallel branches as on AWS, where MiniStack differs.

What MiniStack does itself: states, JSONata, `Retry` (`MaxAttempts` and `BackoffRate` are kept; jitter is not drawn,
and no wait is longer than 60 seconds whatever `MaxDelaySeconds` says), `Catch`, Lambda, SNS, SQS, AWS SDK calls. An
execution that its server's death interrupted is FAILED when the server is back.
"""

from __future__ import annotations

import contextvars
import copy
import json
import threading
from collections.abc import Callable
from typing import Any

from local.aws import hooks, step_functions_limits
from local.aws.step_functions_tasks import TASKS, Task
from local.home import Home

_LAMBDA = "lambda:invoke"
_ACCEPTED = 202
Invoke = Callable[[str, Any], Any]
_task: contextvars.ContextVar[Task | None] = contextvars.ContextVar("task", default=None)


def install(home: Home) -> None:  # noqa: ARG001, every executor is installed alike
    """Run executions by the limits and tasks that AWS has."""
    _install_tasks()
    _install_ends()
    hooks.replace(hooks.RUN_BRANCHES, run_branches)
    step_functions_limits.install()


def _install_tasks() -> None:
    invoke, execute = hooks.original(hooks.INVOKE_RESOURCE), hooks.original(hooks.EXECUTE_TASK)

    def invoke_resource(resource: str, given: Any) -> Any:
        task, name = _task.get(), resource.removeprefix("arn:aws:states:::")
        if task is not None and name in TASKS:
            return TASKS[name](task, given)
        if name != _LAMBDA:
            return invoke(resource, given)
        if given.get("InvocationType") == "Event":
            return _begin(invoke_lambda, invoke, resource, given)
        return invoke_lambda(invoke, resource, given)

    def execute_task(state: dict[str, Any], given: Any, execution: dict[str, Any], ctx: dict[str, Any]) -> Any:
        task = Task(execution, state.get("TimeoutSeconds"))
        task.check_not_ended()  # inside a branch or an item nobody else looks
        token = _task.set(task)
        try:
            return execute(state, given, execution, ctx)
        finally:
            _task.reset(token)

    hooks.replace(hooks.INVOKE_RESOURCE, invoke_resource)
    hooks.replace(hooks.EXECUTE_TASK, execute_task)


def _install_ends() -> None:
    fail, run = hooks.original(hooks.FAIL_EXECUTION), hooks.original(hooks.RUN_EXECUTION)

    def fail_execution(execution: dict[str, Any], error: str, cause: str) -> None:
        if execution["status"] == "RUNNING":  # one that was stopped stays stopped
            fail(execution, error, cause)

    def run_execution(arn: str) -> None:
        timer = _timer(arn)
        try:
            run(arn)
        finally:
            timer.cancel()

    hooks.replace(hooks.FAIL_EXECUTION, fail_execution)
    hooks.replace(hooks.RUN_EXECUTION, run_execution)


def run_branches(state: dict[str, Any], given: Any, execution: dict[str, Any], ctx: dict[str, Any]) -> Any:
    """Run a Parallel state in JSONata: each branch has its own context; `Output` and `Assign` see all results."""
    from ministack.services import stepfunctions

    effective = stepfunctions._apply_jsonata_arguments(state, given, ctx)
    branches = state["Branches"]
    results: list[Any] = [None] * len(branches)
    errors: list[Exception | None] = [None] * len(branches)

    def run(index: int, branch: dict[str, Any]) -> None:
        try:
            own = copy.deepcopy(ctx)
            results[index] = stepfunctions._run_sub_machine(
                branch["States"], branch["StartAt"], effective, execution, own
            )
        except Exception as error:  # noqa: BLE001, raised below, when the other branches have ended
            errors[index] = error

    threads = [
        threading.Thread(target=contextvars.copy_context().run, args=(run, *pair), daemon=True)
        for pair in enumerate(branches)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if error := next((each for each in errors if each is not None), None):
        if isinstance(error, stepfunctions._ExecutionError):
            raise error
        raise stepfunctions._ExecutionError("States.BranchFailed", str(error)) from error
    output = stepfunctions._apply_jsonata_output(state, given, ctx, result=results, default=results)
    stepfunctions._apply_state_assign(state, given, ctx, result=results)
    return output, stepfunctions._next_or_end(state)


def invoke_lambda(invoke: Invoke, resource: str, given: dict[str, Any]) -> Any:
    """`lambda:invoke`, a throttled call named as on AWS."""
    from ministack.services import stepfunctions

    try:
        return invoke(resource, given)
    except stepfunctions._ExecutionError as error:
        if error.error == "Lambda.Unknown" and "TooManyRequestsException" in error.cause:
            error.error = "Lambda.TooManyRequestsException"
        raise


def _begin(function: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
    """Call it while nobody waits; its errors are nobody's."""
    from ministack.services import stepfunctions

    def quietly() -> None:
        try:
            function(*arguments)
        except stepfunctions._ExecutionError as error:
            stepfunctions.logger.warning("An asynchronous invocation failed: %s: %s", error.error, error.cause)

    threading.Thread(target=contextvars.copy_context().run, args=(quietly,), daemon=True).start()
    return {"ExecutedVersion": "$LATEST", "Payload": {}, "StatusCode": _ACCEPTED}


def _timer(arn: str) -> threading.Timer:
    """End the execution when the machine's own `TimeoutSeconds` are over."""
    from ministack.services import stepfunctions

    execution = stepfunctions._executions[arn]
    machine = stepfunctions._state_machines.get(execution["stateMachineArn"]) or {}
    seconds = json.loads(machine.get("definition") or "{}").get("TimeoutSeconds") or threading.TIMEOUT_MAX
    context = contextvars.copy_context()
    timer = threading.Timer(min(seconds, threading.TIMEOUT_MAX), context.run, (_time_out, execution))
    timer.daemon = True
    timer.start()
    return timer


def _time_out(execution: dict[str, Any]) -> None:
    from ministack.services import stepfunctions

    if execution["status"] != "RUNNING":
        return
    execution |= {"status": "TIMED_OUT", "stopDate": stepfunctions.now_iso()}
    stepfunctions._add_event(execution, "ExecutionTimedOut", {"executionTimedOutEventDetails": {}})
    stepfunctions._emit_execution_status_event(execution)
