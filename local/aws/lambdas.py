"""Lambda: an error keeps the class that the handler raised, or says that its process died, where MiniStack is vague.

An event source mapping that a template disables says so; MiniStack obeys, but shows it as enabled. And a function's
clients have the lake's own access key, where MiniStack gives them an account id for one.
"""

from __future__ import annotations

from typing import Any

from local.aws import hooks
from local.aws.tracebacks import last_error
from local.home import UNCHECKED, Home

_DIED = "Worker process died"


def install(home: Home) -> None:
    """Run Lambda functions of stacks."""
    from ministack.services import lambda_svc
    from ministack.services.cloudformation import provisioners

    invoke, credentials = hooks.original(hooks.INVOKE), hooks.original(hooks.CREDENTIALS)

    def invoke_and_keep_class(func: Any, event: Any, request_id: Any) -> Any:
        return with_error_class(invoke(func, event, request_id))

    def credentials_of_the_lake(config: dict[str, Any]) -> dict[str, str]:
        return {**credentials(config), "AWS_ACCESS_KEY_ID": home.access_key, "AWS_SECRET_ACCESS_KEY": UNCHECKED}

    mapping = provisioners._RESOURCE_HANDLERS["AWS::Lambda::EventSourceMapping"]
    create = mapping["create"]

    def create_and_say_state(logical_id: str, props: dict[str, Any], stack_name: str) -> Any:
        made = create(logical_id, props, stack_name)
        if not props.get("Enabled", True):
            lambda_svc._esms[made[0]]["State"] = "Disabled"
        return made

    mapping["create"] = create_and_say_state
    hooks.replace(hooks.INVOKE, invoke_and_keep_class)
    hooks.replace(hooks.CREDENTIALS, credentials_of_the_lake)


def with_error_class(result: dict[str, Any]) -> dict[str, Any]:
    """Return the result of an invocation, its `errorType` taken from the traceback in its log, or that of a death."""
    body = result.get("body")
    if result.get("error") and isinstance(body, dict) and body.get("errorType") == "Runtime.HandlerError":
        if body.get("errorMessage") == _DIED:
            body["errorType"] = "Runtime.ExitError"
        found = last_error(result.get("log") or "")
        if found:
            body["errorType"] = found.partition(":")[0]
    return result
