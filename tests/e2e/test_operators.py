"""What operators do in Airflow's UI, by the REST API that the UI uses; each is followed by the printed remedy only.

One story, in order, on a lake of its own. Every timeout that an outage hangs on is a tenth of what it is by default.
"""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from outage import live_through
from story import check, deliver, expected, found
from whole_lake import Lake, at_work, environment_of, lake_of, until

from cli.clients.airflow_transport import Refused
from ledgerlake import keys, names
from ledgerlake.contracts import DATASETS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]  # all acts but one are `long`

OUTAGE = 30
BY_DATE = names.BY_DATE_DAG


@pytest.fixture(scope="module", name="operated")
def a_lake_with_short_timeouts() -> Iterator[Lake]:
    with environment_of(LEDGERLAKE_OUTAGE_SECONDS=str(OUTAGE)), lake_of() as running:
        yield running


@pytest.fixture(scope="module")
def rounds() -> Iterator[int]:
    return itertools.count(1)


def at_work_in(lake: Lake, task_id: str) -> dict:
    """The live run that is beyond its wait, with the task begun."""
    seen: list[dict] = []

    def begun() -> bool:
        for run in lake.runs()[:3]:
            if run["state"] == "running" and lake.tasks(run)[task_id]["state"] in ("running", "deferred"):
                seen.append(run)
                return True
        return False

    until(begun, f"{task_id} at work")
    return seen[-1]


def path_of(run: dict) -> str:
    return f"/dags/{run['dag_id']}/dagRuns/{quote(run['dag_run_id'])}"


def mark_task(lake: Lake, run: dict, task_id: str) -> None:
    lake.airflow("PATCH", f"{path_of(run)}/taskInstances/{task_id}", {"new_state": "success"})


def ended(lake: Lake, run: dict) -> None:
    until(
        lambda: lake.airflow("GET", path_of(run))["state"] in ("success", "failed"), f"the end of {run['dag_run_id']}"
    )


def trigger(lake: Lake, dag_id: str, **body) -> dict:
    return lake.airflow("POST", f"/dags/{dag_id}/dagRuns", {"logical_date": None, **body})


def remedy(text: str) -> list[str]:
    """The command that an error of ours prints last, as the command line has it."""
    said = re.findall(r"next step: .*(ledgerlake [a-z][^;,)\n]*)", text)
    assert said, text
    return shlex.split(said[-1])[1:]


def follow_remedies(lake: Lake) -> None:
    """Have the batch resumed, and then do what is printed as long as it is not done; that soon comes to an end."""
    command = ["run", "--wait"]
    for _ in range(3):
        said = lake.say(*command, timeout=400)
        if said.returncode == 0:
            return
        command = remedy(said.stderr)
    raise AssertionError(f"the last remedy was {command}")


@pytest.mark.long
def test_a_task_marked_as_success_with_its_job_stopped_loses_nothing(operated, rounds):
    round_ = next(rounds)
    before = deliver(operated, round_)
    at_work(operated, "orders", before)
    run = at_work_in(operated, "orders_etl")
    mark_task(operated, run, "orders_etl")
    glue = operated.client("glue")
    live = [
        each["Id"] for each in glue.get_job_runs(JobName="orders_etl")["JobRuns"] if each["JobRunState"] == "RUNNING"
    ]
    glue.batch_stop_job_run(JobName="orders_etl", JobRunIds=live)
    ended(operated, run)
    follow_remedies(operated)
    check(operated, round_)


@pytest.mark.long
def test_a_run_marked_as_success_in_the_middle_loses_nothing(operated, rounds):
    round_ = next(rounds)
    before = deliver(operated, round_)
    at_work(operated, "orders", before)
    run = at_work_in(operated, "orders_etl")
    operated.airflow("PATCH", path_of(run), {"state": "success"})
    follow_remedies(operated)
    check(operated, round_)


@pytest.mark.long
def test_a_plan_marked_as_success_loses_nothing(operated, rounds):
    round_ = next(rounds)
    deliver(operated, round_)
    run = at_work_in(operated, "plan_batch")
    mark_task(operated, run, "plan_batch")
    follow_remedies(operated)
    check(operated, round_)


@pytest.mark.long
def test_a_run_deleted_in_the_middle_loses_nothing(operated, rounds):
    round_ = next(rounds)
    before = deliver(operated, round_)
    at_work(operated, "orders", before)
    run = at_work_in(operated, "orders_etl")
    with suppress(Refused):  # Airflow may delete none that is running: then it is ended first
        operated.airflow("DELETE", path_of(run))
    if run["dag_run_id"] in {each["dag_run_id"] for each in operated.runs()}:
        operated.airflow("PATCH", path_of(run), {"state": "failed"})
        ended(operated, run)  # its last tasks still run
        operated.airflow("DELETE", path_of(run))
    follow_remedies(operated)
    check(operated, round_)


@pytest.mark.long
def test_a_paused_dag_is_named_with_the_command_that_unpauses_it(operated, rounds):
    round_ = next(rounds)
    operated.airflow("PATCH", f"/dags/{names.LIVE_DAG}", {"is_paused": True})
    deliver(operated, round_)
    said = operated.say("wait", "--timeout", "120")
    assert said.returncode == 1
    assert "ecommerce_lakehouse is paused: no task of it begins, and 1 of order_items" in " ".join(said.stderr.split())
    assert "ecommerce_lakehouse" in operated.do("status")
    operated.do(*remedy(said.stderr))
    check(operated, round_)


def test_the_api_server_is_away_for_a_while_and_no_try_is_lost(operated, rounds):
    live_through(operated, next(rounds), "api-server", OUTAGE)


@pytest.mark.long
@pytest.mark.parametrize("dag_id", [names.LIVE_DAG, BY_DATE])
def test_a_date_in_the_future_is_refused_when_it_is_triggered(operated, dag_id):
    with pytest.raises(Refused) as refused:
        trigger(operated, dag_id, logical_date=(datetime.now(UTC) + timedelta(days=9)).isoformat())
    assert refused.value.status == 400
    assert "is in the future; expected one until now" in refused.value.detail


@pytest.mark.long
def test_two_runs_triggered_at_once_begin_soon_and_end(operated):
    began = datetime.now(UTC)
    both = [trigger(operated, names.LIVE_DAG) for _ in range(2)]
    for run in both:
        ended(operated, run)
    first = min(datetime.fromisoformat(operated.airflow("GET", path_of(run))["start_date"]) for run in both)
    assert first - began < timedelta(seconds=90), "the wait gives way, and is not waited for"
    assert all(operated.airflow("GET", path_of(run))["state"] == "success" for run in both)


@pytest.mark.long
def test_a_run_with_a_date_is_for_that_date_and_a_task_of_it_cleared_alone_holds_nobody_up(operated, rounds):
    today = datetime.now(UTC)
    run = trigger(operated, BY_DATE, logical_date=today.isoformat())
    ended(operated, run)
    dates = operated.airflow("GET", f"{path_of(run)}/taskInstances/plan_batch/xcomEntries/dates")["value"]
    assert dates == [f"{today:%Y-%m-%d}"] * 2
    body = {"dry_run": False, "dag_run_id": run["dag_run_id"], "task_ids": ["orders_etl"], "only_failed": False}
    operated.airflow("POST", f"/dags/{BY_DATE}/clearTaskInstances", body)
    until(lambda: operated.tasks(run)["orders_etl"]["state"] in ("success", "failed"), "the cleared task")
    round_ = next(rounds)
    deliver(operated, round_)
    operated.do("wait", "--timeout", "400", timeout=450)
    assert found(operated) == expected(round_)


@pytest.mark.long
def test_at_the_end_every_delivered_row_is_accounted_for(operated, rounds):
    last = next(rounds) - 1
    assert found(operated) == expected(last)
    assert operated.keys(keys.RAW) == operated.keys(keys.OPEN_BATCHES) == operated.keys("control/publishing/") == []
    assert len(operated.keys(keys.ARCHIVED)) == 3 * last
    broken = operated.query(
        "SELECT source_file FROM ledger WHERE rows_read + released <> "
        "inserted + updated + unchanged + superseded + rejected + parked"
    )
    assert broken == []
    for dataset in DATASETS:
        assert len(operated.query(f"SELECT DISTINCT source_file FROM ledger WHERE dataset = '{dataset}'")) == last
        assert operated.query(f"SELECT count(DISTINCT source_file) AS n FROM rejected_{dataset}") == [{"n": last}]
    assert operated.do("lease", "show").count("free")
