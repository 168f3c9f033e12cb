"""When waiting ends: a judgement on states, without any service."""

from datetime import UTC, date, datetime, timedelta

import pytest

from cli.clients.airflow import Run, Task, last_error
from cli.views.status import LakeStatus, Verdict, assess, describe, first_failure
from ledgerlake import names

SINCE = datetime(2025, 4, 1, 12, tzinfo=UTC)
LATER, EARLIER = SINCE + timedelta(minutes=1), SINCE - timedelta(minutes=1)
SENSING = Run("r9", "running", None, (Task("wait_for_deliveries", "deferred"), Task("plan_batch", None)))
WORKING = Run("r9", "running", None, (Task("wait_for_deliveries", "success"), Task("orders_etl", "running")))
PLANNING = Run("r9", "running", None, (Task("wait_for_deliveries", "success"), Task("plan_batch", None)))


def failed(when):
    return Run("r8", "failed", when, (Task("orders_etl", "failed", ended="2"), Task("acknowledge", "upstream_failed")))


def look(waits=None, batches=(), gate=(), runs=(SENSING,), by_date=()):
    return LakeStatus(waits or {}, tuple(batches), tuple(gate), runs, tuple(by_date))


@pytest.mark.parametrize(
    ("seen", "verdict"),
    [
        (look(), Verdict.IDLE),
        (look(runs=None), Verdict.IDLE),
        (look({"orders": 1}), Verdict.BUSY),
        (look({"orders": 1}, runs=None), Verdict.BUSY),
        (look(batches=["b"]), Verdict.BUSY),
        (look(runs=(WORKING,)), Verdict.BUSY),
        (look(runs=(PLANNING,)), Verdict.BUSY),
        (look({"orders": 1}, gate=["products"]), Verdict.GATE_CLOSED),
        (look({"orders": 1}, ["b"], gate=["products"]), Verdict.BUSY),
        (look({"orders": 1}, gate=["products"], runs=(WORKING,)), Verdict.BUSY),
        (look({"orders": 1}, ["b"], runs=(SENSING, failed(LATER))), Verdict.FAILED),
        (look({"orders": 1}, ["b"], runs=(SENSING, failed(EARLIER))), Verdict.BUSY),
        (look(runs=(SENSING, Run("r9", "success", LATER), failed(LATER))), Verdict.IDLE),
        (look(batches=["b"], runs=(SENSING, Run("r9", "success", LATER), failed(LATER))), Verdict.FAILED),
        (look(by_date=[Run("d", "queued", EARLIER)]), Verdict.BUSY),
        (look(by_date=[Run("d", "running", None)], gate=["products"]), Verdict.BUSY),
        (look(by_date=[Run("d", "success", LATER)]), Verdict.IDLE),
        (look(by_date=[Run("d", "failed", LATER)]), Verdict.FAILED),
        (look(by_date=[Run("d", "failed", EARLIER)]), Verdict.IDLE),
    ],
)
def test_judge(seen, verdict):
    assert assess(seen, SINCE) is verdict


def test_the_first_task_that_failed_is_named_not_those_that_followed():
    tasks = (Task("checks.a", "failed", ended="3"), Task("orders_etl", "failed", ended="2"), Task("x", "success"))
    assert first_failure(tasks).task_id == "orders_etl"
    assert first_failure((Task("x", "upstream_failed"),)) is None


def test_a_look_is_described_by_what_waits_and_what_runs():
    lines = describe(look({"orders": 2}, ["b1"], runs=(WORKING,)))
    assert lines[:2] == ["waiting in raw/: 2 of orders", "open batch: b1"]
    assert "▶ orders_etl" in lines[2]
    assert describe(look()) == ["waiting in raw/: nothing"]


def test_a_run_without_the_lease_waits_and_the_one_that_has_it_works():
    tasks = (Task("plan_batch", "running"), Task("orders_etl", None))
    days = [Run(name, "running", None, tasks, "by_date", date(2025, 4, day)) for name, day in (("b", 2), ("a", 1))]
    seen = LakeStatus({}, (), by_date=tuple(days), holder="airflow:by_date/a")
    live = LakeStatus({}, (), runs=(PLANNING,), holder="airflow:by_date/a")
    assert describe(live)[1:] == ["run r9: waits for its turn"]
    assert describe(look(runs=(PLANNING,)))[1:] == ["run r9: ✓ wait_for_deliveries"]
    assert describe(seen)[1:] == ["by date 2025-04-01: at work: plan_batch", "by date 2025-04-02: waits for its turn"]


def test_the_reason_is_the_last_exception_of_the_log():
    log = [
        {"event": "starting", "level": "info"},
        {"event": "Task failed", "level": "error", "error_detail": [{"exc_type": "GlueError", "exc_value": "a\nb"}]},
        {"event": "done", "level": "info"},
    ]
    assert last_error(log) == "GlueError: a b"
    assert last_error([{"event": "it broke", "level": "error"}, "text"]) == "it broke"
    assert last_error([]) == ""


def test_an_error_of_a_lambda_is_told_in_its_own_words():
    payload = '{"errorMessage": "a.csv is gone", "errorType": "ArchiveError"}'
    answer = str(("it failed", {"HTTPStatusCode": 200, "Payload": payload}))
    log = [{"event": "x", "error_detail": [{"exc_type": "ValueError", "exc_value": answer}]}]
    assert last_error(log) == "ArchiveError: a.csv is gone"


PAUSED_DAG = (names.LIVE_DAG,)


def run_of(state="running", begins=None, dag_id=names.LIVE_DAG, **tasks):
    found = tuple(Task(name, task) for name, task in tasks.items())
    return Run("manual__1", state, None, found, dag_id=dag_id, begins=begins)


@pytest.mark.parametrize("runs", [(), (run_of(wait_for_deliveries="deferred"),), (run_of("queued"),)])
def test_a_paused_dag_that_has_something_to_do_ends_the_wait(runs):
    look = LakeStatus({"orders": 1}, (), runs=runs, paused=PAUSED_DAG)
    assert assess(look, SINCE) is Verdict.PAUSED
    assert "ecommerce_lakehouse is paused: no task of it begins" in describe(look)


def test_a_paused_dag_is_no_matter_while_its_tasks_are_at_work_or_there_is_nothing_to_do():
    at_work = (run_of(wait_for_deliveries="success", orders_etl="deferred"),)
    assert assess(LakeStatus({"orders": 1}, ("b",), runs=at_work, paused=PAUSED_DAG), SINCE) is Verdict.BUSY
    assert assess(LakeStatus({}, (), runs=(), paused=PAUSED_DAG), SINCE) is Verdict.IDLE


def test_a_run_of_the_future_is_not_waited_for_and_named():
    later = run_of(begins=datetime.now(UTC) + timedelta(days=3), dag_id=names.BY_DATE_DAG)
    look = LakeStatus({}, (), runs=(), by_date=(later,))
    assert assess(look, SINCE) is Verdict.IDLE
    assert f"begins at {later.begins:%Y-%m-%d %H:%M} UTC, its date; delete it in Airflow" in describe(look)[-1]
    begun = run_of(begins=datetime.now(UTC) - timedelta(days=3), dag_id=names.BY_DATE_DAG)
    assert assess(LakeStatus({}, (), runs=(), by_date=(begun,)), SINCE) is Verdict.BUSY


def test_a_part_that_is_down_is_named_first():
    look = LakeStatus(
        {}, ("b",), runs=(), down={"scheduler": "down since 2025-04-01 08:00:00 UTC; its last words: out of memory"}
    )
    assert describe(look)[0] == "scheduler is down since 2025-04-01 08:00:00 UTC; its last words: out of memory"
