"""What the lake is doing, as one look at it shows, and whether there is anything left to wait for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from cli.airflow_api import Run, Task

SENSOR = "wait_for_deliveries"
_SIGNS = {"success": "✓", "failed": "✗", "upstream_failed": "·", "skipped": "↷", "running": "▶", "deferred": "▶"}


class Verdict(Enum):
    """What a look says: go on waiting, or why not."""

    BUSY = "busy"
    IDLE = "idle"
    FAILED = "failed"
    GATE_CLOSED = "gate closed"


@dataclass(frozen=True)
class Look:
    """The lake at one moment.

    Args:
        waits: deliveries in `raw/`, by dataset; strays are not among them.
        open_batches: planned and not acknowledged.
        gate_waits_for: datasets without which what waits cannot be processed.
        runs: newest first; None where Airflow cannot be asked.
    """

    waits: dict[str, int]
    open_batches: tuple[str, ...]
    gate_waits_for: tuple[str, ...] = ()
    runs: tuple[Run, ...] | None = None


def judge(look: Look, since: datetime) -> Verdict:
    """Whether there is anything left to wait for.

    Args:
        since: when we began to wait; a run that failed earlier has been told of already.
    """
    runs = look.runs or ()
    if failed_run(look, since):
        return Verdict.FAILED
    if any(_at_work(run) for run in runs) or look.open_batches:
        return Verdict.BUSY
    if not look.waits:
        return Verdict.IDLE
    return Verdict.GATE_CLOSED if look.gate_waits_for else Verdict.BUSY


def failed_run(look: Look, since: datetime) -> Run | None:
    """The run that failed since then, unless a newer one has succeeded where it stopped."""
    for run in look.runs or ():
        if run.state == "success" and run.ended and run.ended >= since and not look.open_batches:
            return None
        if run.state == "failed" and run.ended and run.ended >= since:
            return run
    return None


def _at_work(run: Run) -> bool:
    """The run is beyond its sensor: some other task has begun, or the sensor has just ended."""
    if run.ended is not None:
        return False
    states = {task.task_id: task.state for task in run.tasks}
    sensor_done = states.get(SENSOR) in ("success", "skipped")
    return sensor_done or any(state for name, state in states.items() if name != SENSOR)


def describe(look: Look) -> list[str]:
    """The look in a few lines."""
    files = ", ".join(f"{count} of {name}" for name, count in look.waits.items())
    lines = [f"waiting in raw/: {files or 'nothing'}"]
    lines += [f"open batch: {name}" for name in look.open_batches]
    if look.gate_waits_for and look.waits:
        lines.append(f"the gate waits for: {', '.join(look.gate_waits_for)}")
    active = next((run for run in look.runs or () if _at_work(run)), None)
    if active:
        tasks = sorted(active.tasks, key=lambda task: (task.ended or "~", task.task_id))
        shown = [f"{_SIGNS.get(task.state, '…')} {task.task_id}" for task in tasks if task.state]
        lines.append(f"run {active.run_id}: {'  '.join(shown)}")
    return lines


def first_failure(tasks: tuple[Task, ...]) -> Task | None:
    """The task that failed first; those after it only followed."""
    failed = sorted((task for task in tasks if task.state == "failed"), key=lambda task: task.ended)
    return failed[0] if failed else None
