"""docker-compose.yaml, run: a lake comes up, works, follows the tree, and goes without a trace."""

from __future__ import annotations

import json
import time

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

ORDERS = """order_num,order_id,user_id,order_timestamp,total_amount,date
1,9000001,42,2025-04-02T10:00:00,19.90,2025-04-02
2,9000002,42,2025-02-30T25:61:00,-5,2025-04-02
"""
RUNNING = {"postgres", "aws", "api-server", "scheduler", "dag-processor", "triggerer"}
ONCE = {"prepare", "deploy", "migrate"}


def test_from_nothing_to_a_healthy_lake_it_takes_less_than_ten_minutes(lake):
    assert lake.seconds < 600
    states = {name: each["State"] for name, each in lake.containers().items()}
    assert {name for name, state in states.items() if state.get("Health", {}).get("Status") == "healthy"} == RUNNING
    assert {name for name, each in states.items() if each["Status"] == "exited" and each["ExitCode"] == 0} == ONCE


def test_ports_are_open_on_loopback_alone(lake):
    described = json.loads(lake.do("config", "--format", "json"))["services"]
    assert {port["host_ip"] for each in described.values() for port in each.get("ports", [])} == {"127.0.0.1"}
    bound = [each["NetworkSettings"]["Ports"] for each in lake.containers().values()]
    hosts = {place["HostIp"] for ports in bound for places in ports.values() for place in places or []}
    assert hosts == {"127.0.0.1"}


def test_no_process_is_root_longer_than_it_takes_to_become_another(lake):
    running = {name: each for name, each in lake.containers().items() if name in RUNNING}

    def roots(name: str) -> set[str]:
        top = lake.docker("top", running[name]["Id"], "-eo", "uid,pid,args").stdout.splitlines()[1:]
        assert top, f"{name} has no process"
        return {line for line in top if line.split()[0] == "0"}

    first = {name: roots(name) for name in running}  # at that moment a check of health may just begin
    time.sleep(1)
    assert not {name: still for name in running if (still := first[name] & roots(name))}
    for name, each in running.items():
        starts_as_root = each["Config"].get("User", "").partition(":")[0] in ("", "0", "root")
        becomes_another = each["Config"]["Healthcheck"]["Test"][:3] == ["CMD", "gosu", "postgres"]
        assert becomes_another or not starts_as_root, f"the check of {name}'s health is root"


def test_the_login_is_told_by_the_log_of_the_deployment(lake):
    login = lake.do("logs", "--no-log-prefix", "deploy")
    port = lake.airflow_url.rpartition(":")[2]
    assert f"http://localhost:{port}  (user admin, password chosen-by-the-test)" in login
    assert {dag["dag_id"] for dag in lake.airflow("/dags")["dags"]} >= {"ecommerce_lakehouse"}


def test_the_demo_delivers_waits_and_shows_what_became_of_every_row(lake):
    (lake.folder / "mine.csv").write_text(ORDERS)
    lake.ledgerlake("deliver", "orders", "mine.csv")  # the gate is closed until the demo has delivered the rest
    shown = lake.do("run", "--rm", "-T", "demo", timeout=900)
    assert "What became of every row of batch" in shown
    assert "docker compose run --rm ledgerlake" in shown
    found = lake.query("SELECT count(*) AS orders FROM orders")
    assert int(found[0]["orders"]) > 1000


def test_a_file_of_ones_own_is_processed_and_found_in_the_table_by_a_run_that_is_green(lake):
    assert "Nothing waits, and no run is at work." in lake.ledgerlake("wait")
    found = lake.query("SELECT order_id, total_amount FROM orders WHERE _source_file = 'raw/orders/mine.csv'")
    assert [(int(row["order_id"]), float(row["total_amount"])) for row in found] == [(9000001, 19.9)]
    ledger = json.loads(lake.ledgerlake("ledger", "--format", "json"))
    (mine,) = [row for row in ledger if row["source_file"] == "raw/orders/mine.csv"]
    assert (int(mine["rows_read"]), int(mine["inserted"]), int(mine["rejected"])) == (2, 1, 1)
    runs = lake.airflow("/dags/ecommerce_lakehouse/dagRuns?order_by=-run_after")["dag_runs"]
    states = [run["state"] for run in runs]
    assert "failed" not in states
    assert "success" in states


def test_an_edited_dag_shows_up_without_a_restart(lake):
    dag = lake.folder / "dags" / "ecommerce_lakehouse_by_date.py"
    before = dag.read_text()
    edited = before.replace('tags=["', 'tags=["edited-in-the-tree", "', 1)
    assert edited != before
    dag.write_text(edited)
    until = time.monotonic() + 120
    while "edited-in-the-tree" not in str(lake.airflow("/dags/ecommerce_lakehouse_by_date")["tags"]):
        assert time.monotonic() < until, "the edit did not show up within two minutes"
        time.sleep(2)


def test_an_edited_job_is_deployed_by_running_the_deployment_again(lake):
    job = lake.folder / "glue_scripts" / "orders_etl.py"
    job.write_text(job.read_text() + "# edited in the tree\n")
    lake.do("run", "--rm", "-T", "deploy")
    script = (
        "import boto3; glue = boto3.client('glue'); job = glue.get_job(JobName='orders_etl')['Job'];"
        "bucket, _, key = job['Command']['ScriptLocation'].removeprefix('s3://').partition('/');"
        "print(boto3.client('s3').get_object(Bucket=bucket, Key=key)['Body'].read().decode())"
    )
    assert "# edited in the tree" in lake.do("exec", "-T", "scheduler", "python", "-c", script)


@pytest.mark.long
def test_with_its_profile_a_trino_answers_athenas_queries(lake):
    settings = lake.folder / ".env"
    settings.write_text(f"{settings.read_text()}COMPOSE_PROFILES=trino\nTRINO_URL=http://trino:8080\n")
    lake.do("up", "-d", "--wait", "--wait-timeout", "600", timeout=900)
    sql = "SELECT count(*) AS orders, to_hex(checksum(order_id)) <> '' AS checked FROM orders"  # DuckDB has no checksum
    (found,) = lake.query(sql)
    assert int(found["orders"]) > 1000
    assert str(found["checked"]).lower() == "true"


def test_it_goes_without_a_trace(lake):
    assert any(lake.left().values()), "else this would find nothing in any case"
    lake.do("down", "--volumes", timeout=120)
    assert lake.left() == {"container": [], "volume": [], "network": []}
