"""Lambda: an error keeps the class that the handler raised, as on AWS, where MiniStack says `Runtime.HandlerError`."""

from __future__ import annotations

from typing import Any

from infra.local.aws import hooks
from infra.local.aws.tracebacks import last_error
from infra.local.home import Home


def install(home: Home) -> None:  # noqa: ARG001, every executor is installed alike
    invoke = hooks.original(hooks.INVOKE)

    def invoke_and_keep_class(func: Any, event: Any, request_id: Any) -> Any:
        return with_error_class(invoke(func, event, request_id))

    hooks.replace(hooks.INVOKE, invoke_and_keep_class)


def with_error_class(result: dict[str, Any]) -> dict[str, Any]:
    """The result of an invocation, its `errorType` taken from the traceback in its log."""
    body = result.get("body")
    if result.get("error") and isinstance(body, dict) and body.get("errorType") == "Runtime.HandlerError":
        found = last_error(result.get("log") or "")
        if found:
            body["errorType"] = found.partition(":")[0]
    return result
