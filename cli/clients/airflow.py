"""The little of Airflow's REST API (v2) that the command needs: runs, their tasks, why one failed, backfills."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any
from urllib.parse import quote

from cli.clients.airflow_transport import Refused, Transport
from cli.failures import LakeUnavailable
from ledgerlake import names

_PAGE = 100
_LAMBDA_ERROR = re.compile(r'"errorMessage": "(?P<message>(?:[^"\\]|\\.)*)"(?:.*"errorType": "(?P<kind>\w+)")?')


@dataclass(frozen=True)
class Task:
    """One task of a run; `state` is None until it is scheduled."""

    task_id: str
    state: str | None
    try_number: int = 1
    ended: str = ""


@dataclass(frozen=True)
class Run:
    """One run of a DAG, with its tasks.

    Args:
        ended: None while it is active (and old in a run that is cleared: see `state`).
        day: the date that a by-date run is for.
        begins: before then Airflow begins no task of it.
    """

    run_id: str
    state: str
    ended: datetime | None
    tasks: tuple[Task, ...] = ()
    dag_id: str = names.LIVE_DAG
    day: date | None = None
    begins: datetime | None = None

    @property
    def ahead(self) -> bool:
        """Return whether the date of the run is in the future: Airflow begins no task of it before that."""
        return self.active and self.begins is not None and self.begins > datetime.now(UTC)

    @property
    def active(self) -> bool:
        """Return whether the run has not ended."""
        return self.state not in ("success", "failed")


@dataclass(frozen=True)
class Backfill:
    """One backfill of the by-date DAG; Airflow lets one at a time be active."""

    backfill_id: int
    first: date
    last: date
    created_at: datetime
    active: bool
    paused: bool = False


class Airflow:
    """What we ask of Airflow, whichever way leads there."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.name = transport.name

    def latest_runs(self, dag_id: str = names.LIVE_DAG, limit: int = 5) -> list[Run]:
        """Return the newest runs of a DAG, newest first; tasks are read for those at work and the first two only."""
        found = self._runs(dag_id, order_by="-run_after", limit=limit)
        wanted = [each["dag_run_id"] for index, each in enumerate(found) if index < 2 or _is_active(each)]
        tasks = self._tasks(dag_id, wanted)
        return [_run(each, tasks[each["dag_run_id"]]) for each in found]

    def runs_of_days(self, first: date, last: date) -> dict[date, Run]:
        """Return the by-date DAG's run of each day, where there is one; tasks are read unless it has succeeded."""
        bodies = self._runs(
            names.BY_DATE_DAG,
            order_by="logical_date",
            logical_date_gte=_midnight(first),
            logical_date_lte=_midnight(last),
        )
        wanted = [each["dag_run_id"] for each in bodies if each["state"] != "success"]
        tasks = self._tasks(names.BY_DATE_DAG, wanted)
        runs = [_run(each, tasks[each["dag_run_id"]]) for each in bodies if _is_of_a_day(each)]
        return {run.day: run for run in runs if run.day}

    def why(self, run: Run, task: Task) -> str:
        """Return the last error in the task's log, in one line; empty where there is none to be had (as on MWAA)."""
        path = f"/dags/{run.dag_id}/dagRuns/{quote(run.run_id)}/taskInstances/{task.task_id}/logs/{task.try_number}"
        try:
            return last_error(self._get(path, full_content="true").get("content") or [])
        except (LakeUnavailable, Refused):
            return ""

    def is_paused(self, dag_id: str) -> bool:
        """Return whether the DAG is paused."""
        return bool(self._get(f"/dags/{dag_id}")["is_paused"])

    def paused(self) -> set[str]:
        """Return the names of the paused DAGs."""
        found = self._get("/dags", dag_id_pattern=names.LIVE_DAG, paused="true", limit=_PAGE).get("dags", [])
        return {each["dag_id"] for each in found}

    def unhealthy(self) -> dict[str, str]:
        """Return the parts that Airflow has had no heartbeat of lately, each with the last one."""
        found = self._get("/monitor/health")
        return {
            name.replace("_", "-"): str(each.get(f"latest_{name}_heartbeat") or "its start")
            for name, each in found.items()
            if isinstance(each, dict) and each.get("status") == "unhealthy"
        }

    def unpause(self, dag_id: str) -> None:
        """Unpause the DAG."""
        self._transport.send("PATCH", f"/dags/{dag_id}", body={"is_paused": False})

    def pause(self, dag_id: str) -> None:
        """No further task of it begins."""
        self._transport.send("PATCH", f"/dags/{dag_id}", body={"is_paused": True})

    def end(self, run: Run, note: str) -> None:
        """End an active run where it is, as a success; `note` says why."""
        path = f"/dags/{run.dag_id}/dagRuns/{quote(run.run_id)}"
        self._transport.send("PATCH", path, body={"state": "success", "note": note})

    def active_backfill(self) -> Backfill | None:
        """Return the backfill of the by-date DAG that is not over."""
        found = self._get("/backfills", dag_id=names.BY_DATE_DAG, order_by="-id", limit=_PAGE)["backfills"]
        return next((backfill for backfill in map(_backfill, found) if backfill.active), None)

    def start_backfill(self, first: date, last: date, conf: Mapping[str, Any], max_active: int) -> Backfill:
        """Have the days processed again, each by a run; runs that are there already are cleared.

        Raises:
            Refused: another backfill is active (status 409), or the days are none that the DAG runs for.
        """
        body = {
            "dag_id": names.BY_DATE_DAG,
            "from_date": _midnight(first),
            "to_date": _midnight(last),
            "reprocess_behavior": "completed",
            "max_active_runs": max_active,
            "dag_run_conf": dict(conf),
        }
        return _backfill(self._transport.send("POST", "/backfills", body=body))

    def cancel_backfill(self, backfill: Backfill) -> None:
        """Cancel it: no further run begins, and those at work end as usual."""
        self._transport.send("PUT", f"/backfills/{backfill.backfill_id}/cancel")

    def _runs(self, dag_id: str, limit: int | None = None, **params: Any) -> list[dict[str, Any]]:
        """Up to `limit` runs as Airflow describes them; all, page by page, if none is given."""
        found: list[dict[str, Any]] = []
        while True:
            page = self._get(f"/dags/{dag_id}/dagRuns", limit=limit or _PAGE, offset=len(found), **params)["dag_runs"]
            found += page
            if limit or len(page) < _PAGE:
                return found

    def _tasks(self, dag_id: str, run_ids: Sequence[str]) -> defaultdict[str, tuple[Task, ...]]:
        """Return the tasks of those runs, by run; one request for a hundred tasks, whatever their runs."""
        found: defaultdict[str, tuple[Task, ...]] = defaultdict(tuple)
        offset = 0
        while run_ids:
            body = {"dag_ids": [dag_id], "dag_run_ids": list(run_ids), "page_limit": _PAGE, "page_offset": offset}
            page = self._transport.send("POST", "/dags/~/dagRuns/~/taskInstances/list", body=body)["task_instances"]
            for each in page:
                found[each["dag_run_id"]] += (_task(each),)
            offset += len(page)
            if len(page) < _PAGE:
                break
        return found

    def _get(self, path: str, **params: Any) -> dict[str, Any]:
        return self._transport.send("GET", path, params=params)


def last_error(content: list[Any]) -> str:
    """Return what went wrong last, from the structured lines of a task's log."""
    for line in reversed(content):
        if not isinstance(line, dict):
            continue
        for detail in reversed(line.get("error_detail") or []):
            if detail.get("exc_value"):
                return _one_line(detail.get("exc_type", "Error"), detail["exc_value"])
    errors = [str(line.get("event", "")) for line in content if isinstance(line, dict) and line.get("level") == "error"]
    return " ".join(errors[-1].split()) if errors else ""


def _one_line(kind: str, message: str) -> str:
    """`kind: message`; where a Lambda failed, its own words instead of the whole HTTP answer."""
    if found := _LAMBDA_ERROR.search(message):
        kind, message = found["kind"] or kind, found["message"]
    return " ".join(f"{kind}: {message}".split())


def _midnight(day: date) -> str:
    return datetime.combine(day, time(), UTC).isoformat()


def _is_active(body: dict[str, Any]) -> bool:
    return body["state"] not in ("success", "failed")


def _is_of_a_day(body: dict[str, Any]) -> bool:
    """Return whether a run is for a day; one started by hand has the moment of its start for a date."""
    when = _time(body.get("logical_date"))
    return when is not None and when.timetz().replace(tzinfo=None) == time()


def _task(body: dict[str, Any]) -> Task:
    return Task(body["task_id"], body["state"], max(1, body["try_number"] or 1), body.get("end_date") or "")


def _run(body: dict[str, Any], tasks: tuple[Task, ...]) -> Run:
    when = _time(body.get("logical_date"))
    dag_id = body.get("dag_id", names.LIVE_DAG)
    begins = max(filter(None, (when, _time(body.get("run_after")))), default=None)
    day = when and when.date()
    return Run(body["dag_run_id"], body["state"], _time(body.get("end_date")), tasks, dag_id, day, begins)


def _backfill(body: dict[str, Any]) -> Backfill:
    first, last, created = (datetime.fromisoformat(body[name]) for name in ("from_date", "to_date", "created_at"))
    active = body.get("completed_at") is None
    return Backfill(body["id"], first.date(), last.date(), created, active, bool(body.get("is_paused")))


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC) if text else None
