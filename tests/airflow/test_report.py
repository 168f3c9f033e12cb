"""The report: one message per run that matters, and the lake given back in any case."""

from __future__ import annotations

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowSkipException

from ledgerlake import lease
from ledgerlake_airflow import HOLDER, report, texts
from ledgerlake_airflow.failure import Failure, remember_failure

PLAN = {
    "batch_id": "20250401T000000Z-abc",
    "datasets": ["orders", "order_items"],
    "deliveries": 31,
    "resumed": False,
    "reason": "31 deliveries",
    "strays": [],
}
FIGURES = [
    {"dataset": "orders", "files": "15", "rows_read": "7500", "inserted": "7490", "rejected": "10", "parked": None}
]


@pytest.fixture
def planned(run, cloud, monkeypatch):
    lease.acquire(cloud.s3, cloud.bucket, HOLDER, 600)
    monkeypatch.setattr(report, "ask", lambda *_: FIGURES)
    run.xcoms["plan_batch", "return_value"] = PLAN
    run.states.update({task_id: "success" for task_id in run.dag.task_ids})
    return run


def _fail(run, task_id, error):
    remember_failure({**run.of(task_id), "exception": error})
    run.states[task_id] = "failed"


def test_success_tells_the_ledgers_figures_once(planned, cloud):
    planned.call("report")
    (letter,) = cloud.letters()
    assert "31 deliveries loaded, archived and checked" in letter
    assert "orders: 15 files, 7,500 rows read: 7,490 inserted, 10 rejected" in letter
    assert "ledgerlake rejects orders" in letter
    assert "ledgerlake ledger 20250401T000000Z-abc" in letter


def test_success_is_told_also_when_the_ledger_cannot_be_read(planned, cloud, monkeypatch):
    def away(*_):
        raise AirflowException("Athena is away")

    monkeypatch.setattr(report, "ask", away)
    planned.call("report")
    (letter,) = cloud.letters()
    assert "31 deliveries loaded" in letter
    assert "Athena is away" in letter


def test_a_failure_names_task_dataset_reason_log_and_the_command_that_continues(planned, cloud):
    _fail(planned, "orders_etl", RuntimeError("orders_etl FAILED: no such file (Glue run jr_1)"))
    planned.states.update(order_items_etl="upstream_failed", acknowledge="upstream_failed")
    planned.call("report")
    (letter,) = cloud.letters()
    assert "Task:    orders_etl" in letter
    assert "Dataset: orders\n" in letter
    assert "Reason:  orders_etl FAILED: no such file (Glue run jr_1)" in letter
    assert "http://airflow.test/dags/ecommerce_lakehouse/runs/manual__1/tasks/orders_etl?try_number=1" in letter
    assert "ledgerlake run --wait" in letter
    assert "upstream_failed" not in letter
    assert "order_items_etl" not in letter


def test_every_failed_task_is_in_the_one_message_in_the_order_of_the_run(planned, cloud):
    _fail(planned, "checks.references_hold", ValueError("b"))
    _fail(planned, "product_etl", ValueError("a"))
    planned.call("report")
    (letter,) = cloud.letters()
    assert letter.index("product_etl") < letter.index("checks.references_hold")


def test_a_task_whose_process_was_killed_is_reported_with_its_log(planned, cloud):
    planned.states["product_etl"] = "failed"
    planned.call("report")
    (letter,) = cloud.letters()
    assert "it left no error" in letter
    assert "/tasks/product_etl\n" in letter


def test_after_a_failure_the_messages_come_back_soon(planned, cloud, monkeypatch):
    shown = []
    monkeypatch.setattr(report.Queue, "show_again", lambda _, receipts, seconds: shown.append((receipts, seconds)))
    planned.xcoms["plan_batch", "receipts"] = ["r1"]
    _fail(planned, "product_etl", ValueError("a"))
    planned.call("report")
    assert shown == [(["r1"], 15)]


def test_when_the_plan_failed_the_messages_of_the_sensor_come_back(run, cloud, monkeypatch):
    shown = []
    monkeypatch.setattr(report.Queue, "show_again", lambda _, receipts, seconds: shown.append(receipts))
    run.woken_by([{"ReceiptHandle": "r9"}])
    _fail(run, "plan_batch", RuntimeError("S3 is away"))
    run.call("report")
    assert shown == [["r9"]]
    assert "S3 is away" in cloud.letters()[0]


def test_a_quiet_run_tells_nobody(planned, cloud):
    planned.xcoms["plan_batch", "return_value"] = {**PLAN, "batch_id": None, "reason": "nothing waits in raw/"}
    with pytest.raises(AirflowSkipException, match="nothing waits in raw/"):
        planned.call("report")
    assert cloud.letters() == []


@pytest.mark.parametrize("failed", [True, False])
def test_the_lease_is_given_back_in_any_case(planned, cloud, failed):
    if failed:
        _fail(planned, "product_etl", ValueError("a"))
    planned.call("report")
    assert lease.show(cloud.s3, cloud.bucket).holder == ""


def test_the_lease_of_another_is_left_alone(planned, cloud):
    lease.release(cloud.s3, cloud.bucket, HOLDER)
    lease.acquire(cloud.s3, cloud.bucket, "cli:somebody", 600)
    planned.call("report")
    assert lease.show(cloud.s3, cloud.bucket).holder == "cli:somebody"


def test_the_message_is_sent_last_so_that_a_retry_sends_no_second_one(planned, cloud, monkeypatch):
    def away():
        raise RuntimeError("S3 is away")

    monkeypatch.setattr(report, "release_lease", away)
    with pytest.raises(RuntimeError):
        planned.call("report")
    assert cloud.letters() == []


def test_when_the_report_itself_fails_a_person_is_told_that(run, cloud):
    report.tell_without_report({**run.of("report"), "exception": RuntimeError("no SNS")})
    (letter,) = cloud.letters()
    assert "its report failed: no SNS" in letter


def test_the_note_of_a_manual_run_is_in_its_report(planned, cloud):
    planned.params["reason"] = "after the fix of ticket 12"
    planned.call("report")
    assert "after the fix of ticket 12" in cloud.letters()[0]


def test_a_subject_is_what_sns_accepts():
    letter = texts.of_failure("r", PLAN, [Failure("é\n" + "x" * 200, "why", "log")], 15, "")
    assert len(letter.subject) <= 100
    assert letter.subject.isascii()
    assert "\n" not in letter.subject


def test_strays_are_named_in_the_report():
    letter = texts.of_success({**PLAN, "strays": ["raw/cat.png"]}, FIGURES, "", "")
    assert "read by no job: raw/cat.png" in letter.body
