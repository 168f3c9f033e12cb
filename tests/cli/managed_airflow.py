"""An MWAA environment for tests: botocore serialises and parses as ever, and this answers instead of AWS."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from typing import Any

from botocore.awsrequest import AWSResponse

from ledgerlake import names

NAME = "ledgerlake-dev"


class Raw(BytesIO):
    """A body as urllib3 hands it over."""

    def stream(self, **_):
        while chunk := self.read(1024):
            yield chunk


class ManagedAirflow:
    """Runs, tasks and backfills of two DAGs; `asked` keeps every request.

    Set `steps` to functions that change the state, one at each look at the by-date runs.
    """

    def __init__(self):
        self.runs: dict[str, list[dict]] = {names.LIVE_DAG: [], names.BY_DATE_DAG: []}
        self.tasks: dict[str, dict[str, str | None]] = {}
        self.backfills: list[dict] = []
        self.paused: set[str] = set()
        self.asked: list[tuple[str, str, dict, dict]] = []
        self.steps: list = []
        self.answers: dict[str, tuple[int, dict]] = {}

    def client(self, session) -> Any:
        client = session.client("mwaa", region_name="us-east-1")
        client.meta.events.register("before-send.mwaa.InvokeRestApi", self._send)
        return client

    def add(self, run_id: str, state: str, tasks: dict[str, str | None], *, dag=names.LIVE_DAG, day=None, ended=None):
        when = f"{day}T00:00:00Z" if isinstance(day, date) else day
        self.runs[dag].append(
            {"dag_run_id": run_id, "dag_id": dag, "state": state, "end_date": ended, "logical_date": when}
        )
        self.tasks[run_id] = tasks

    def set(self, run_id: str, state: str, tasks: dict[str, str | None], ended: datetime | None = None):
        for run in (each for runs in self.runs.values() for each in runs if each["dag_run_id"] == run_id):
            run |= {"state": state, "end_date": ended and ended.isoformat()}
        self.tasks[run_id] = tasks

    def _send(self, request, **_):
        said = json.loads(request.body)
        name = request.url.rpartition("/")[2]
        if name != NAME:
            return self._answer(404, {"message": f"no environment {name}"}, "ResourceNotFoundException")
        params, body = said.get("QueryParameters", {}), said.get("Body", {})
        self.asked.append((said["Method"], said["Path"], params, body))
        status, answer = self._airflow(said["Method"], said["Path"], params, body)
        shown = {"RestApiStatusCode": status, "RestApiResponse": answer}
        error = None if status < 400 else "RestApiClientException" if status < 500 else "RestApiServerException"
        return self._answer(200 if error is None else 400, shown, error)

    def _answer(self, status: int, body: dict, error: str | None = None):
        headers = {"x-amzn-errortype": error} if error else {}
        return AWSResponse("https://mwaa", status, headers, Raw(json.dumps(body).encode()))

    def _airflow(self, method, path, params, body):
        if path in self.answers:
            return self.answers[path]
        if path.endswith("/taskInstances/list"):
            every = [each for run in body["dag_run_ids"] for each in self._tasks_of(run)]
            return 200, {"task_instances": every[body["page_offset"] :][: body["page_limit"]]}
        if path.endswith("/dagRuns"):
            return self._list_runs(path.split("/")[2], params)
        if path.startswith("/backfills"):
            return self._backfill(method, path, body)
        if path == "/dags":
            return 200, {"dags": [{"dag_id": name} for name in sorted(self.paused)]}
        if path.startswith("/dags/") and method == "PATCH":
            self._change(path.split("/"), body)
        return 200, {"is_paused": path.rpartition("/")[2] in self.paused}

    def _change(self, path, body):
        """Of a DAG whether it is paused, of a run its state."""
        if "dagRuns" in path:
            self.set(path[-1], body["state"], {})
        elif body["is_paused"]:
            self.paused.add(path[-1])
        else:
            self.paused.discard(path[-1])

    def _tasks_of(self, run_id):
        for number, (task_id, state) in enumerate(self.tasks[run_id].items()):
            ended = f"2025-04-01T00:00:{number:02}Z" if state in ("success", "failed") else None
            yield {"dag_run_id": run_id, "task_id": task_id, "state": state, "try_number": 1, "end_date": ended}

    def _list_runs(self, dag_id, params):
        if dag_id == names.BY_DATE_DAG and self.steps and "logical_date_gte" in params:
            self.steps.pop(0)()
        low, high = params.get("logical_date_gte", ""), params.get("logical_date_lte", "9")
        found = [run for run in self.runs[dag_id] if not low or low[:10] <= (run["logical_date"] or "")[:10] <= high]
        return 200, {"dag_runs": found[params["offset"] : params["offset"] + params["limit"]]}

    def _backfill(self, method, path, body):
        active = [each for each in self.backfills if each["completed_at"] is None]
        if method == "GET":
            return 200, {"backfills": self.backfills}
        if method == "PUT":
            active[0]["completed_at"] = "2025-05-01T00:00:00Z"
            return 200, active[0]
        if active:
            return 409, {"detail": "There is already a running backfill for dag x"}
        made = {
            "id": len(self.backfills) + 1,
            "from_date": body["from_date"],
            "to_date": body["to_date"],
            "created_at": datetime.now(UTC).isoformat(),
            "completed_at": None,
            "is_paused": False,
        }
        self.backfills.append(made)
        self._queue(body)
        return 200, made

    def _queue(self, body):
        day, last = (datetime.fromisoformat(body[name]).date() for name in ("from_date", "to_date"))
        while day <= last:
            if not any((run["logical_date"] or "").startswith(str(day)) for run in self.runs[names.BY_DATE_DAG]):
                self.add(f"backfill__{day}", "queued", {}, dag=names.BY_DATE_DAG, day=day)
            day += timedelta(days=1)
