"""What people and machines do to a lake on which Airflow runs the pipeline, through its REST API as its UI does."""

from __future__ import annotations

from random import Random
from typing import Any
from urllib.parse import quote

import acts
from acts import Act, Walk

from cli.clients.airflow_transport import LocalAirflow, Refused
from cli.failures import LakeUnavailable
from ledgerlake import names
from local import processes
from local.airflow.components import COMPONENTS

_DAGS = (names.LIVE_DAG, names.LIVE_DAG, names.BY_DATE_DAG)
_MARKS = ("success", "failed", "skipped")


def _ask(walk: Walk, method: str, path: str, **body: Any) -> dict[str, Any]:
    """What Airflow answers; its refusal is an answer too, as to a person who clicks."""
    try:
        return LocalAirflow(walk.lake.home).send(method, path, body=body or None)
    except Refused as error:
        return {"refused": str(error)}
    except LakeUnavailable as error:
        return {"refused": str(error)}


def _runs(walk: Walk, chance: Random) -> tuple[str, dict[str, Any] | None]:
    dag = chance.choice(_DAGS)
    found = _ask(walk, "GET", f"/dags/{dag}/dagRuns?order_by=-run_after&limit=4").get("dag_runs") or []
    return dag, (chance.choice(found) if found else None)


def _task(walk: Walk, chance: Random) -> tuple[str, str, str] | None:
    dag, run = _runs(walk, chance)
    if run is None:
        return None
    path = f"/dags/{dag}/dagRuns/{quote(run['dag_run_id'])}/taskInstances"
    tasks = _ask(walk, "GET", path).get("task_instances") or []
    return (dag, run["dag_run_id"], chance.choice(sorted(each["task_id"] for each in tasks))) if tasks else None


def mark_task(walk: Walk, chance: Random) -> str:
    """Some task of a recent run."""
    found, state = _task(walk, chance), chance.choice(_MARKS)
    if found is None:
        return "mark no task: there is no run"
    dag, run, task = found
    said = _ask(walk, "PATCH", f"/dags/{dag}/dagRuns/{quote(run)}/taskInstances/{task}", new_state=state)
    return f"mark {task} of {run} {state}{_refusal(said)}"


def mark_run(walk: Walk, chance: Random) -> str:
    """A recent run as a whole."""
    (dag, run), state = _runs(walk, chance), chance.choice(("success", "failed"))
    if run is None:
        return "mark no run: there is none"
    said = _ask(walk, "PATCH", f"/dags/{dag}/dagRuns/{quote(run['dag_run_id'])}", state=state)
    return f"mark run {run['dag_run_id']} {state}{_refusal(said)}"


def clear_task(walk: Walk, chance: Random) -> str:
    """One task alone, or with those after it."""
    found, alone = _task(walk, chance), chance.random() < 0.5
    if found is None:
        return "clear no task: there is no run"
    dag, run, task = found
    said = _ask(
        walk,
        "POST",
        f"/dags/{dag}/clearTaskInstances",
        dry_run=False,
        dag_run_id=run,
        task_ids=[task],
        only_failed=False,
        include_downstream=not alone,
    )
    return f"clear {task} of {run}{' alone' if alone else ' with those after it'}{_refusal(said)}"


def delete_run(walk: Walk, chance: Random) -> str:
    """A recent run, at work or not."""
    dag, run = _runs(walk, chance)
    if run is None:
        return "delete no run: there is none"
    said = _ask(walk, "DELETE", f"/dags/{dag}/dagRuns/{quote(run['dag_run_id'])}")
    return f"delete run {run['dag_run_id']}{_refusal(said)}"


def pause(walk: Walk, chance: Random) -> str:
    """A DAG is paused, or goes on."""
    dag, paused = chance.choice(_DAGS), chance.random() < 0.6
    said = _ask(walk, "PATCH", f"/dags/{dag}", is_paused=paused)
    return f"{'pause' if paused else 'unpause'} {dag}{_refusal(said)}"


def trigger(walk: Walk, chance: Random) -> str:
    """A run by hand, with a date or without one."""
    dag, day = chance.choice(_DAGS), chance.choice((None, "2025-04-02T00:00:00Z"))
    said = _ask(walk, "POST", f"/dags/{dag}/dagRuns", logical_date=day, conf={})
    return f"trigger {dag} for {day}{_refusal(said)}"


def reprocess(walk: Walk, chance: Random) -> str:
    """A backfill of two days."""
    walk.lake.say("backfill", "--from", "2025-04-01", "--to", "2025-04-02", "--no-wait")
    return "backfill 2025-04-01 to 2025-04-02"


def kill_component(walk: Walk, chance: Random) -> str:
    """A part of Airflow, or Postgres' front process."""
    name = chance.choice(COMPONENTS)
    found = processes.started(walk.lake.home, name)
    process = found and found.process()
    if process is None:
        return f"kill no {name}: it does not run"
    process.kill()
    return f"kill the {name}"


def _refusal(said: dict[str, Any]) -> str:
    return f" (refused: {said['refused'][:100]})" if "refused" in said else ""


ACTS: dict[Act, int] = acts.COMMON | {
    mark_task: 3,
    mark_run: 2,
    clear_task: 3,
    delete_run: 1,
    pause: 2,
    trigger: 1,
    reprocess: 1,
    kill_component: 2,
}
