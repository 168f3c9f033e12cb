"""`backfill`: what it asks of Airflow, what it shows meanwhile, and how it ends."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest
from control_objects import manifest

from cli import failures
from cli.clients.airflow import Run, Task
from cli.commands import backfill
from cli.views import backfilling
from cli.views.backfilling import lines
from ledgerlake import keys, names
from ledgerlake.planning import lease
from ledgerlake.tables.ledger import COUNTS

APRIL = ("--from", "2025-04-01", "--to", "2025-04-03")
DAYS = [date(2025, 4, day) for day in (1, 2, 3)]
PLANNED, DONE = {"plan_batch": "success"}, {"plan_batch": "success", "report": "success"}


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(backfilling, "_POLL_SECONDS", 0)


@pytest.fixture
def airflow(lake):
    """One that ends every day of a backfill at the second look, each with the batch `batch_of` names."""
    lake.airflow.steps = [lambda: None, lambda: end_all(lake)]
    return lake.airflow


def end_all(lake, state="success", tasks=None):
    for run in lake.airflow.runs[names.BY_DATE_DAG]:
        lake.airflow.set(run["dag_run_id"], state, tasks or DONE, datetime.now(UTC))
        if state == "success":
            plan(lake, run["dag_run_id"])


def plan(lake, run_id):
    batch_id = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{run_id[-8:]}"
    body = manifest(batch_id, owner=f"airflow:{names.BY_DATE_DAG}/{run_id}")
    lake.s3.put_object(Bucket=lake.bucket, Key=keys.manifest(batch_id), Body=json.dumps(body))
    sums = {"rows_read": "10", "unchanged": "10"}
    lake.athena.columns = ["batch_id", *COUNTS]
    lake.athena.pages[0].append([batch_id, *(sums.get(name, "0") for name in COUNTS)])


def posted(lake):
    return [body for method, path, _, body in lake.airflow.asked if (method, path) == ("POST", "/backfills")]


def put(lake, key, body="x", **more):
    lake.s3.put_object(Bucket=lake.bucket, Key=key, Body=body, **more)


def test_a_backfill_asks_airflow_for_the_days_and_ends_with_the_figures_of_each(ledgerlake, lake, airflow):
    result = ledgerlake("backfill", *APRIL, "--max-active", 2)
    assert result.exit_code == 0, result.stderr
    (body,) = posted(lake)
    assert (body["dag_id"], body["max_active_runs"]) == ("ecommerce_lakehouse_by_date", 2)
    assert (body["from_date"], body["to_date"]) == ("2025-04-01T00:00:00+00:00", "2025-04-03T00:00:00+00:00")
    assert body["reprocess_behavior"] == "completed"
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in result.stdout.splitlines() if "│" in line]
    assert [row[0] for row in rows] == ["2025-04-01", "2025-04-02", "2025-04-03", "total"]
    assert [row[1] for row in rows[:3]] == ["done"] * 3
    assert rows[3][3:] == ["30", "30"]
    assert "inserted" not in result.stdout


def test_every_column_of_the_ledger_is_in_the_json(ledgerlake, lake, airflow):
    rows = json.loads(ledgerlake("backfill", *APRIL, "-f", "json").stdout)
    assert [(row["date"], row["rows_read"], row["withdrawn"]) for row in rows] == [(str(day), 10, 0) for day in DAYS]
    assert "WHERE batch_id IN (" in lake.athena.asked[0]["QueryString"]


def test_the_conf_narrows_when_asked_and_otherwise_takes_back_what_an_earlier_one_narrowed(ledgerlake, lake):
    ledgerlake("backfill", *APRIL, "--no-wait", "--dataset", "orders", "--dataset", "products", "--dataset", "orders")
    ledgerlake("backfill", "--cancel")
    ledgerlake("backfill", *APRIL, "--no-wait")
    assert [body["dag_run_conf"] for body in posted(lake)] == [{"datasets": ["orders", "products"]}, {}]


def test_a_batch_of_a_live_run_or_of_an_earlier_backfill_is_not_among_the_figures(ledgerlake, lake, airflow):
    for batch_id, owner in (
        ("20990101T000000Z-1a2b3c4d", f"airflow:{names.LIVE_DAG}"),
        ("20990101T000001Z-1a2b3c4d", "airflow:another_dag/backfill__2025-04-01"),
        ("20200101T000000Z-1a2b3c4d", f"airflow:{names.BY_DATE_DAG}/backfill__2025-04-01"),
    ):
        put(lake, keys.manifest(batch_id), json.dumps(manifest(batch_id, owner=owner)))
    rows = json.loads(ledgerlake("backfill", *APRIL, "-f", "json").stdout)
    assert len(rows) == 3
    assert not {row["batch"] for row in rows if row["batch"].endswith("1a2b3c4d")}


def test_a_day_without_deliveries_has_nothing_to_do_and_that_is_no_failure(ledgerlake, lake):
    def quiet():
        for run in lake.airflow.runs[names.BY_DATE_DAG]:
            lake.airflow.set(run["dag_run_id"], "success", DONE, datetime.now(UTC))

    lake.airflow.steps = [quiet]
    result = ledgerlake("backfill", *APRIL, "-f", "json")
    assert result.exit_code == 0
    assert {(row["state"], row["batch"]) for row in json.loads(result.stdout)} == {("nothing to do", None)}
    assert lake.athena.asked == []


def test_days_that_failed_are_named_with_the_command_that_repeats_them(ledgerlake, lake):
    def end():
        end_all(lake)
        lake.airflow.set("backfill__2025-04-02", "failed", {"orders_etl": "failed", "report": "upstream_failed"})

    lake.airflow.steps = [end]
    result = ledgerlake("backfill", *APRIL)
    assert result.exit_code == failures.FAILED
    assert "1 of 3 days failed: 2025-04-02 in orders_etl" in result.stderr
    assert "ledgerlake backfill --from 2025-04-02 --to 2025-04-02" in result.stderr
    assert "2025-04-03" in result.stdout


def test_progress_is_a_line_a_day_that_names_the_holder_for_whom_it_waits(ledgerlake, lake):
    lease.acquire(lake.s3, lake.bucket, "airflow:ecommerce_lakehouse", 600)

    def work():
        lake.airflow.set("backfill__2025-04-01", "running", {"plan_batch": "success", "orders_etl": "deferred"})
        lake.airflow.set("backfill__2025-04-02", "running", {"plan_batch": "up_for_reschedule", "orders_etl": None})

    lake.airflow.steps = [lambda: None, work, lambda: end_all(lake)]
    said = ledgerlake("backfill", *APRIL).stderr
    assert "Backfill 1 of 2025-04-01 to 2025-04-03 has begun: 3 days, 4 at a time." in said
    assert "2025-04-01  queued" in said
    assert "2025-04-01  at work: orders_etl" in said
    assert "2025-04-02  waits for its turn: a live run is at work" in said
    assert said.count("2025-04-03  queued") == 1
    assert "2025-04-03  done" in said


def test_a_day_that_looks_for_the_lease_again_and_again_is_said_to_wait_for_the_day_that_has_it():
    first = Run("scheduled__1", "running", None, (Task("orders_etl", "running"),), names.BY_DATE_DAG, DAYS[0])
    holder = f"airflow:{names.BY_DATE_DAG}/scheduled__1"
    for state in ("running", "up_for_reschedule", "queued", None):
        tasks = (Task("plan_batch", state), Task("orders_etl", None))
        second = Run("r2", "running", None, tasks, names.BY_DATE_DAG, DAYS[1])
        said = lines(DAYS[:2], {DAYS[0]: first, DAYS[1]: second}, holder)
        assert said == [
            "2025-04-01  at work: orders_etl",
            "2025-04-02  waits for its turn: the run of 2025-04-01 is at work",
        ]


def test_a_day_says_what_it_does_or_where_it_failed():
    runs = {
        DAYS[0]: Run("a", "running", None, (Task("orders_etl", "up_for_retry"),)),
        DAYS[1]: Run("b", "failed", None, (Task("plan_batch", "success", ended="1"), Task("x", "failed", ended="2"))),
    }
    said = ["2025-04-01  will try again: orders_etl", "2025-04-02  failed in x", "2025-04-03  no run"]
    assert lines(DAYS, runs, "") == said


def test_time_that_runs_out_leaves_the_backfill_going(ledgerlake, lake):
    result = ledgerlake("backfill", *APRIL, "--timeout", 0)
    assert result.exit_code == failures.TIMED_OUT
    assert "3 of 3 days are not done" in result.stderr
    assert lake.airflow.backfills[0]["completed_at"] is None


def test_ctrl_c_leaves_the_backfill_going_and_says_how_to_see_and_to_stop_it(ledgerlake, lake):
    def interrupt():
        raise KeyboardInterrupt

    lake.airflow.steps = [interrupt]
    result = ledgerlake("backfill", *APRIL)
    assert result.exit_code == failures.INTERRUPTED
    assert "Backfill 1 continues without this command" in result.stderr
    assert "ledgerlake wait" in result.stderr
    assert "ledgerlake backfill --cancel" in result.stderr
    assert lake.airflow.backfills[0]["completed_at"] is None


def test_cancelling_stops_the_one_that_goes_on_and_is_no_error_without_one(ledgerlake, lake):
    assert "No backfill is going on" in ledgerlake("backfill", "--cancel").stdout
    ledgerlake("backfill", *APRIL, "--no-wait")
    assert "Backfill 1 of 2025-04-01 to 2025-04-03 is cancelled" in ledgerlake("backfill", "--cancel").stdout
    assert lake.airflow.backfills[0]["completed_at"]


def test_a_second_backfill_is_refused_with_the_name_of_the_first(ledgerlake, lake):
    ledgerlake("backfill", *APRIL, "--no-wait")
    result = ledgerlake("backfill", "--from", "2025-04-07", "--to", "2025-04-08")
    assert result.exit_code == failures.FAILED
    assert "backfill 1 of 2025-04-01 to 2025-04-03 is going on" in result.stderr
    assert "Waiting" not in result.stderr
    assert "ledgerlake backfill --cancel" in result.stderr


def test_a_backfill_that_is_over_is_waited_for_until_airflow_has_seen_it(ledgerlake, lake, airflow, monkeypatch):
    assert ledgerlake("backfill", *APRIL).exit_code == 0
    assert lake.airflow.backfills[0]["completed_at"] is None

    def airflow_looks(_):
        lake.airflow.backfills[0]["completed_at"] = "2025-05-01T00:00:00Z"

    monkeypatch.setattr(backfill.time, "sleep", airflow_looks)
    again = ledgerlake("backfill", *APRIL, "--no-wait")
    assert again.exit_code == 0, again.stderr
    assert "Waiting until Airflow sees that backfill 1 is over" in again.stderr
    assert len(lake.airflow.backfills) == 2


def test_a_paused_dag_is_refused_with_the_command_that_unpauses_it(ledgerlake, lake, airflow):
    airflow.paused.add(names.BY_DATE_DAG)
    result = ledgerlake("backfill", *APRIL)
    assert result.exit_code == failures.FAILED
    assert "ledgerlake backfill --from 2025-04-01 --to 2025-04-03 --unpause" in result.stderr
    assert posted(lake) == []
    assert ledgerlake("backfill", *APRIL, "--unpause").exit_code == 0
    assert names.BY_DATE_DAG not in airflow.paused


def test_a_dag_that_airflow_does_not_know_yet_is_said_so(ledgerlake, lake):
    lake.airflow.answers[f"/dags/{names.BY_DATE_DAG}"] = (404, {"detail": "no"})
    result = ledgerlake("backfill", *APRIL)
    assert result.exit_code == failures.NOT_UP
    assert "does not know the DAG ecommerce_lakehouse_by_date" in result.stderr


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--from", "2025-04-03", "--to", "2025-04-01"], "from 2025-04-03 to 2025-04-01"),
        (["--from", "2025-02-30", "--to", "2025-03-01"], "2025-02-30"),
        (["--from", "yesterday", "--to", "2025-03-01"], "yesterday"),
        (["--from", "2025-04-01"], "--from and --to"),
        ([], "--from and --to"),
        ([*APRIL, "--dataset", "ordres"], "ordres"),
        ([*APRIL, "--max-active", "0"], "max-active"),
        (["--from", "2023-01-01", "--to", "2025-01-01"], "at most 400"),
    ],
)
@pytest.mark.parametrize("more", [[], ["--dry-run"]], ids=["real", "dry-run"])
def test_what_cannot_be_meant_is_refused_and_asks_nothing_of_airflow(ledgerlake, lake, argv, said, more):
    result = ledgerlake("backfill", *argv, *more)
    assert result.exit_code == failures.USAGE
    assert said in " ".join(result.stderr.split())
    assert lake.airflow.asked == []


@pytest.mark.parametrize("first", [0, 3], ids=["from today", "from a past day"])
def test_a_day_that_is_not_over_is_refused(ledgerlake, lake, first):
    today = datetime.now(UTC).date()
    result = ledgerlake("backfill", "--from", today - timedelta(days=first), "--to", today)
    assert result.exit_code == failures.USAGE
    assert f"{today} is not over yet" in result.stderr


def test_a_dry_run_lists_what_each_day_would_process_and_asks_nothing_of_airflow(ledgerlake, lake):
    key, version = "raw/orders/2025-04-01.csv", "v1"
    archived = keys.archived(key, "2025-04-02T08:00:00.000000Z", version)
    put(lake, archived, "abc", Metadata={"version-id": version})
    put(lake, "raw/order_items/date=2025-04-03/a.csv", "12345")
    put(lake, "raw/products.csv/x")
    put(lake, "raw/products/all.csv")
    put(lake, "raw/orders/2025-04-09.csv")
    result = ledgerlake("backfill", *APRIL, "--dry-run", "-f", "json")
    assert result.exit_code == 0
    rows = json.loads(result.stdout)
    assert [(row["date"], row["dataset"], row["delivery"], row["where"], row["bytes"]) for row in rows] == [
        ("2025-04-01", "orders", "orders/2025-04-01.csv", "archived", 3),
        ("2025-04-02", None, None, "nothing", None),
        ("2025-04-03", "order_items", "order_items/date=2025-04-03/a.csv", "raw", 5),
        ("any", "products", "products/all.csv", "raw", 1),
    ]
    assert rows[0]["landed_at"] == "2025-04-02T08:00:00.000000Z"
    assert lake.airflow.asked == []


def test_a_dry_run_of_one_dataset_leaves_the_others_out(ledgerlake, lake):
    put(lake, "raw/orders/2025-04-01.csv")
    put(lake, "raw/products/2025-04-01.csv")
    out = ledgerlake("backfill", *APRIL, "--dataset", "orders", "--dry-run").stdout
    assert "orders/2025-04-01.csv" in out
    assert "products" not in out
