"""Airflow as the command asks it: on this machine by HTTP with a login, on MWAA through AWS."""

import json
import threading
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
import pytest
import requests
from botocore.stub import Stubber

from cli import failures
from cli.clients.airflow import Airflow, Task
from cli.clients.airflow_transport import LONGEST_PATH, LocalAirflow, ManagedAirflow, Refused
from cli.failures import LakeUnavailable
from ledgerlake import names
from local.home import Home


class Server(BaseHTTPRequestHandler):
    """Wants a token, tells what it was asked, refuses /dags/gone."""

    asked: list

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/auth/token":
            self.asked.append(("login", json.loads(body)))
            self._say(201, {"access_token": "t"})
        else:
            self._api(json.loads(body))

    def do_GET(self):
        self._api(None)

    def _api(self, body):
        if self.headers["Authorization"] != "Bearer t":
            return self._say(401, {"detail": "who?"})
        self.asked.append((self.command, self.path, body))
        return self._say(404, {"detail": "no such DAG"}) if "gone" in self.path else self._say(200, {"ok": 1})

    def _say(self, status, body):
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def local(tmp_path):
    """A local transport to a server that keeps what it was asked in `asked`."""
    asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Keeping", (Server,), {"asked": asked}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    (tmp_path / "ports.json").write_text(json.dumps({"aws": 1, "airflow": server.server_port}))
    transport = LocalAirflow(Home(tmp_path))
    transport.asked, transport.server = asked, server
    yield transport
    server.shutdown()


@pytest.fixture
def mwaa(monkeypatch):
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    client = boto3.client("mwaa", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")
    with Stubber(client) as stubber:
        stubber.transport = ManagedAirflow(client, "ledgerlake-prod")
        yield stubber
        stubber.assert_no_pending_responses()


def test_the_local_airflow_is_logged_into_once_and_asked_below_api_v2(local):
    assert local.send("GET", "/dags/a", params={"limit": 2}) == {"ok": 1}
    assert local.send("POST", "/backfills", body={"dag_id": "a"}) == {"ok": 1}
    logins = [each for each in local.asked if each[0] == "login"]
    assert [each["username"] for _, each in logins] == ["admin"]
    assert local.asked[1:] == [("GET", "/api/v2/dags/a?limit=2", None), ("POST", "/api/v2/backfills", {"dag_id": "a"})]


def test_what_airflow_refuses_is_told_in_its_own_words(local):
    with pytest.raises(Refused, match="404 to GET /dags/gone: no such DAG") as refused:
        local.send("GET", "/dags/gone")
    assert (refused.value.status, refused.value.exit_code) == (404, failures.FAILED)


def test_a_local_airflow_that_does_not_run_is_an_error_that_says_how_to_start_it(local):
    local.server.shutdown()
    local.server.server_close()
    with pytest.raises(LakeUnavailable, match="ledgerlake up"):
        local.send("GET", "/dags/a")


@pytest.mark.parametrize(("method", "asked"), [("GET", 3), ("POST", 1)])
def test_a_slow_airflow_is_asked_again_by_what_reads_and_never_by_what_writes(local, monkeypatch, method, asked):
    tries = []

    def slow(self, *argv, **more):
        tries.append(argv)
        raise requests.ReadTimeout

    monkeypatch.setattr(requests.Session, "request", slow)
    with pytest.raises(LakeUnavailable, match="has not answered in time"):
        local.send(method, "/dags/a")
    assert len(tries) == asked


def test_mwaa_is_asked_through_aws_with_the_same_paths(mwaa):
    mwaa.add_response(
        "invoke_rest_api",
        {"RestApiStatusCode": 200, "RestApiResponse": {"is_paused": True}},
        {"Name": "ledgerlake-prod", "Method": "GET", "Path": f"/dags/{names.LIVE_DAG}"},
    )
    assert Airflow(mwaa.transport).is_paused(names.LIVE_DAG) is True


def test_a_backfill_on_mwaa_is_the_body_that_airflow_takes(mwaa):
    body = {
        "dag_id": "ecommerce_lakehouse_by_date",
        "from_date": "2025-04-01T00:00:00+00:00",
        "to_date": "2025-04-15T00:00:00+00:00",
        "reprocess_behavior": "completed",
        "max_active_runs": 4,
        "dag_run_conf": {"datasets": ["orders"]},
    }
    answer = {"id": 7, "created_at": "2025-05-01T08:00:00Z", "completed_at": None, "is_paused": False}
    mwaa.add_response(
        "invoke_rest_api",
        {"RestApiStatusCode": 200, "RestApiResponse": json.dumps(body | answer)},
        {"Name": "ledgerlake-prod", "Method": "POST", "Path": "/backfills", "Body": body},
    )
    begun = Airflow(mwaa.transport).start_backfill(date(2025, 4, 1), date(2025, 4, 15), {"datasets": ["orders"]}, 4)
    assert (begun.backfill_id, begun.first, begun.last, begun.active) == (7, date(2025, 4, 1), date(2025, 4, 15), True)


def test_an_error_of_airflow_behind_mwaa_keeps_its_status_and_words(mwaa):
    mwaa.add_client_error(
        "invoke_rest_api",
        service_error_code="RestApiClientException",
        modeled_fields={"RestApiStatusCode": 409, "RestApiResponse": {"detail": "already running"}},
    )
    with pytest.raises(Refused, match="409 to POST /backfills: already running") as refused:
        mwaa.transport.send("POST", "/backfills", body={})
    assert refused.value.status == 409


def test_an_environment_that_mwaa_does_not_know_is_named_with_the_option_that_changes_it(mwaa):
    mwaa.add_client_error("invoke_rest_api", service_error_code="ResourceNotFoundException")
    with pytest.raises(LakeUnavailable, match=r"no MWAA environment ledgerlake-prod.*--mwaa-environment"):
        mwaa.transport.send("GET", "/dags/a")


def test_a_path_longer_than_mwaa_takes_is_not_sent(mwaa):
    with pytest.raises(Refused, match="at most 64 characters"):
        mwaa.transport.send("GET", "/" * (LONGEST_PATH + 1))


def test_without_the_log_of_a_task_the_reason_is_empty_instead_of_an_error(mwaa, lake):
    run = Airflow(ManagedAirflow(lake.client("mwaa"), lake.mwaa_environment))
    lake.airflow.add("manual__2025-04-01T08:00:00+00:00", "failed", {"orders_etl": "failed"})
    (seen,) = run.latest_runs()
    assert run.why(seen, Task("orders_etl", "failed")) == ""


def test_runs_are_read_page_by_page_with_the_tasks_of_all_in_as_few_requests(lake):
    for number in range(130):
        day = date.fromordinal(date(2025, 1, 1).toordinal() + number)
        lake.airflow.add(f"r{number}", "failed", {"plan_batch": "failed"}, dag=names.BY_DATE_DAG, day=day)
    airflow = Airflow(ManagedAirflow(lake.client("mwaa"), lake.mwaa_environment))
    runs = airflow.runs_of_days(date(2025, 1, 1), date(2025, 5, 10))
    assert len(runs) == 130
    assert [task.task_id for task in runs[date(2025, 5, 10)].tasks] == ["plan_batch"]
    assert len(lake.airflow.asked) == 4


def test_a_run_that_somebody_started_by_hand_is_no_days_run(lake):
    lake.airflow.add("manual", "running", {}, dag=names.BY_DATE_DAG, day="2025-04-01T10:30:00Z")
    airflow = Airflow(ManagedAirflow(lake.client("mwaa"), lake.mwaa_environment))
    assert airflow.runs_of_days(date(2025, 4, 1), date(2025, 4, 2)) == {}


def test_every_request_of_a_wait_and_a_backfill_is_short_enough_for_mwaa(ledgerlake, lake):
    lake.airflow.add("backfill__2025-04-01T00:00:00+00:00", "running", {"plan_batch": "running"}, dag=names.BY_DATE_DAG)
    ledgerlake("--env", "dev", "wait", "--timeout", 0)
    lake.airflow.runs[names.BY_DATE_DAG].clear()
    ledgerlake("backfill", "--from", "2025-04-01", "--to", "2025-04-02", "--no-wait")
    ledgerlake("backfill", "--cancel")
    assert {method for method, *_ in lake.airflow.asked} == {"GET", "POST", "PUT"}
    assert max(len(path) for _, path, *_ in lake.airflow.asked) <= LONGEST_PATH
