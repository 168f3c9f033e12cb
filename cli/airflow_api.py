"""The little of Airflow's REST API (v2) that the command needs: runs, their tasks, why one failed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

import requests

from cli.failures import NotUp
from infra.local.home import Home
from ledgerlake import places

_TIMEOUT = 15
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
    """One run of the DAG, with its tasks. `ended` is None while it is active."""

    run_id: str
    state: str
    ended: datetime | None
    tasks: tuple[Task, ...] = ()


class Airflow:
    """A session with the API server of a local lake."""

    def __init__(self, home: Home) -> None:
        self._url = home.airflow_url
        self._login = home.airflow_login()
        self._http = requests.Session()

    def latest_runs(self, limit: int = 5) -> list[Run]:
        """The newest runs of the live DAG, newest first; tasks are read for the first two only."""
        path = f"/dags/{places.LIVE_DAG}/dagRuns"
        found = self._get(path, order_by="-run_after", limit=str(limit))["dag_runs"]
        return [_run(each, self._tasks(each["dag_run_id"]) if index < 2 else ()) for index, each in enumerate(found)]

    def why(self, run_id: str, task: Task) -> str:
        """The last error in the task's log, in one line; empty where there is none to be had."""
        path = f"/dags/{places.LIVE_DAG}/dagRuns/{quote(run_id)}/taskInstances/{task.task_id}/logs/{task.try_number}"
        try:
            return last_error(self._get(path, full_content="true").get("content") or [])
        except (NotUp, requests.RequestException):
            return ""

    def _tasks(self, run_id: str) -> tuple[Task, ...]:
        path = f"/dags/{places.LIVE_DAG}/dagRuns/{quote(run_id)}/taskInstances"
        found = self._get(path)["task_instances"]
        return tuple(
            Task(each["task_id"], each["state"], max(1, each["try_number"]), each.get("end_date") or "")
            for each in found
        )

    def _get(self, path: str, **params: str) -> dict[str, Any]:
        try:
            answer = self._ask(path, params)
            if answer.status_code == requests.codes.unauthorized:
                self._log_in()
                answer = self._ask(path, params)
        except requests.ConnectionError as error:
            raise NotUp(f"Airflow does not answer at {self._url}", remedy="ledgerlake up") from error
        if not answer.ok:
            raise NotUp(
                f"Airflow answered {answer.status_code} to {path}: {answer.text[:200]}", remedy="ledgerlake status"
            )
        body: dict[str, Any] = answer.json()
        return body

    def _ask(self, path: str, params: dict[str, str]) -> requests.Response:
        headers = {"Accept": "application/json"}
        return self._http.get(f"{self._url}/api/v2{path}", params=params, headers=headers, timeout=_TIMEOUT)

    def _log_in(self) -> None:
        user, password = self._login
        answer = self._http.post(
            f"{self._url}/auth/token", json={"username": user, "password": password}, timeout=_TIMEOUT
        )
        if not answer.ok:
            raise NotUp(f"Airflow refused the login of {user}: {answer.status_code}", remedy="ledgerlake up")
        self._http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"


def last_error(content: list[Any]) -> str:
    """What went wrong last, from the structured lines of a task's log."""
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


def _run(body: dict[str, Any], tasks: tuple[Task, ...]) -> Run:
    ended = body.get("end_date")
    return Run(body["dag_run_id"], body["state"], datetime.fromisoformat(ended) if ended else None, tasks)
