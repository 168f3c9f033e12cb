"""Report task: one notification for each run with a batch or a failure, and the lease is always released."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowSkipException
from botocore.exceptions import ClientError
from control_objects import summary as staged
from published import ATTEMPT, batch_of, open_batch, publish, remove_published

from ledgerlake import keys
from ledgerlake.contracts import DATASETS
from ledgerlake.planning import batch, lease, quarantine
from ledgerlake.planning.unread import Unread
from ledgerlake.reporting import check_failures
from ledgerlake.reporting.failure_notification import failure_notification
from ledgerlake.reporting.failures import Failure
from ledgerlake.reporting.run_facts import RunFacts
from ledgerlake.reporting.success_notification import figures_sql, success_notification
from ledgerlake.tables.checks import check, checks
from ledgerlake_airflow import failure, lease_wait, report
from ledgerlake_airflow.athena import CheckFailed, QueryResult
from ledgerlake_airflow.failure import push_failure
from ledgerlake_airflow.form import FormError
from ledgerlake_airflow.jobs import BatchQuarantined

pytestmark = pytest.mark.slow

PLANNED = batch_of("raw/orders/o.csv", "raw/order_items/i.csv", datasets=("orders", "order_items"))
BATCH = PLANNED.batch_id
PLAN = {
    "batch_id": BATCH,
    "datasets": ["orders", "order_items"],
    "deliveries": 31,
    "resumed": False,
    "reason": "31 deliveries",
    "strays": 0,
    "ignored": 0,
}
FIGURES = [
    {"dataset": "orders", "files": "15", "rows_read": "7500", "inserted": "7490", "rejected": "10", "parked": None}
]


@pytest.fixture
def planned(run, cloud, monkeypatch):
    lease.acquire(cloud.s3, cloud.bucket, batch.LIVE, 600)
    monkeypatch.setattr(report, "run_query", lambda *_: QueryResult(FIGURES, "q-figures"))
    _done(cloud)
    run.xcoms["plan_batch", "return_value"] = PLAN
    run.states.update({task_id: "success" for task_id in run.dag.task_ids})
    return run


def _done(cloud):
    """The batch is published, archived and closed."""
    open_batch(cloud.s3, cloud.bucket, PLANNED)
    publish(cloud.s3, cloud.bucket, PLANNED)
    batch.close(cloud.s3, cloud.bucket, BATCH)


def _fail(run, task_id, error):
    push_failure({**run.of(task_id), "exception": error})
    run.states[task_id] = "failed"


def test_success_reports_the_ledgers_figures_once(planned, cloud):
    planned.call("report")
    (notification,) = cloud.notifications()
    assert "31 deliveries loaded, archived and checked" in notification
    assert "orders: 15 files, 7,500 rows read: 7,490 inserted, 10 rejected" in notification
    assert "ledgerlake rejects orders" in notification
    assert f"ledgerlake ledger {BATCH}" in notification


def test_success_is_reported_also_when_the_ledger_cannot_be_read(planned, cloud, monkeypatch):
    def away(*_):
        raise AirflowException("Athena is away")

    monkeypatch.setattr(report, "run_query", away)
    planned.call("report")
    (notification,) = cloud.notifications()
    assert "31 deliveries loaded" in notification
    assert "Athena is away" in notification


def test_a_failure_names_task_dataset_reason_log_and_the_resuming_command(planned, cloud):
    _fail(planned, "orders_etl", RuntimeError("orders_etl FAILED: no such file (Glue run jr_1)"))
    planned.states.update(order_items_etl="upstream_failed", acknowledge="upstream_failed")
    planned.call("report")
    (notification,) = cloud.notifications()
    assert "Task:    orders_etl" in notification
    assert "Dataset: orders\n" in notification
    assert "Reason:  orders_etl FAILED: no such file (Glue run jr_1)" in notification
    assert "http://airflow.test/dags/ecommerce_lakehouse/runs/manual__1/tasks/orders_etl?try_number=1" in notification
    assert "ledgerlake run --wait" in notification
    assert "upstream_failed" not in notification
    assert "order_items_etl" not in notification


def test_every_failed_task_is_in_the_one_message_in_the_order_of_the_run(planned, cloud):
    _fail(planned, "checks.references_hold", ValueError("b"))
    _fail(planned, "product_etl", ValueError("a"))
    planned.call("report")
    (notification,) = cloud.notifications()
    assert notification.index("product_etl") < notification.index("checks.references_hold")


def test_a_task_whose_process_was_killed_is_reported_with_its_log(planned, cloud):
    planned.states["product_etl"] = "failed"
    planned.call("report")
    (notification,) = cloud.notifications()
    assert "it left no error" in notification
    assert "/tasks/product_etl\n" in notification


def test_after_a_failure_the_messages_reappear_soon(planned, cloud, monkeypatch):
    shown = []
    monkeypatch.setattr(report.Queue, "hide", lambda _, receipts, seconds: shown.append((receipts, seconds)))
    planned.xcoms["plan_batch", "receipts"] = ["r1"]
    _fail(planned, "product_etl", ValueError("a"))
    planned.call("report")
    assert shown == [(["r1"], 15)]


def test_when_the_plan_failed_the_messages_of_the_sensor_reappear(run, cloud, monkeypatch):
    shown = []
    monkeypatch.setattr(report.Queue, "hide", lambda _, receipts, seconds: shown.append(receipts))
    run.woken_by([{"ReceiptHandle": "r9"}])
    _fail(run, "plan_batch", RuntimeError("S3 is away"))
    run.call("report")
    assert shown == [["r9"]]
    assert "S3 is away" in cloud.notifications()[0]


def test_a_run_without_a_batch_sends_no_notification(planned, cloud):
    planned.xcoms["plan_batch", "return_value"] = {**PLAN, "batch_id": None, "reason": "nothing waits in raw/"}
    with pytest.raises(AirflowSkipException, match="nothing waits in raw/"):
        planned.call("report")
    assert cloud.notifications() == []


@pytest.mark.parametrize("failed", [True, False])
def test_the_lease_is_released_in_any_case(planned, cloud, failed):
    if failed:
        _fail(planned, "product_etl", ValueError("a"))
    planned.call("report")
    assert lease.show(cloud.s3, cloud.bucket).holder == ""


def test_the_lease_of_another_is_left_alone(planned, cloud):
    lease.release(cloud.s3, cloud.bucket, batch.LIVE)
    lease.acquire(cloud.s3, cloud.bucket, "cli:somebody", 600)
    planned.call("report")
    assert lease.show(cloud.s3, cloud.bucket).holder == "cli:somebody"


def test_the_message_is_sent_last_so_that_a_retry_sends_no_second_one(planned, cloud, monkeypatch):
    def away(_):
        raise RuntimeError("S3 is away")

    monkeypatch.setattr(report, "release", away)
    with pytest.raises(RuntimeError):
        planned.call("report")
    assert cloud.notifications() == []


def test_a_failed_report_sends_a_notification_of_its_own(run, cloud):
    report.notify_missing_report({**run.of("report"), "exception": RuntimeError("no SNS")})
    (notification,) = cloud.notifications()
    assert "its report failed: no SNS" in notification


def test_the_note_of_a_manual_run_is_in_its_report(planned, cloud):
    planned.params["reason"] = "after the fix of ticket 12"
    planned.call("report")
    assert "after the fix of ticket 12" in cloud.notifications()[0]


def test_a_subject_is_what_sns_accepts():
    notification = failure_notification(_facts(), [Failure("é\n" + "x" * 200, "why", "log")])
    assert len(notification.subject) <= 100
    assert notification.subject.isascii()
    assert "\n" not in notification.subject


def _facts(**more):
    return RunFacts(**{"workflow": "ecommerce_lakehouse", "run_id": "r", "plan": PLAN} | more)


def test_strays_are_named_in_the_report():
    notification = success_notification(_facts(unread=Unread(("raw/Orders/a.csv",))), FIGURES, "")
    assert "read by no job:\n  raw/Orders/a.csv (did you mean raw/orders/?)" in notification.body


def test_a_run_without_a_batch_reports_a_stray_once(planned, cloud):
    cloud.put("raw/Orders/alone.csv", "raw/orders/_SUCCESS")
    planned.xcoms["plan_batch", "return_value"] = {**PLAN, "batch_id": None, "reason": "nothing waits in raw/"}
    planned.call("report")
    (notification,) = cloud.notifications()
    assert "raw/Orders/alone.csv (did you mean raw/orders/?)" in notification
    assert "_SUCCESS" not in notification
    planned.run_id = "the next"
    with pytest.raises(AirflowSkipException, match="nothing waits in raw/"):
        planned.call("report")
    assert cloud.notifications() == []


def test_ignored_files_are_listed_once_with_the_next_batch(planned, cloud):
    cloud.put("raw/orders/_SUCCESS", "raw/orders/_temporary/0/part-0.csv")
    planned.call("report")
    assert "2 files in raw/ ignored" in cloud.notifications()[0]
    planned.run_id = "the next"
    planned.call("report")
    assert "ignored" not in cloud.notifications()[0]


def test_a_run_by_date_leaves_strays_to_the_live_ones(planned, cloud, by_date_dag):
    cloud.put("raw/Orders/alone.csv")
    planned.dag = by_date_dag
    planned.call("report")
    assert "raw/Orders" not in cloud.notifications()[0]


def test_columns_that_the_contract_does_not_have_are_reported_once(planned, cloud):
    for name, unknown in (
        ("orders", {"raw/orders/2.csv": ["color"], "raw/orders/1.csv": ["size", "color"]}),
        ("products", {}),
    ):
        summary = json.dumps(staged(attempt=ATTEMPT, unknown=unknown))
        cloud.s3.put_object(Bucket=cloud.bucket, Key=f"staging/{PLAN['batch_id']}/{name}.json", Body=summary)
    planned.call("report")
    (notification,) = cloud.notifications()
    assert (
        "orders: columns that its contract does not have were left out: color, size (2 files, raw/orders/1.csv first)"
        in notification
    )
    assert notification.count("contract does not have") == 1


def test_files_that_were_deleted_before_they_were_read_are_reported(planned, cloud):
    planned.xcoms["archive_etl_files", "return_value"] = {
        "missing": [f"raw/orders/{n:02}.csv" for n in range(10)],
        "missing_count": 1012,
    }
    planned.call("report")
    (notification,) = cloud.notifications()
    assert "Deleted before it was read; nothing of it is loaded: raw/orders/00.csv" in notification
    assert "… and 1,002 more" in notification


def test_withdrawn_and_restored_rows_are_among_the_figures(planned, cloud, monkeypatch):
    figures = [
        {"dataset": "orders", "files": "1", "rows_read": "5", "restored": "1", "withdrawn": "2", "rejected": "2"}
    ]
    monkeypatch.setattr(report, "run_query", lambda *_: QueryResult(figures, "q-figures"))
    planned.call("report")
    (notification,) = cloud.notifications()
    assert "orders: 1 file, 5 rows read: 1 restored, 2 rejected, 2 withdrawn" in notification
    assert "sum(withdrawn)" in figures_sql("b")
    assert "sum(restored)" in figures_sql("b")


# --- what the run cost


class Asked:
    """A Glue with one run a job and one crawl of a minute, and an Athena that has scanned so much for every query."""

    def __init__(self, cloud, run):
        self.s3, self.run, self.queries = cloud.s3, run, []

    def __call__(self, service):
        return self.s3 if service == "s3" else self

    def get_paginator(self, name):
        assert name == "get_job_runs"
        return self

    def paginate(self, **_):
        arguments = {"--batch_id": PLAN["batch_id"]}
        run = {"ExecutionTime": 90, "MaxCapacity": 2.0, "StartedOn": self.run.began, "Arguments": arguments}
        return [{"JobRuns": [run]}]

    def list_crawls(self, **_):
        ended = self.run.began + timedelta(minutes=1)
        return {"Crawls": [{"StartTime": self.run.began, "EndTime": ended, "DPUHour": 0.05}]}

    def get_query_execution(self, QueryExecutionId):  # noqa: N803 - as boto3 calls it
        self.queries.append(QueryExecutionId)
        return {"QueryExecution": {"Statistics": {"DataScannedInBytes": 11 * 1024**2}}}


@pytest.fixture
def aws_usage(planned, cloud, monkeypatch):
    for each in checks():
        planned.xcoms[f"checks.{each.name}", "return_value"] = f"q-{each.name}"
    planned.xcoms["archive_etl_files", "return_value"] = {"archived": 31, "requests": {"writes": 31, "reads": 94}}
    answers = Asked(cloud, planned)
    monkeypatch.setattr(report, "quick", answers)
    return answers


def _cost(notification):
    (line,) = [line for line in notification.splitlines() if line.startswith("Cost:")]
    return line


def _record(cloud):
    body = cloud.s3.get_object(Bucket=cloud.bucket, Key=keys.run_record(PLAN["batch_id"]))["Body"].read()
    return json.loads(body)


def test_the_notification_says_what_the_run_cost_and_its_record_is_written(planned, cloud, aws_usage):
    planned.states["crawl_lakehouse"] = "skipped"
    planned.call("report")
    line = _cost(cloud.notifications()[0])
    assert line.startswith("Cost: $0.0666 (Glue 540 DPU-s $0.0660, Athena 66 MB $0.0003, requests ")
    assert line.endswith(") at prices of 2026-11")
    assert aws_usage.queries == [*(f"q-{each.name}" for each in checks()), "q-figures"]
    record = _record(cloud)
    assert (record["run_id"], record["workflow"]) == ("manual__1", "ecommerce_lakehouse")
    assert (record["job_runs"], record["crawls"], record["queries"], record["unknown"]) == (3, 0, 6, "")
    assert (record["s3_writes"], record["function_calls"], record["state_transitions"]) == (31 + 10 + 2 * 3, 1, 0)
    assert record["started_at"] == f"{planned.began:%Y-%m-%d %H:%M:%S}.{planned.began.microsecond // 1000:03}"


def test_a_run_that_crawled_pays_for_its_crawl(planned, cloud, aws_usage):
    planned.call("report")
    assert "crawler 1,200 DPU-s $0.1467" in _cost(cloud.notifications()[0])


def test_a_repeated_report_leaves_the_record_as_it_is(planned, cloud, aws_usage):
    planned.call("report")
    first = _record(cloud)
    planned.call("report")
    assert _record(cloud) == first


def test_no_run_fails_because_of_its_cost_record(planned, cloud, monkeypatch):
    def away(_service):
        raise RuntimeError("AWS is away")

    monkeypatch.setattr(report, "quick", away)
    planned.call("report")
    line = _cost(cloud.notifications()[0])
    assert line.startswith("Cost: at least $0.0000 (Glue unknown, crawler unknown, Athena unknown, requests unknown, ")
    assert line.endswith("(not recorded)")


def test_a_run_that_did_not_load_a_batch_has_no_record(planned, cloud, aws_usage):
    _fail(planned, "product_etl", ValueError("a"))
    planned.call("report")
    assert "Cost" not in cloud.notifications()[0]
    assert cloud.s3.list_objects_v2(Bucket=cloud.bucket, Prefix=keys.RUNS)["KeyCount"] == 0


# --- lasting trouble


def _earlier(run, *states, minutes=4):
    """Runs of the given states, newest first, each so many minutes long and none apart."""
    now = datetime.now(UTC)
    for back, state in enumerate(states, 1):
        began = now - timedelta(minutes=minutes * (back + 1))
        run.earlier.append(SimpleNamespace(state=state, start_date=began, end_date=began + timedelta(minutes=minutes)))


def _patience(run, cloud, monkeypatch):
    shown = []
    monkeypatch.setattr(report.Queue, "hide", lambda _, receipts, seconds: shown.append(seconds))
    _fail(run, "product_etl", ValueError("a"))
    run.call("report")
    assert f"when the messages reappear in {shown[0]} s" in cloud.notifications()[0]
    return shown[0]


def test_a_first_failure_is_retried_soon(planned, cloud, monkeypatch):
    _earlier(planned, "success")
    assert _patience(planned, cloud, monkeypatch) == 15


def test_a_lasting_failure_is_retried_after_as_long_as_it_lasts(planned, cloud, monkeypatch):
    _earlier(planned, "failed", "failed", "success", "failed")
    assert 12 * 60 <= _patience(planned, cloud, monkeypatch) < 13 * 60


def test_it_is_retried_every_hour_at_least(planned, cloud, monkeypatch):
    _earlier(planned, *["failed"] * 9, minutes=60)
    assert _patience(planned, cloud, monkeypatch) == 3600


# --- the lease


@pytest.mark.parametrize("state", ["running", "deferred", "queued", "up_for_retry", "up_for_reschedule", None])
def test_the_lease_is_kept_while_something_of_the_run_is_still_active(planned, cloud, state):
    planned.states["orders_etl"] = state
    planned.call("report")
    assert lease.show(cloud.s3, cloud.bucket).holder == batch.LIVE


def test_the_reports_own_state_does_not_keep_the_lease(planned, cloud):
    planned.states["report"] = "running"
    planned.call("report")
    assert lease.show(cloud.s3, cloud.bucket).holder == ""


class Glue:
    """Says of one job of the batch in which state its newest run is; or is away."""

    def __init__(self, state=None):
        self.state = state

    def get_job_runs(self, JobName, MaxResults):  # noqa: N803, as boto3 has it
        if self.state is None:
            raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "slow down"}}, "GetJobRuns")
        arguments = {"--batch_id": BATCH}
        runs = [{"Id": "jr_1", "JobRunState": self.state, "Arguments": arguments}] if JobName == "orders_etl" else []
        return {"JobRuns": runs}


@pytest.mark.parametrize("failed", [True, False])
@pytest.mark.parametrize(
    ("state", "holder"), [("RUNNING", batch.LIVE), ("STOPPING", batch.LIVE), (None, batch.LIVE), ("FAILED", "")]
)
def test_the_lease_is_kept_while_glue_runs_a_job_of_the_batch(planned, cloud, monkeypatch, state, holder, failed):
    monkeypatch.setattr(failure, "client", lambda _: Glue(state))
    if failed:
        _fail(planned, "orders_etl", RuntimeError("somebody marked it as failed"))
    planned.call("report")
    assert lease.show(cloud.s3, cloud.bucket).holder == holder


# --- evidence


@pytest.fixture
def marked(planned, cloud):
    """A run that a person marked as successful: it has a batch of which `orders` is not published."""
    open_batch(cloud.s3, cloud.bucket, PLANNED)
    remove_published(cloud.s3, cloud.bucket)
    publish(cloud.s3, cloud.bucket, PLANNED, without=("orders",))
    return planned


def test_a_run_that_was_marked_successful_is_no_success_without_evidence(marked, cloud, figures, monkeypatch):
    shown = []
    monkeypatch.setattr(report.Queue, "hide", lambda _, receipts, seconds: shown.append(seconds))
    marked.call("report")
    (notification,) = cloud.notifications()
    assert "loaded, archived and checked" not in notification
    for text in (
        "Run manual__1 of ecommerce_lakehouse ended without a failed step, but its batch is not finished.",
        f"Found:    batch {BATCH} is not published: orders: the ledger has no part of its 1 delivery",
        "Resume:   ledgerlake run --wait resumes the batch and runs its jobs again "
        "(or, in Airflow, clear orders_etl with the tasks after it)",
        "The batch stays open: the next run resumes it automatically, when the messages reappear in 15 s.",
    ):
        assert text in notification
    assert shown == [15]
    assert figures == {("RunsFailed", None): 1}
    assert cloud.s3.list_objects_v2(Bucket=cloud.bucket, Prefix=keys.RUNS)["KeyCount"] == 0


def test_a_finished_batch_that_nobody_closed_is_no_success(planned, cloud):
    open_batch(cloud.s3, cloud.bucket, PLANNED)
    planned.call("report")
    (notification,) = cloud.notifications()
    assert f"Found:    batch {BATCH} is published and archived, but was not closed" in notification
    assert "ledgerlake run --wait resumes the batch, changes nothing in it, and closes it" in notification


def test_a_quarantined_batch_is_reported_also_when_the_run_was_marked_successful(marked, cloud):
    quarantine.set_aside(cloud.s3, cloud.bucket, BATCH, WHY)
    marked.call("report")
    (notification,) = cloud.notifications()
    assert f"Batch {BATCH} (31 deliveries) is in quarantine" in notification
    assert "300 of 400 rows were rejected" in notification


# --- checks

BROKEN = [{"dataset": "orders", "offending": "17", "detail": "2 rows of one key"}]


@pytest.fixture
def observe_failure(planned, cloud):
    """observe_failure(run_id?) lets that run, or this one, have seen a check fail."""

    def observed(run_id=planned.run_id, rows=BROKEN):
        check_failures.observe(
            cloud.s3, cloud.bucket, check("primary_keys_unique"), rows, run_id=run_id, batch_id=BATCH
        )

    return observed


@pytest.mark.parametrize("state", ["failed", "success"])
def test_a_failed_check_is_reported_with_keys_and_figures_also_when_marked(
    planned, cloud, observe_failure, figures, state
):
    observe_failure()
    if state == "failed":
        _fail(planned, "checks.primary_keys_unique", CheckFailed("orders: not true"))
    planned.call("report")
    (notification,) = cloud.notifications()
    for text in (
        f"Batch {BATCH}: 31 deliveries loaded and archived, but not every check has passed.",
        "Task:    checks.primary_keys_unique",
        "Dataset: orders\n",
        "not true that every key has one row: 1 row: 17 (2 rows of one key)",
        "orders: 15 files, 7,500 rows read: 7,490 inserted, 10 rejected",
        "The batch is closed, and nothing waits for this",
        "docs/trouble/a-check-failed.md",
        "Cost:",
    ):
        assert text in notification
    assert "messages reappear" not in notification
    assert figures == {("RunsFailed", None): 1, ("RowsRead", "orders"): 7500, ("RowsRejected", "orders"): 10}
    assert lease.show(cloud.s3, cloud.bucket).holder == ""


def test_a_failure_that_is_open_since_an_earlier_run_is_in_the_success_of_this_one(planned, cloud, observe_failure):
    observe_failure("scheduled__0")
    planned.states["checks.primary_keys_unique"] = "skipped"
    planned.call("report")
    (notification,) = cloud.notifications()
    assert "31 deliveries loaded, archived and checked; some checks still fail." in notification
    assert "Check still open since" in notification
    assert "17 (2 rows of one key)" in notification


def test_a_check_that_passes_again_is_reported(planned, cloud, observe_failure):
    observe_failure("scheduled__0")
    observe_failure(rows=[])
    planned.call("report")
    (notification,) = cloud.notifications()
    assert "Check primary_keys_unique of orders passes again; it had failed since" in notification


def test_a_check_whose_query_failed_is_reported_and_its_batch_closed(planned, cloud, figures):
    _fail(planned, "checks.references_hold", AirflowException("Athena query q is FAILED: away"))
    planned.call("report")
    (notification,) = cloud.notifications()
    assert "Reason:  Athena query q is FAILED: away" in notification
    assert "A check whose query failed runs again in the next run." in notification
    assert figures["RunsFailed", None] == 1


# --- quarantine

WHY = "orders_etl FAILED: QualityError: orders: 300 of 400 rows were rejected, by total_not_negative 300"


@pytest.fixture
def quarantined(run, cloud):
    """A run whose job has set the batch aside; its messages are hidden."""
    for name in DATASETS:
        cloud.load(name)
    cloud.deliver("raw/orders/1.csv", "raw/orders/2.csv")
    plan = run.call("plan_batch")
    run.states.update({task_id: "upstream_failed" for task_id in run.dag.task_ids})
    quarantine.set_aside(cloud.s3, cloud.bucket, plan["batch_id"], WHY)
    _fail(run, "orders_etl", BatchQuarantined(WHY))
    return run


def test_a_quarantine_is_one_notification_with_counts_and_the_accepting_command(quarantined, cloud):
    quarantined.call("report")
    (notification,) = cloud.notifications()
    batch_id = quarantined.xcoms["plan_batch", "return_value"]["batch_id"]
    assert f"Batch {batch_id} (2 deliveries) is in quarantine" in notification
    assert "300 of 400 rows were rejected, by total_not_negative 300" in notification
    assert f"ledgerlake accept {batch_id}" in notification
    assert "ledgerlake run --wait" not in notification


def test_the_messages_of_a_quarantined_batch_are_deleted(quarantined, cloud):
    quarantined.call("report")
    assert (cloud.visible(), cloud.hidden()) == (0, 0)
    assert lease.show(cloud.s3, cloud.bucket).holder == ""


def test_a_file_that_landed_while_the_batch_was_set_aside_wakes_the_next_run(quarantined, cloud):
    cloud.put("raw/orders/3.csv")
    quarantined.call("report")
    assert cloud.visible() == 1


def test_a_quarantine_of_a_run_by_date_leaves_the_queue_alone(by_date, cloud):
    for name in DATASETS:
        cloud.load(name)
    cloud.deliver("raw/orders/2025-04-01.csv")
    plan = by_date.call("plan_batch")
    quarantine.set_aside(cloud.s3, cloud.bucket, plan["batch_id"], WHY)
    _fail(by_date, "orders_etl", BatchQuarantined(WHY))
    by_date.call("report")
    assert f"Batch {plan['batch_id']} (1 delivery of 2025-04-01) is in quarantine" in cloud.notifications()[0]
    assert cloud.visible() == 1


# --- runs by date


@pytest.fixture
def dated(by_date, cloud, monkeypatch):
    monkeypatch.setattr(report, "run_query", lambda *_: QueryResult(FIGURES, "q-figures"))
    _done(cloud)
    by_date.xcoms["plan_batch", "return_value"] = PLAN
    by_date.xcoms["plan_batch", "dates"] = ["2025-04-01", "2025-04-03"]
    by_date.states.update({task_id: "success" for task_id in by_date.dag.task_ids})
    return by_date


def test_the_notification_of_a_run_by_date_names_its_days(dated, cloud):
    dated.call("report")
    (notification,) = cloud.notifications()
    assert "31 deliveries of 2025-04-01 to 2025-04-03 loaded, archived and checked" in notification


def test_one_day_is_named_once():
    notification = success_notification(_facts(dates=("2025-04-01", "2025-04-01")), FIGURES, "")
    assert "31 deliveries of 2025-04-01 loaded" in notification.subject


def test_a_failed_run_by_date_names_the_commands_that_resume_it(dated, cloud):
    _fail(dated, "orders_etl", RuntimeError("a"))
    dated.call("report")
    (notification,) = cloud.notifications()
    assert "ecommerce_lakehouse_by_date, for the deliveries of 2025-04-01 to 2025-04-03, failed" in notification
    assert "clear the failed task in Airflow" in notification
    assert "ledgerlake backfill --from 2025-04-01 --to 2025-04-03" in notification
    assert "messages reappear" not in notification


def test_an_invalid_form_is_reported_with_its_reason(by_date, cloud):
    by_date.run_type = "manual"
    by_date.request(**{"from": "2025-04-05", "to": "2025-04-01"})
    with pytest.raises(FormError) as refused:
        by_date.call("plan_batch")
    _fail(by_date, "plan_batch", refused.value)
    by_date.call("report")
    (notification,) = cloud.notifications()
    assert "from 2025-04-05 to 2025-04-01" in notification
    assert "start another run" in notification
    assert "ledgerlake backfill" not in notification


def test_only_its_own_report_releases_the_lease_of_a_run_by_date(dated, cloud):
    own = lease_wait.holder_of(dated.of("report"))
    lease.acquire(cloud.s3, cloud.bucket, f"{own}-of-another", 600)
    dated.call("report")
    assert lease.show(cloud.s3, cloud.bucket).holder == f"{own}-of-another"
    lease.release(cloud.s3, cloud.bucket, f"{own}-of-another")
    lease.acquire(cloud.s3, cloud.bucket, own, 600)
    dated.call("report")
    assert lease.show(cloud.s3, cloud.bucket).holder == ""


@pytest.fixture
def figures(monkeypatch):
    """The published metrics: (metric, dataset) → sum."""
    published = {}

    class CloudWatch:
        def put_metric_data(self, Namespace, MetricData):  # noqa: N803, as boto3 has it
            for each in MetricData:
                dataset = next((named["Value"] for named in each.get("Dimensions", [])), None)
                published[each["MetricName"], dataset] = published.get((each["MetricName"], dataset), 0) + each["Value"]

    monkeypatch.setattr(report, "cloudwatch", CloudWatch)
    return published


def test_a_success_and_its_rows_are_published_as_metrics(planned, figures):
    planned.call("report")
    assert figures == {("RunsSucceeded", None): 1, ("RowsRead", "orders"): 7500, ("RowsRejected", "orders"): 10}


def test_a_failure_is_published_as_a_metric_and_an_empty_run_is_not(planned, figures):
    planned.xcoms["plan_batch", "return_value"] = {**PLAN, "batch_id": None}
    with pytest.raises(AirflowSkipException):
        planned.call("report")
    assert figures == {}
    _fail(planned, "product_etl", ValueError("a"))
    planned.call("report")
    assert figures == {("RunsFailed", None): 1}


def test_a_report_whose_process_ended_is_published_as_a_failure(planned, figures):
    report.notify_missing_report(planned.of("report"))
    assert figures == {("RunsFailed", None): 1}


@pytest.mark.parametrize("failed", [False, True], ids=["success", "failure"])
def test_a_rejected_notification_fails_the_report_last_and_a_retry_sends_it(
    planned, cloud, figures, monkeypatch, failed
):
    if failed:
        _fail(planned, "product_etl", ValueError("a"))
    own = lease_wait.holder_of(planned.of("report"))
    lease.release(cloud.s3, cloud.bucket, batch.LIVE)
    lease.acquire(cloud.s3, cloud.bucket, own, 600)

    class Refusing:
        def publish(self, **_):
            raise ClientError({"Error": {"Code": "InvalidParameter", "Message": "Message too long"}}, "Publish")

    with monkeypatch.context() as refused:
        refused.setattr(report, "client", lambda name: Refusing() if name == "sns" else cloud.s3)
        with pytest.raises(ClientError, match="Message too long"):
            planned.call("report")
    assert cloud.notifications() == []
    assert lease.show(cloud.s3, cloud.bucket).holder == ""
    assert figures["RunsFailed" if failed else "RunsSucceeded", None] == 1
    assert cloud.s3.list_objects_v2(Bucket=cloud.bucket, Prefix="runs/")["KeyCount"] == (0 if failed else 1)
    planned.call("report")
    (notification,) = cloud.notifications()
    assert ("Task:    product_etl" if failed else "31 deliveries loaded, archived and checked") in notification


def test_the_notification_is_sent_also_when_metrics_cannot_be_published(planned, cloud, monkeypatch):
    def away():
        raise RuntimeError("CloudWatch is away")

    monkeypatch.setattr(report, "cloudwatch", away)
    planned.call("report")
    assert "31 deliveries loaded" in cloud.notifications()[0]
