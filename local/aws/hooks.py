"""The functions of MiniStack that our executors replace, and the proof that they are still there.

MiniStack has no plug-in API, so the launcher replaces functions of its modules. That is safe only
for the version it was written for: any other is refused, and so is a function whose parameters
differ from those noted here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from typing import Any

from local.errors import HookError

MINISTACK = "1.5.33"
"""As requirements/cli.in pins it."""
_REMEDY = "run make setup; to move to another MiniStack, review local/aws and change hooks.py with it"


@dataclass(frozen=True)
class Hook:
    """One function that is replaced.

    Args:
        module: below `package`.
        parameters: the names of its parameters, in order.
    """

    module: str
    name: str
    parameters: tuple[str, ...]
    package: str = "ministack.services"

    def owner(self) -> Any:
        """Return the module that has the function."""
        return import_module(f"{self.package}.{self.module}")


START_JOB_RUN = Hook("glue", "_start_job_run", ("data",))
STOP_JOB_RUN = Hook("glue", "_batch_stop_job_run", ("data",))
GET_JOB_RUN = Hook("glue", "_get_job_run", ("data",))
GET_JOB_RUNS = Hook("glue", "_get_job_runs", ("data",))
CREATE_JOB = Hook("glue", "_create_job", ("data",))
UPDATE_JOB = Hook("glue", "_update_job", ("data",))
START_CRAWLER = Hook("glue", "_start_crawler", ("data",))
STOP_CRAWLER = Hook("glue", "_stop_crawler", ("data",))
GLUE_REQUEST = Hook("glue", "_handle_request_sync", ("method", "path", "headers", "body", "query_params"))
RUN_QUERY = Hook("athena", "_run_duckdb", ("query", "database", "catalog"))
SAVE_RESULTS = Hook("athena", "_save_query_results", ("query_id",))
CREATE_BUCKET = Hook("cloudformation.provisioners", "_s3_create", ("logical_id", "props", "stack_name"))
UPDATE_BUCKET = Hook(
    "cloudformation.provisioners", "_s3_update", ("physical_id", "old_props", "new_props", "stack_name")
)
BUCKET_CONFLICT = Hook("cloudformation.provisioners", "s3_bucket_name_conflict", ("name",))
GET_OBJECT = Hook("s3", "_get_object", ("bucket_name", "key", "headers", "query_params"))
FIRE_EVENT = Hook(
    "s3",
    "_fire_s3_event_async",
    (
        "bucket_name",
        "key",
        "event_name",
        "size",
        "etag",
        "deletion_type",
        "version_id",
        "object_extra",
        "record_extra",
    ),
)
INVOKE_RESOURCE = Hook("stepfunctions", "_invoke_resource", ("resource", "input_data"))
EXECUTE_TASK = Hook("stepfunctions", "_execute_task", ("state_def", "raw_input", "execution", "ctx"))
RUN_BRANCHES = Hook("stepfunctions", "_run_parallel_branches", ("state_def", "raw_input", "execution", "ctx"))
RUN_EXECUTION = Hook("stepfunctions", "_run_execution", ("exec_arn",))
FAIL_EXECUTION = Hook("stepfunctions", "_fail_execution", ("execution", "error", "cause"))
START_EXECUTION = Hook("stepfunctions", "_start_execution", ("data",))
APPLY_ARGUMENTS = Hook("stepfunctions", "_apply_jsonata_arguments", ("state_def", "raw_input", "ctx"))
APPLY_OUTPUT = Hook(
    "stepfunctions", "_apply_jsonata_output", ("state_def", "raw_input", "ctx", "result", "error_output", "default")
)
APPLY_ASSIGN = Hook("stepfunctions", "_apply_state_assign", ("state_def", "raw_input", "ctx", "result", "error_output"))
RUN_SUB_MACHINE = Hook("stepfunctions", "_run_sub_machine", ("states", "start_at", "input_data", "execution", "ctx"))
ERROR_MATCHES = Hook("stepfunctions", "_error_matches", ("error_equals", "error"))
INVOKE = Hook("lambda_svc", "_execute_function_warm", ("func", "event", "request_id"))
CREDENTIALS = Hook("lambda_runtime", "execution_credentials", ("config",), "ministack.core")

HOOKS = (
    START_JOB_RUN,
    STOP_JOB_RUN,
    GET_JOB_RUN,
    GET_JOB_RUNS,
    CREATE_JOB,
    UPDATE_JOB,
    START_CRAWLER,
    STOP_CRAWLER,
    GLUE_REQUEST,
    RUN_QUERY,
    SAVE_RESULTS,
    CREATE_BUCKET,
    UPDATE_BUCKET,
    BUCKET_CONFLICT,
    GET_OBJECT,
    FIRE_EVENT,
    INVOKE_RESOURCE,
    EXECUTE_TASK,
    RUN_BRANCHES,
    RUN_EXECUTION,
    FAIL_EXECUTION,
    START_EXECUTION,
    APPLY_ARGUMENTS,
    APPLY_OUTPUT,
    APPLY_ASSIGN,
    RUN_SUB_MACHINE,
    ERROR_MATCHES,
    INVOKE,
    CREDENTIALS,
)

USED = {
    "glue": (
        "_jobs",
        "_job_runs",
        "_crawlers",
        "_tables",
        "_databases",
        "_create_table",
        "_update_table",
        "_script_args",
    ),
    "athena": ("_executions",),
    "cloudformation.provisioners": ("_GLUE_JOB_DEFAULTS", "_RESOURCE_HANDLERS"),
    "lambda_svc": ("_esms",),
    "s3": ("_buckets", "_parse_range"),
    "stepfunctions": (
        "_ExecutionError",
        "_add_event",
        "_describe_execution",
        "_emit_execution_status_event",
        "_executions",
        "_invoke_aws_sdk_integration",
        "_nested_start_execution_request",
        "_next_or_end",
        "_state_machines",
        "_stop_execution",
    ),
}
"""What the executors use beside the hooks, by module."""


def check(installed: str | None = None, hooks: tuple[Hook, ...] = HOOKS) -> None:
    """Refuse a MiniStack that the executors were not written for.

    Args:
        installed: its version; read from the environment's metadata if not given.

    Raises:
        HookError: names the version, or the function that is missing or has changed.
    """
    installed = installed or version("ministack")
    if installed != MINISTACK:
        raise HookError(f"MiniStack {installed} is installed", expected=MINISTACK, remedy=_REMEDY)
    for hook in hooks:
        _check(hook)
    for module, names in USED.items():
        for name in names:
            if not hasattr(Hook(module, name, ()).owner(), name):
                raise HookError(
                    f"MiniStack {installed} has no {module}.{name}", expected="it to be there", remedy=_REMEDY
                )


def original(hook: Hook) -> Callable[..., Any]:
    """MiniStack's own function, to be called by its replacement."""
    found: Callable[..., Any] = getattr(hook.owner(), hook.name)
    return found


def replace(hook: Hook, function: Callable[..., Any]) -> None:
    """Have MiniStack call `function` instead of its own."""
    setattr(hook.owner(), hook.name, function)


def _check(hook: Hook) -> None:
    where = f"{hook.module}.{hook.name}"
    function = getattr(hook.owner(), hook.name, None)
    if function is None:
        raise HookError(f"MiniStack has no {where}", expected=f"a function of {hook.parameters}", remedy=_REMEDY)
    parameters = tuple(inspect.signature(function).parameters)
    if parameters != hook.parameters:
        raise HookError(f"MiniStack's {where} takes {parameters}", expected=f"{hook.parameters}", remedy=_REMEDY)
