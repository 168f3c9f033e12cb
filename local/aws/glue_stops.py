"""Glue runs seen from outside: stopping one, and telling the truth about one that a restart cut off."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from local.aws import hooks
from local.aws.glue_jobs import LIVE, is_live
from local.home import Home


def install(home: Home) -> None:  # noqa: ARG001, every executor is installed alike
    """Stop Glue jobs as Glue does."""
    hooks.replace(hooks.STOP_JOB_RUN, stop_job_runs)
    for hook in (hooks.GET_JOB_RUN, hooks.GET_JOB_RUNS):
        hooks.replace(hook, _after_settling(hooks.original(hook)))


def stop_job_runs(data: dict[str, Any]) -> Any:
    """Answer BatchStopJobRun: a live run is STOPPING, and STOPPED once its processes have ended."""
    from ministack.services import glue

    name = data.get("JobName", "")
    runs = {run["Id"]: run for run in glue._job_runs.get(name, [])}
    stopping, errors = [], []
    for run_id in data.get("JobRunIds", []):
        run = runs.get(run_id)
        if run and run["JobRunState"] in LIVE and is_live(run_id):
            run["JobRunState"] = "STOPPING"
            stopping.append({"JobName": name, "JobRunId": run_id})
        else:
            errors.append({"JobName": name, "JobRunId": run_id, "ErrorDetail": _why_not(run_id, run)})
    return glue.json_response({"SuccessfulSubmissions": stopping, "Errors": errors})


def _why_not(run_id: str, run: dict[str, Any] | None) -> dict[str, str]:
    if run is None:
        return {"ErrorCode": "EntityNotFoundException", "ErrorMessage": f"Run {run_id} not found"}
    return {"ErrorCode": "InvalidInputException", "ErrorMessage": f"Run {run_id} is in state {run['JobRunState']}"}


def _after_settling(get: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def settled(data: dict[str, Any]) -> Any:
        from ministack.services import glue

        for run in glue._job_runs.get(data.get("JobName", ""), []):
            if run["JobRunState"] in LIVE and not is_live(run["Id"]):
                # its process died with the local AWS that had started it
                run |= {"JobRunState": "FAILED", "CompletedOn": time.time()}
                run["ErrorMessage"] = "LocalAwsRestarted: the local AWS was restarted while the job ran"
        return get(data)

    return settled
