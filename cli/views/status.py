"""Status of the lake, and whether there is anything left to wait for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from cli.clients.airflow import Run, Task
from cli.clients.executions import Execution
from ledgerlake import names
from ledgerlake.intake.deliveries import from_iso
from ledgerlake.planning.batch import LIVE
from ledgerlake.planning.unread import NONE_UNREAD, Unread

SENSOR = "wait_for_deliveries"
PLAN = "plan_batch"
WAITS = "waits for its turn"
_SIGNS = {
    "success": "✓",
    "failed": "✗",
    "upstream_failed": "·",
    "skipped": "↷",
    "running": "▶",
    "deferred": "▶",
    "up_for_reschedule": "⏸",
    "up_for_retry": "↻",
}


class Verdict(Enum):
    """Verdict on a status: wait longer, or the reason not to."""

    BUSY = "busy"
    IDLE = "idle"
    FAILED = "failed"
    GATE_CLOSED = "gate closed"
    PAUSED = "paused"


@dataclass(frozen=True)
class LakeStatus:
    """The lake at one moment.

    Args:
        waits: deliveries in `raw/`, by dataset; strays are not among them, nor those in quarantine.
        open_batches: planned and not acknowledged.
        gate_waits_for: datasets without which what waits cannot be processed.
        runs: of the live DAG, newest first; None where Airflow cannot be asked.
        by_date: runs of the by-date DAG, newest first; without those that do not begin while the DAG is paused.
        quarantined: `why` and `since`, by batch.
        holder: of the lease; empty when it is free.
        executions: of the state machine, newest first.
        unread: what else lies in `raw/`: files that no job reads.
        down: what is known of each part that does not run, by its name.
        paused: DAGs of which no task begins.
    """

    waits: dict[str, int]
    open_batches: tuple[str, ...]
    gate_waits_for: tuple[str, ...] = ()
    runs: tuple[Run, ...] | None = None
    by_date: tuple[Run, ...] = ()
    quarantined: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    holder: str = ""
    executions: tuple[Execution, ...] = ()
    unread: Unread = NONE_UNREAD
    down: Mapping[str, str] = field(default_factory=dict)
    paused: tuple[str, ...] = ()

    def why(self, batch_id: str) -> str:
        """Why a batch is in quarantine, without what follows for everybody."""
        return seen(str(self.quarantined[batch_id]["why"]))

    def quarantined_since(self, since: datetime) -> list[str]:
        """Return the batches that were set aside since then, oldest first."""
        return [batch_id for batch_id, body in self.quarantined.items() if from_iso(str(body["since"])) >= since]


def seen(error: str) -> str:
    """Return the first part of an error that is kept as one text: what was seen."""
    return error.partition("; expected ")[0]


def assess(status: LakeStatus, since: datetime) -> Verdict:
    """Return whether there is anything left to wait for.

    Args:
        since: when the wait began; a run that failed earlier has been reported already.
    """
    runs = status.runs or ()
    if failed_run(status, since) or failed_execution(status, since):
        return Verdict.FAILED
    if stands_still(status):
        return Verdict.PAUSED
    active = any(map(at_work, runs)) or any(run.active and not run.ahead for run in status.by_date)
    active = active or any(execution.active for execution in status.executions)
    if active or status.open_batches:
        return Verdict.BUSY
    if not status.waits:
        return Verdict.IDLE
    return Verdict.GATE_CLOSED if status.gate_waits_for else Verdict.BUSY


def stands_still(status: LakeStatus) -> bool:
    """Return whether there is something to do while the live DAG is paused and has no task at work."""
    if names.LIVE_DAG not in status.paused or not (status.waits or status.open_batches) or status.gate_waits_for:
        return False
    runs = [*(status.runs or ()), *status.by_date]
    states = {task.state for run in runs if run.active for task in run.tasks if task.task_id != SENSOR}
    executes = any(execution.active for execution in status.executions)
    return not executes and not states & {"running", "queued", "deferred", "up_for_reschedule"}


def failed_run(status: LakeStatus, since: datetime) -> Run | None:
    """Return the run that failed since then, unless a newer one of the live DAG has succeeded where it stopped."""
    for run in status.by_date:  # a day has one run; when it is tried again it is no longer failed
        if run.state == "failed" and run.ended and run.ended >= since:
            return run
    for run in status.runs or ():
        if run.state == "success" and run.ended and run.ended >= since and not status.open_batches:
            return None
        if run.state == "failed" and run.ended and run.ended >= since:
            return run
    return None


def failed_execution(status: LakeStatus, since: datetime) -> Execution | None:
    """Return the newest execution to have failed since then, unless a newer one has succeeded where it stopped."""
    for execution in status.executions:
        if execution.ended is None or execution.ended < since:
            continue
        if not execution.failed and not status.open_batches:
            return None
        if execution.failed:
            return execution
    return None


def at_work(run: Run) -> bool:
    """Return whether a run of the live DAG is beyond its sensor: a later task has begun, or the sensor has ended."""
    if not run.active:
        return False
    states = {task.task_id: task.state for task in run.tasks}
    sensor_done = states.get(SENSOR) in ("success", "skipped")
    return sensor_done or any(state for name, state in states.items() if name != SENSOR)


def describe(status: LakeStatus) -> list[str]:
    """Return the status in a few lines."""
    away = [f"{name} is {what}" for name, what in status.down.items()]
    files = ", ".join(f"{count} of {name}" for name, count in status.waits.items())
    lines = [f"waiting in raw/: {files or 'nothing'}"]
    lines += status.unread.lines()
    lines += [f"open batch: {name}" for name in status.open_batches]
    if status.gate_waits_for and status.waits:
        lines.append(f"the gate waits for: {', '.join(status.gate_waits_for)}")
    lines += [f"in quarantine: {name}" for name in status.quarantined]
    active = next((run for run in status.runs or () if at_work(run)), None)
    if active:
        does = WAITS if _waits(active, status.holder) else "  ".join(_signs(active))
        lines.append(f"run {active.run_id}: {does}")
    lines += [f"execution {each.name}: at work" for each in status.executions if each.active]
    active_days = [run for run in reversed(status.by_date) if run.active]
    lines += [f"by date {run.day or run.run_id}: {progress(run, status.holder)}" for run in active_days]
    lines += [f"run {run.run_id}: {progress(run)}" for run in status.runs or () if run.ahead]
    lines += [f"{name} is paused: no task of it begins" for name in status.paused]
    return away + lines


def _signs(run: Run) -> list[str]:
    tasks = sorted(run.tasks, key=lambda task: (task.ended or "~", task.task_id))
    return [f"{_SIGNS.get(task.state, '…')} {task.task_id}" for task in tasks if task.state]


def holder_of(run: Run) -> str:
    """Who a run is when it has the lease."""
    return LIVE if run.dag_id == names.LIVE_DAG else f"airflow:{run.dag_id}/{run.run_id}"


def _waits(run: Run, holder: str) -> bool:
    """While another has the lease, a run that has only begun comes and goes: it waits for its turn."""
    begun = any(task.state for task in run.tasks if task.task_id not in (SENSOR, PLAN))
    return bool(holder) and holder != holder_of(run) and not begun


def progress(run: Run, holder: str = "") -> str:
    """Return what an active run is doing, in a few words.

    Args:
        holder: of the lease, for which the run may be waiting.
    """
    if run.ahead and run.begins:
        return f"begins at {run.begins:%Y-%m-%d %H:%M} UTC, its date; delete it in Airflow if that is a mistake"
    if run.state == "queued":
        return "queued"
    if _waits(run, holder):
        return WAITS
    by_state: dict[str | None, list[str]] = {}
    for task in run.tasks:
        by_state.setdefault(task.state, []).append(task.task_id)
    if "up_for_reschedule" in by_state:
        return WAITS
    for states, words in ((("running", "deferred"), "at work"), (("up_for_retry",), "will try again")):
        if tasks := [name for state in states for name in by_state.get(state, [])]:
            return f"{words}: {', '.join(sorted(tasks))}"
    return "between two tasks" if "success" in by_state else "begins"


def first_failure(tasks: tuple[Task, ...]) -> Task | None:
    """Return the task that failed first; those after it only followed."""
    failed = sorted((task for task in tasks if task.state == "failed"), key=lambda task: task.ended)
    return failed[0] if failed else None
