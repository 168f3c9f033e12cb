"""`orchestrator`, `executions`, `run --orchestrator`: Step Functions seen and switched by the command."""

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from cli.clients.executions import Execution
from cli.views import waiting
from cli.views.status import LakeStatus, Verdict, assess, describe
from ledgerlake import names

SINCE = datetime(2025, 4, 1, 12, tzinfo=UTC)
LATER, EARLIER = SINCE + timedelta(minutes=1), SINCE - timedelta(minutes=1)
MACHINE = json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}})


def execution(status, ended=LATER, name="b-1"):
    return Execution(name, f"arn:{name}", status, EARLIER, None if status == "RUNNING" else ended)


@pytest.fixture
def machine(lake):
    """A state machine without executions, in a stack that was deployed for Step Functions."""
    role = "arn:aws:iam::123456789012:role/service"
    lake.client("stepfunctions").create_state_machine(name=names.STATE_MACHINE, definition=MACHINE, roleArn=role)
    lake.stack.parameters["Orchestrator"] = "step_functions"
    return lake


@pytest.mark.parametrize(
    ("executions", "batches", "verdict"),
    [
        ([execution("RUNNING")], (), Verdict.BUSY),
        ([execution("SUCCEEDED")], (), Verdict.IDLE),
        ([execution("FAILED")], ("b",), Verdict.FAILED),
        ([execution("TIMED_OUT")], ("b",), Verdict.FAILED),
        ([execution("FAILED", EARLIER)], ("b",), Verdict.BUSY),
        ([execution("SUCCEEDED", name="b-2"), execution("FAILED")], (), Verdict.IDLE),
        ([execution("RUNNING", name="b-2"), execution("FAILED")], ("b",), Verdict.FAILED),
    ],
)
def test_waiting_ends_when_no_execution_is_at_work_or_one_has_failed(executions, batches, verdict):
    assert assess(LakeStatus({}, batches, executions=tuple(executions)), SINCE) is verdict


@pytest.mark.parametrize(
    ("error", "batches", "remedy"),
    [
        ("CheckFailed", (), "a-check-failed.md"),
        ("CheckFailed", ("b",), "run --wait"),
        ("NotPublished", ("b",), "run --wait"),
    ],
)
def test_only_a_batch_that_is_open_is_resumed_after_an_execution_failed(monkeypatch, error, batches, remedy):
    monkeypatch.setattr(waiting, "Executions", lambda _: SimpleNamespace(why=lambda _: f"{error}: rows are missing"))
    look = LakeStatus({}, batches, executions=(execution("FAILED", ended=SINCE),))
    assert remedy in waiting.failure(None, look, SINCE, None).remedy


def test_an_execution_at_work_is_named():
    assert "execution b-1: at work" in describe(LakeStatus({}, (), executions=(execution("RUNNING"),)))


def test_a_run_by_step_functions_starts_an_execution_and_names_it(machine, ledgerlake):
    done = ledgerlake("run", "--orchestrator", "step_functions")
    assert done.exit_code == 0, done.stderr
    (started,) = json.loads(ledgerlake("executions", "--format", "json").stdout)
    assert started["execution"] in done.stdout
    assert started["status"] == "RUNNING"


def test_days_are_handed_to_the_execution(machine, ledgerlake):
    ledgerlake("run", "--orchestrator", "step_functions", "--from", "2025-04-01", "--to", "2025-04-03")
    states = machine.client("stepfunctions")
    (started,) = states.list_executions(stateMachineArn=machine.places.state_machine_arn)["executions"]
    body = states.describe_execution(executionArn=started["executionArn"])
    assert json.loads(body["input"]) == {"from": "2025-04-01", "to": "2025-04-03"}


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["run", "--orchestrator", "cron"], "no orchestrator 'cron'"),
        (["run", "--from", "2025-04-01"], "--from and --to are for Step Functions"),
        (["run", "--orchestrator", "step_functions", "--to", "2025-04-01"], "--to without --from"),
        (["orchestrator", "use", "cron"], "no orchestrator 'cron'"),
        (["executions", "nothing"], "no executions are called nothing"),
    ],
)
def test_what_cannot_be_meant_is_refused(machine, ledgerlake, argv, says):
    done = ledgerlake(*argv)
    assert done.exit_code == 2
    assert says in done.stderr


def test_both_at_once_are_refused_with_the_reason(machine, ledgerlake):
    done = ledgerlake("run", "--orchestrator", "airflow")
    assert done.exit_code == 1
    assert "the lake is deployed for step_functions" in done.stderr
    assert "each other's messages" in done.stderr
    assert "ledgerlake orchestrator use airflow" in done.stderr


def test_the_other_one_is_switched_on_by_the_stacks_parameter(machine, ledgerlake):
    machine.airflow.paused.add(names.LIVE_DAG)
    assert ledgerlake("orchestrator", "use", "airflow").exit_code == 0
    assert machine.stack.parameters == {"Environment": "dev", "Orchestrator": "airflow"}
    assert names.LIVE_DAG not in machine.airflow.paused


def test_airflow_is_paused_and_its_waiting_run_ended_before_step_functions_begin(machine, ledgerlake):
    machine.airflow.add("waiting", "running", {"wait_for_deliveries": "deferred"})
    assert ledgerlake("orchestrator", "use", "step_functions").exit_code == 0
    assert names.LIVE_DAG in machine.airflow.paused
    assert machine.airflow.runs[names.LIVE_DAG][0]["state"] == "success"


def test_a_run_at_work_is_not_pushed_aside(machine, ledgerlake):
    machine.airflow.add("busy", "running", {"wait_for_deliveries": "success", "orders_etl": "running"})
    done = ledgerlake("orchestrator", "use", "step_functions")
    assert done.exit_code == 1
    assert "the run busy of ecommerce_lakehouse is at work" in done.stderr
    assert names.LIVE_DAG not in machine.airflow.paused


def test_an_execution_at_work_is_not_pushed_aside(machine, ledgerlake):
    ledgerlake("run", "--orchestrator", "step_functions")
    done = ledgerlake("orchestrator", "use", "airflow")
    assert done.exit_code == 1
    assert "is at work" in done.stderr


def test_show_says_who_is_on(machine, ledgerlake):
    machine.airflow.paused.add(names.LIVE_DAG)
    rows = json.loads(ledgerlake("orchestrator", "show", "--format", "json").stdout)
    shown = {row["what"]: row["state"] for row in rows}
    assert shown["deployed for"] == "step_functions"
    assert shown[f"Airflow: {names.LIVE_DAG}"] == "paused"
