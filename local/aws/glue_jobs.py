"""Glue jobs: a run is a real process of `.venv-glue`, with the job's own script, wheel and arguments.

The process gets what Glue's would: the script from the artifact bucket, the wheels of
`--additional-python-modules` on its path, all arguments, and a JVM with Spark configured by a
properties file (`spark_gateway`). It does not know that it is local.
"""

from __future__ import annotations

import contextvars
import threading
import time
import uuid
from typing import Any

from local.aws import hooks
from local.aws.glue_process import GlueProcess
from local.aws.tracebacks import error_message
from local.home import Home

LIVE = ("STARTING", "RUNNING", "STOPPING")
LOG_GROUP = "/aws-glue/jobs"
_lock = threading.Lock()
_runs: dict[str, dict[str, Any]] = {}
"""The runs of this process that have not ended, by id."""


def install(home: Home) -> None:
    """Run Glue jobs as processes."""
    from ministack.services import glue
    from ministack.services.cloudformation import provisioners

    # CloudFormation passes on only the properties that are named there
    provisioners._GLUE_JOB_DEFAULTS.setdefault("ExecutionProperty", {"MaxConcurrentRuns": 1})
    create, update = hooks.original(hooks.CREATE_JOB), hooks.original(hooks.UPDATE_JOB)

    def create_job(data: dict[str, Any]) -> Any:
        answer = create(data)
        if answer[0] == 200:
            glue._jobs[data["Name"]]["ExecutionProperty"] = data.get("ExecutionProperty") or {"MaxConcurrentRuns": 1}
            ahead = (home, data.get("DefaultArguments") or {})
            threading.Thread(target=GlueProcess.prepare, args=ahead, daemon=True).start()
        return answer

    def update_job(data: dict[str, Any]) -> Any:
        answer = update(data)
        if answer[0] == 200 and (given := data.get("JobUpdate", {}).get("ExecutionProperty")):
            glue._jobs[data["JobName"]]["ExecutionProperty"] = given
        return answer

    hooks.replace(hooks.CREATE_JOB, create_job)
    hooks.replace(hooks.UPDATE_JOB, update_job)
    hooks.replace(hooks.START_JOB_RUN, lambda data: start_job_run(home, data))


def start_job_run(home: Home, data: dict[str, Any]) -> Any:
    """Answer StartJobRun: refuse a run beyond MaxConcurrentRuns, else start it and return its id."""
    from ministack.services import glue

    name = data.get("JobName", "")
    job = glue._jobs.get(name)
    if job is None:
        return glue.error_response_json("EntityNotFoundException", f"Job {name} not found", 400)
    with _lock:
        most = int((job.get("ExecutionProperty") or {}).get("MaxConcurrentRuns") or 1)
        if sum(run["JobName"] == name for run in _runs.values()) >= most:
            return glue.error_response_json(
                "ConcurrentRunsExceededException", f"Concurrent runs exceeded for {name}", 400
            )
        run = _new_run(name, job, data)
        _runs[run["Id"]] = run
        glue._job_runs.setdefault(name, []).append(run)
    arguments = glue._script_args(job, name, run["Id"], data.get("Arguments") or {})
    # a thread does not inherit the request's account and region, which MiniStack keeps in context variables
    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(_execute, home, run, job, arguments), daemon=True).start()
    return glue.json_response({"JobRunId": run["Id"]})


def is_live(run_id: str) -> bool:
    """Return whether this process executes that run."""
    return run_id in _runs


def _new_run(name: str, job: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    now = time.time()
    return {
        "Id": f"jr_{uuid.uuid4().hex}",
        "JobName": name,
        "StartedOn": now,
        "LastModifiedOn": now,
        "JobRunState": "STARTING",
        "Arguments": {**(job.get("DefaultArguments") or {}), **(data.get("Arguments") or {})},
        "PredecessorRuns": [],
        "ExecutionTime": 0,
        "Attempt": 0,
        "Timeout": data.get("Timeout") or job.get("Timeout") or 2880,
        "LogGroupName": LOG_GROUP,
        **{key: job[key] for key in ("GlueVersion", "WorkerType", "NumberOfWorkers") if job.get(key)},
    }


def _execute(home: Home, run: dict[str, Any], job: dict[str, Any], arguments: dict[str, str]) -> None:
    try:
        state, message = _outcome(home, run, job, arguments)
    except Exception as error:  # noqa: BLE001, whatever went wrong is the run's error, and the server goes on
        state, message = "FAILED", f"{type(error).__name__}: {error}"
    now = time.time()
    run |= {"CompletedOn": now, "LastModifiedOn": now, "ExecutionTime": int(now - run["StartedOn"])}
    if message:
        run["ErrorMessage"] = message
    with _lock:
        run["JobRunState"] = state
        _runs.pop(run["Id"], None)


def _outcome(home: Home, run: dict[str, Any], job: dict[str, Any], arguments: dict[str, str]) -> tuple[str, str]:
    """Run the process to its end; returns the run's state and error message."""
    process = GlueProcess.start(home, run["JobName"], run["Id"], job["Command"]["ScriptLocation"], arguments)
    if run["JobRunState"] == "STARTING":
        run["JobRunState"] = "RUNNING"
    deadline = time.monotonic() + 60 * float(run["Timeout"])
    while (code := process.wait(0.1)) is None:
        if run["JobRunState"] == "STOPPING":
            process.kill()
            return "STOPPED", ""
        if time.monotonic() > deadline:
            process.kill()
            return "TIMEOUT", f"the run took longer than the job's timeout of {run['Timeout']} minutes"
    return ("SUCCEEDED", "") if code == 0 else ("FAILED", error_message(process.errors(), code))
