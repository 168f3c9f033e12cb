"""The commands as a person or a script meets them: output, errors, exit codes."""

import json
from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError

from cli import failures
from cli.clients import connection
from cli.commands import delivery, demo
from cli.main import Environment, app
from ledgerlake import names
from ledgerlake.intake.messages import is_wake
from ledgerlake.keys import open_batch
from ledgerlake.planning import lease
from ledgerlake.settings import ENVIRONMENTS
from ledgerlake.tables.ledger import COUNTS

LEDGER = ["batch_id", "dataset", "source_file", *COUNTS]


def entry(batch, key, **counts):
    named = {"batch_id": batch, "dataset": key.split("/")[1], "source_file": key, **counts}
    return [str(named.get(name, 0)) for name in LEDGER]


def messages(lake):
    queue = lake.client("sqs")
    url = queue.get_queue_url(QueueName=names.QUEUE)["QueueUrl"]
    return [json.loads(each["Body"]) for each in queue.receive_message(QueueUrl=url).get("Messages", [])]


def keys(lake):
    return [each["Key"] for each in lake.s3.list_objects_v2(Bucket=lake.bucket).get("Contents", [])]


def put(lake, key, body="x"):
    lake.s3.put_object(Bucket=lake.bucket, Key=key, Body=body)


# --- deliver


def test_deliver_puts_files_under_their_names_and_says_where(ledgerlake, lake, tmp_path):
    files = [tmp_path / name for name in ("a.csv", "b.csv")]
    for path in files:
        path.write_text(path.name)
    result = ledgerlake("deliver", "orders", *files)
    assert result.exit_code == 0
    assert result.stdout.split() == [f"s3://{lake.bucket}/raw/orders/a.csv", f"s3://{lake.bucket}/raw/orders/b.csv"]
    assert lake.s3.get_object(Bucket=lake.bucket, Key="raw/orders/b.csv")["Body"].read() == b"b.csv"


def test_deliver_as_gives_another_name(ledgerlake, lake, tmp_path):
    (tmp_path / "a.csv").write_text("x")
    assert ledgerlake("deliver", "orders", tmp_path / "a.csv", "--as", "2025/04/01.csv").exit_code == 0
    assert keys(lake) == ["raw/orders/2025/04/01.csv"]


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["ordres", "a.csv"], "one of products, orders, order_items"),
        (["Order", "a.csv"], "did you mean orders?"),
        (["orders", "a.csv", "--as", "_SUCCESS"], "raw/orders/_SUCCESS would be ignored"),
        (["orders", "a.csv", "--as", "2025/.a.csv"], "would be ignored"),
        (["orders", "a.csv", "gone.csv"], "gone.csv: no such file"),
        (["orders", "a.csv", "b.csv", "--as", "c.csv"], "--as gives one name"),
        (["orders", "a.csv", "sub/a.csv"], "more than one file is called a.csv"),
    ],
)
def test_deliver_refuses_what_cannot_be_meant_and_delivers_nothing(ledgerlake, lake, tmp_path, monkeypatch, argv, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    for name in ("a.csv", "b.csv", "sub/a.csv"):
        (tmp_path / name).write_text("x")
    result = ledgerlake("deliver", *argv)
    assert result.exit_code == failures.USAGE
    assert said in result.stderr
    assert "Traceback" not in result.stderr
    assert keys(lake) == []


# --- run, wait, status


def test_run_sends_a_message_that_wakes_the_pipeline(ledgerlake, lake, monkeypatch):
    assert ledgerlake("run").exit_code == 0
    (message,) = messages(lake)
    assert is_wake(message)


def test_wait_ends_at_once_when_nothing_waits_and_says_that_it_cannot_see_airflow(ledgerlake, lake):
    lake.airflow.answers[f"/dags/{names.LIVE_DAG}/dagRuns"] = (500, {"detail": "no database"})
    result = ledgerlake("wait")
    assert result.exit_code == 0
    assert "no database" in result.stderr
    assert "Judging by S3 alone" in result.stderr


def test_wait_asks_the_mwaa_environment_of_that_name_about_both_dags(ledgerlake, lake):
    lake.airflow.add("by date", "queued", {}, dag=names.BY_DATE_DAG, day="2025-04-01T00:00:00Z")
    result = ledgerlake("--env", "dev", "wait", "--timeout", 0)
    assert result.exit_code == failures.TIMED_OUT
    assert "by date 2025-04-01: queued" in result.stderr


def test_wait_does_not_wait_for_what_a_paused_dag_will_never_begin(ledgerlake, lake):
    lake.airflow.add("by date", "queued", {}, dag=names.BY_DATE_DAG, day="2025-04-01T00:00:00Z")
    lake.airflow.paused.add(names.BY_DATE_DAG)
    assert ledgerlake("wait", "--timeout", 0).exit_code == 0


def test_a_demo_does_not_wait_for_the_daily_sweep_that_waits_for_its_turn(ledgerlake, lake, monkeypatch):
    lake.airflow.add("by date", "queued", {}, dag=names.BY_DATE_DAG, day="2025-04-01T00:00:00Z")
    monkeypatch.setattr(demo.lake_commands, "up", lambda _: None)
    monkeypatch.setattr(demo, "_deliver", lambda *_: None)
    shown = []

    def read_ledger(_):
        shown.append("ledger")
        raise KeyboardInterrupt  # the rest of the demo is not asked for here

    monkeypatch.setattr(demo, "read_ledger", read_ledger)
    ledgerlake("--env", "dev", "demo", "--timeout", 0)
    assert shown == ["ledger"]


def test_wait_asks_an_airflow_without_the_by_date_dag_about_the_live_one_alone(ledgerlake, lake):
    lake.airflow.answers[f"/dags/{names.BY_DATE_DAG}/dagRuns"] = (404, {"detail": "no such DAG"})
    assert ledgerlake("wait").exit_code == 0


def test_wait_tells_of_a_by_date_run_that_failed_and_of_the_command_that_repeats_it(ledgerlake, lake):
    lake.airflow.add(
        "by date",
        "failed",
        {"orders_etl": "failed"},
        dag=names.BY_DATE_DAG,
        day="2025-04-01T00:00:00Z",
        ended="2099-01-01T00:00:00Z",
    )
    result = ledgerlake("wait")
    assert result.exit_code == failures.FAILED
    assert "failed in orders_etl: see its log in the MWAA environment ledgerlake-dev" in result.stderr
    assert "ledgerlake backfill --from 2025-04-01 --to 2025-04-01" in result.stderr


@pytest.mark.parametrize(
    ("key", "said", "unsaid"),
    [
        ("raw/x.csv", "docs/trouble/a-check-failed.md", "run --wait"),
        (open_batch("20250402T080000Z-1a2b3c4d"), "run --wait", "a-check-failed"),
    ],
    ids=["closed", "open"],
)
def test_wait_resumes_no_batch_that_a_failed_check_has_left_closed(ledgerlake, lake, key, said, unsaid):
    lake.s3.put_object(Bucket=lake.bucket, Key=key, Body=b'{"owner": ""}')
    lake.airflow.add("r1", "failed", {"checks.references_hold": "failed"}, ended="2099-01-01T00:00:00Z")
    result = ledgerlake("wait")
    assert result.exit_code == failures.FAILED
    assert "failed in checks.references_hold" in result.stderr
    assert said in result.stderr
    assert unsaid not in result.stderr


def test_wait_gives_up_after_its_time_and_says_what_still_waits(ledgerlake, lake):
    put(lake, open_batch("20250401T080000Z-1a2b3c4d"), "{}")
    result = ledgerlake("wait", "--timeout", "0")
    assert result.exit_code == failures.TIMED_OUT
    assert "open batch: 20250401T080000Z-1a2b3c4d" in result.stderr


def test_wait_says_what_a_closed_gate_waits_for(ledgerlake, lake):
    put(lake, "raw/orders/a.csv")
    result = ledgerlake("wait")
    assert result.exit_code == failures.GATE_CLOSED
    assert "no delivery of products, order_items has come" in result.stderr


def test_wait_that_is_interrupted_says_what_goes_on(ledgerlake, lake, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(delivery, "wait_for", interrupted)
    result = ledgerlake("wait")
    assert result.exit_code == failures.INTERRUPTED
    assert "continues without this command" in result.stderr


def test_strays_do_not_keep_wait_waiting(ledgerlake, lake):
    put(lake, "raw/notes.txt")
    assert ledgerlake("wait").exit_code == 0


def test_status_and_wait_name_strays_with_what_was_meant_and_ignored_files(ledgerlake, lake):
    for key in ("raw/Orders/alone.csv", "raw/order/x.csv", "raw//orders/x.csv", "raw/x.csv", "raw/orders/_SUCCESS"):
        put(lake, key)
    rows = json.loads(ledgerlake("--env", "dev", "status", "--format", "json").stdout)
    state = {row["what"]: row["state"] for row in rows}
    assert state["waiting in raw/"] == "nothing"
    assert state["ignored in raw/"] == "1: raw/orders/_SUCCESS"
    said = ledgerlake("wait").stderr
    for key in ("raw/Orders/alone.csv", "raw/order/x.csv", "raw//orders/x.csv"):
        for text in (state["read by no job"], said):
            assert f"{key} (did you mean raw/orders/?)" in text
    assert "raw/x.csv (did you mean one of raw/products/, raw/orders/, raw/order_items/?)" in state["read by no job"]
    assert "1 file in raw/ ignored" in said


def test_status_of_an_account_names_what_waits_and_who_is_at_work(ledgerlake, lake):
    put(lake, "raw/orders/a.csv")
    lease.acquire(lake.s3, lake.bucket, "airflow:run", 60)
    rows = json.loads(ledgerlake("--env", "dev", "status", "--format", "json").stdout)
    state = {row["what"]: row["state"] for row in rows}
    assert state["waiting in raw/"] == "1 of orders"
    assert state["lease"].startswith("airflow:run since ")


@pytest.mark.parametrize("command", ["up", "down", "demo"])
def test_only_the_local_lake_is_started_and_stopped(ledgerlake, lake, command):
    result = ledgerlake("--env", "prod", command)
    assert result.exit_code == failures.USAGE
    assert "is for the local lake" in result.stderr


# --- query, ledger, rejects


def test_query_prints_every_page_as_json_with_null(ledgerlake, lake):
    lake.athena.columns = ["id", "name"]
    lake.athena.pages = [[["1", "a"]], [["2", None]]]
    result = ledgerlake("query", "SELECT 1", "--format", "json")
    assert json.loads(result.stdout) == [{"id": "1", "name": "a"}, {"id": "2", "name": None}]
    (asked,) = lake.athena.asked
    assert (asked["WorkGroup"], asked["QueryExecutionContext"]) == ("ecommerce", {"Database": "ecommerce_dwh"})


def test_numbers_and_booleans_of_a_query_are_such_in_json_and_texts_stay_texts(ledgerlake, lake):
    lake.athena.columns = ["n", "x", "flag", "text", "none"]
    lake.athena.types = {"n": "bigint", "x": "double", "flag": "boolean", "none": "bigint"}
    lake.athena.pages = [[["12", "1.5", "true", "007", None]]]
    (row,) = json.loads(ledgerlake("query", "SELECT 1", "-f", "json").stdout)
    assert row == {"n": 12, "x": 1.5, "flag": True, "text": "007", "none": None}


def test_query_prints_csv_that_a_program_can_read(ledgerlake, lake):
    lake.athena.columns = ["id", "name"]
    lake.athena.pages = [[["1", 'a "b", c']]]
    assert ledgerlake("query", "SELECT 1", "-f", "csv").stdout == 'id,name\n1,"a ""b"", c"\n'


def test_query_prints_a_table_whose_cells_are_no_markup(ledgerlake, lake):
    lake.athena.columns = ["reasons"]
    lake.athena.pages = [[["[bold]"], [None]]]
    out = ledgerlake("query", "SELECT 1").stdout
    assert "[bold]" in out
    assert "NULL" in out


def test_a_refused_query_says_athenas_reason(ledgerlake, lake):
    lake.athena.reason = "SYNTAX_ERROR: line 1:8"
    result = ledgerlake("query", "SELECT")
    assert result.exit_code == failures.FAILED
    assert "SYNTAX_ERROR: line 1:8" in result.stderr
    assert result.stdout == ""


def test_query_reads_a_sql_file(ledgerlake, lake, tmp_path):
    (tmp_path / "q.sql").write_text("-- why\nSELECT 1;\n")
    ledgerlake("query", tmp_path / "q.sql")
    assert lake.athena.asked[0]["QueryString"] == "-- why\nSELECT 1"
    assert ledgerlake("query", tmp_path / "gone.sql").exit_code == failures.USAGE


def test_ledger_is_a_table_per_batch_with_totals_and_without_columns_of_zeros(ledgerlake, lake):
    lake.athena.columns = LEDGER
    lake.athena.pages = [
        [
            entry("b1", "raw/orders/a.csv", rows_read=5, inserted=4, rejected=1),
            entry("b1", "raw/orders/b.csv", rows_read=7, inserted=7),
            entry("b2", "raw/orders/c.csv", rows_read=1, updated=1),
        ]
    ]
    first, second = ledgerlake("ledger").stdout.split("batch b2")
    assert "batch b1" in first
    (total,) = [line for line in first.splitlines() if "total" in line]
    assert [cell.strip() for cell in total.strip("│").split("│")] == ["total", "12", "11", "1"]
    assert "parked" not in first
    assert "updated" in second


def test_ledger_as_json_holds_numbers_and_every_column(ledgerlake, lake):
    lake.athena.columns = LEDGER
    lake.athena.pages = [[entry("b1", "raw/orders/a.csv", rows_read=5, inserted=5)]]
    (row,) = json.loads(ledgerlake("ledger", "b1", "-f", "json").stdout)
    assert (row["rows_read"], row["parked"], row["source_file"]) == (5, 0, "raw/orders/a.csv")
    assert "WHERE batch_id = 'b1'" in lake.athena.asked[0]["QueryString"]


@pytest.mark.parametrize("batch", ["nope", "b' OR 1=1"])
def test_ledger_of_an_unknown_batch_is_an_error(ledgerlake, lake, batch):
    lake.athena.columns = LEDGER
    result = ledgerlake("ledger", batch)
    assert result.exit_code == failures.USAGE
    assert all("OR 1=1" not in asked["QueryString"] for asked in lake.athena.asked)


def test_rejects_as_csv_are_the_rows_alone(ledgerlake, lake):
    lake.athena.columns = ["dataset", "source_file", "source_row", "reasons", "original"]
    lake.athena.pages = [[["orders", "raw/orders/a.csv", "2", "total_not_negative: total_amount=-1", "1,2,3"]]]
    out = ledgerlake("rejects", "orders", "-f", "csv").stdout
    assert out.splitlines()[1] == 'orders,raw/orders/a.csv,2,total_not_negative: total_amount=-1,"1,2,3"'


def test_rejects_of_an_unknown_dataset_is_an_error(ledgerlake, lake):
    result = ledgerlake("rejects", "ordres")
    assert result.exit_code == failures.USAGE
    assert "one of products, orders, order_items" in result.stderr


# --- lease


def test_lease_is_shown_and_taken_from_a_dead_run(ledgerlake, lake):
    lease.acquire(lake.s3, lake.bucket, "airflow:run", 600)
    (row,) = json.loads(ledgerlake("lease", "show", "-f", "json").stdout)
    assert row["holder"] == "airflow:run"
    assert ledgerlake("lease", "release", "--yes").exit_code == 0
    assert lease.show(lake.s3, lake.bucket).is_free(datetime.now(UTC))


def test_lease_release_asks_first(ledgerlake, lake):
    lease.acquire(lake.s3, lake.bucket, "airflow:run", 600)
    assert ledgerlake("lease", "release").exit_code != 0
    assert not lease.show(lake.s3, lake.bucket).is_free(datetime.now(UTC))


# --- sample, help, errors


def test_sample_writes_and_says_what_dirt_is_in_it(ledgerlake, tmp_path):
    argv = ["sample", "--days", 1, "--orders-per-day", 50, "--defects", 0.2, "--out", tmp_path, "--start", "2025-05-01"]
    rows = json.loads(ledgerlake(*argv, "-f", "json").stdout)
    lines = (tmp_path / "orders" / "2025-05-01.csv").read_text().splitlines()
    assert {"dataset": "orders", "what": "all", "rows": len(lines) - 1} in rows


def test_without_a_lake_every_command_that_needs_one_says_how_to_start_it(ledgerlake, tmp_path, monkeypatch):
    monkeypatch.setenv("LEDGERLAKE_HOME", str(tmp_path / "home"))
    for argv in (["query", "SELECT 1"], ["ledger"], ["rejects"], ["logs"], ["run"], ["wait"], ["lease", "show"]):
        result = ledgerlake(*argv)
        assert result.exit_code == failures.NOT_UP, argv
        assert "ledgerlake up" in result.stderr
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (NoCredentialsError(), failures.NOT_UP, "no AWS credentials"),
        (EndpointConnectionError(endpoint_url="http://x"), failures.NOT_UP, "ledgerlake up"),
        (
            ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetObject"),
            failures.FAILED,
            "AccessDenied",
        ),
    ],
)
def test_errors_of_aws_are_told_in_words(ledgerlake, monkeypatch, error, code, said):
    def fail(_):
        raise error

    monkeypatch.setattr(connection, "connect", fail)
    result = ledgerlake("run")
    assert result.exit_code == code
    assert said in result.stderr


def test_an_unknown_flag_is_a_mistake_of_usage(ledgerlake):
    assert ledgerlake("wait", "--tiemout", "3").exit_code == failures.USAGE
    assert ledgerlake("sample", "--dirt", "2").exit_code == failures.USAGE


def test_help_documents_the_exit_codes_and_every_command_gives_an_example(ledgerlake):
    top = ledgerlake("--help").stdout
    assert "3 the lake is not up" in " ".join(top.split())
    for command in app.registered_commands:
        name = command.callback.__name__
        assert "Example: ledgerlake" in ledgerlake(name, "--help").stdout, name


def test_environments_are_those_of_the_settings():
    assert tuple(Environment) == ENVIRONMENTS
