"""The 256 KiB that Step Functions take between states, which MiniStack does not know.

A state's input after `Arguments`, the result of what it called, its output, and what one `Assign` binds may each hold
262,144 bytes of UTF-8; an execution's input 262,144 characters. What is larger fails the state with
`States.DataLimitExceeded`, which neither `States.ALL` nor `States.TaskFailed` catches, only its own name. Only states
in JSONata are measured: the pipeline has no others.
"""

from __future__ import annotations

import json
from typing import Any

from local.aws import hooks

LIMIT = 262_144
ERROR = "States.DataLimitExceeded"


def install() -> None:
    """Hold executions to the limits of AWS."""
    _install_start()
    _install_data()
    matches = hooks.original(hooks.ERROR_MATCHES)

    def error_matches(error_equals: list[str], error: str) -> bool:
        return error in error_equals if error == ERROR else bool(matches(error_equals, error))

    hooks.replace(hooks.ERROR_MATCHES, error_matches)


def _install_start() -> None:
    from ministack.core.responses import error_response_json

    start = hooks.original(hooks.START_EXECUTION)

    def start_execution(data: dict[str, Any]) -> Any:
        if len(data.get("input", "")) > LIMIT:
            constraint = f"Member must have length less than or equal to {LIMIT}"
            return error_response_json(
                "ValidationException",
                f"1 validation error detected: Value at 'input' failed to satisfy constraint: {constraint}",
                400,
            )
        return start(data)

    hooks.replace(hooks.START_EXECUTION, start_execution)


def _install_data() -> None:
    arguments, output = hooks.original(hooks.APPLY_ARGUMENTS), hooks.original(hooks.APPLY_OUTPUT)
    assign, run = hooks.original(hooks.APPLY_ASSIGN), hooks.original(hooks.RUN_SUB_MACHINE)

    def apply_arguments(state_def: dict[str, Any], raw_input: Any, ctx: Any = None) -> Any:
        return _measured("has an input", arguments(state_def, raw_input, ctx), ctx)

    def apply_output(state_def: dict[str, Any], raw_input: Any, ctx: Any = None, **more: Any) -> Any:
        _measured("returned a result", more.get("result"), ctx)
        return _measured("has an output", output(state_def, raw_input, ctx, **more), ctx)

    def apply_assign(state_def: dict[str, Any], raw_input: Any, ctx: Any, **more: Any) -> None:
        assign(state_def, raw_input, ctx, **more)
        names = state_def.get("Assign") or {}
        bound = (ctx or {}).get("variables") or {}
        _measured("assigns variables", {name: bound[name] for name in names if name in bound}, ctx)

    def run_sub_machine(states: Any, start_at: str, input_data: Any, execution: Any, ctx: Any) -> Any:
        return run(states, start_at, _measured("hands an input to a branch or item", input_data, ctx), execution, ctx)

    hooks.replace(hooks.APPLY_ARGUMENTS, apply_arguments)
    hooks.replace(hooks.APPLY_OUTPUT, apply_output)
    hooks.replace(hooks.APPLY_ASSIGN, apply_assign)
    hooks.replace(hooks.RUN_SUB_MACHINE, run_sub_machine)


def _measured(what: str, value: Any, ctx: Any) -> Any:
    """Return `value` if Step Functions would take it."""
    from ministack.services import stepfunctions

    if value is not None and len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()) > LIMIT:
        name = ((ctx or {}).get("State") or {}).get("Name", "")
        raise stepfunctions._ExecutionError(
            ERROR, f"The state/task '{name}' {what} with a size exceeding the maximum number of bytes service limit."
        )
    return value
