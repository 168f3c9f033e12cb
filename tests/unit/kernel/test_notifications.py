"""Notifications of both orchestrators are alike, except for the lines that must differ."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import replace

import pytest
from control_objects import NOW, summary

from ledgerlake import keys, names
from ledgerlake.errors import NotPublished
from ledgerlake.planning.stages import blank_rows, summaries, unknown_columns
from ledgerlake.planning.unread import Unread
from ledgerlake.reporting import failures, message_size
from ledgerlake.reporting.check_failures import CheckFailure, Observed
from ledgerlake.reporting.failure_notification import (
    checks_notification,
    dead_execution_notification,
    failure_notification,
    missing_report_notification,
    quarantine_notification,
    unfinished_notification,
)
from ledgerlake.reporting.failures import Failure
from ledgerlake.reporting.notification import Notification
from ledgerlake.reporting.run_facts import AIRFLOW, STEP_FUNCTIONS, RunFacts, missing_files
from ledgerlake.reporting.success_notification import figures_sql, stray_files_notification, success_notification
from ledgerlake_serverless.state_failures import failure_of

PLAN = {"batch_id": "20250401T000000Z-abc", "datasets": ["orders"], "deliveries": 31, "strays": 1}
FIGURES = [{"dataset": "orders", "files": "15", "rows_read": "7500", "inserted": "7490", "rejected": "10"}]
RUNS = {
    "live": ({}, ("ecommerce_lakehouse", "manual__1")),
    "by date": (
        {"live": False, "dates": ("2025-04-01", "2025-04-15")},
        ("ecommerce_lakehouse_by_date", "backfill__1"),
    ),
    "refused": ({"live": False, "plan": {}}, ("ecommerce_lakehouse_by_date", "manual__1")),
}


def facts_of_both(run):
    more, (dag, run_id) = RUNS[run]
    more = {"plan": PLAN, "missing": ("raw/orders/gone.csv",), "missing_count": 1, "note": "ticket 12"} | more
    return (
        RunFacts(dag, run_id, **more),
        RunFacts(names.STATE_MACHINE, "e-1", **more, wording=STEP_FUNCTIONS),
    )


def differing(one, other):
    """Return the lines in which two notifications differ, as pairs."""
    assert one.title == other.title
    pairs = zip(one.body.splitlines(), other.body.splitlines(), strict=True)
    return [pair for pair in pairs if pair[0] != pair[1]]


FAILED = [
    (
        Failure("orders_etl", failures.job_reason("orders_etl", {"JobRunState": "FAILED", "ErrorMessage": "E"},
                                                  "j", ""), "http://airflow"),
        {"state": "orders_etl", "error": "States.TaskFailed", "cause": json.dumps(
            {"JobName": "orders_etl", "Id": "j", "JobRunState": "FAILED", "ErrorMessage": "E"})},
    ),
]  # fmt: skip


@pytest.mark.parametrize("run", ["live", "by date"])
def test_a_success_is_reported_in_the_same_lines(run):
    one, other = (success_notification(facts, FIGURES, "Athena is away") for facts in facts_of_both(run))
    assert differing(one, other) == []


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize(("task", "state"), FAILED, ids=["job"])
def test_a_failure_differs_only_in_names_logs_and_commands(run, task, state):
    airflow, states = facts_of_both(run)
    one = failure_notification(airflow, [task], 15)
    other = failure_notification(states, [failure_of(state, "https://console")], 15)
    differ = differing(one, other)
    assert differ[0] == (
        f"Run {airflow.run_id} of {airflow.workflow}{airflow.days and f', for the deliveries{airflow.days},'} failed.",
        f"Run e-1 of EcommerceETLPipeline{airflow.days and f', for the deliveries{airflow.days},'} failed.",
    )
    assert differ[1] == ("Log:     http://airflow", "Log:     https://console")
    at_once = "To resume at once:     "
    assert (
        differ[2:]
        == {
            "live": [
                ("To see what happened:  ledgerlake logs", "To see what happened:  ledgerlake executions"),
                (f"{at_once}ledgerlake run --wait", f"{at_once}ledgerlake run --orchestrator step_functions"),
            ],
            "by date": [
                (
                    "The batch stays open: the next run of ecommerce_lakehouse resumes it.",
                    "The batch stays open: the next run of EcommerceETLPipeline resumes it.",
                ),
                (
                    f"{at_once}clear the failed task in Airflow, with those after it",
                    f"{at_once}ledgerlake run --orchestrator step_functions",
                ),
            ],
            "refused": [
                (
                    "Nothing was started. Next step: start another run, with a form that is valid.",
                    "Nothing was started. Next step: start another run, with an input that is valid.",
                )
            ],
        }[run]
    )


@pytest.mark.parametrize("run", ["live", "by date"])
def test_a_quarantine_differs_only_in_the_log(run):
    one, other = (
        quarantine_notification(facts, [Failure("orders_etl", "too many", log)])
        for facts, log in zip(facts_of_both(run), ("http://airflow", "https://console"), strict=True)
    )
    assert differing(one, other) == [("Log:     http://airflow", "Log:     https://console")]


@pytest.mark.parametrize("run", ["live", "by date"])
def test_a_failed_check_differs_only_in_the_log_and_the_command(run):
    one, other = (
        checks_notification(facts, [Failure("checks.references_hold", "7 is not there", log)], FIGURES, "")
        for facts, log in zip(facts_of_both(run), ("http://airflow", "https://console"), strict=True)
    )
    assert differing(one, other) == [
        ("Log:     http://airflow", "Log:     https://console"),
        tuple(f"To run all checks again:      {wording.reprocess}, for any day with deliveries" for wording in
              (AIRFLOW, STEP_FUNCTIONS)),
    ]  # fmt: skip


@pytest.mark.parametrize("run", ["live", "by date"])
def test_an_unfinished_batch_is_reported_with_the_finding_and_the_remedy(run):
    missing = NotPublished("orders: no part", expected="the ledger to cover it", remedy="ledgerlake run --wait")
    one, other = (unfinished_notification(facts, missing, 15) for facts in facts_of_both(run))
    assert "Found:    orders: no part\nExpected: the ledger to cover it\nResume:   ledgerlake run --wait\n" in one.body
    assert one.subject == other.subject
    assert one.subject.startswith("Ledgerlake: NOT FINISHED 20250401T000000Z-abc")


@pytest.mark.parametrize("response", [None, {}, {"missing": []}, {"missing": [], "missing_count": 0}], ids=str)
def test_no_deleted_files_are_reported_where_the_archive_counted_none(response):
    assert missing_files(response) == {"missing": (), "missing_count": 0}


def test_an_older_response_of_the_archive_that_names_all_deleted_files_is_counted():
    keys = [f"raw/orders/{number}.csv" for number in range(12)]
    assert missing_files({"missing": keys}) == {"missing": tuple(keys[:10]), "missing_count": 12}


def test_of_many_unknown_columns_ten_are_named_and_the_others_counted():
    keys = {
        f"raw/orders/{file:03}.csv": [f"column_{file:03}_{number:02}_{'x' * 90}" for number in range(50)]
        for file in range(500)
    }
    notification = success_notification(RunFacts("d", "r", plan=PLAN, unknown={"orders": keys}), FIGURES, "")
    (line,) = (each for each in notification.body.splitlines() if "contract does not have" in each)
    assert line.count("column_000_") == 10
    assert line.endswith(", and 24,990 more (500 files, raw/orders/000.csv first)")
    assert len(line) < 2000


HUGE = {
    "ascii": "x" * 300,
    "of two bytes": "\u00fc" * 300,
    "of four bytes": "\U0001f4a5" * 300,
    "quoted": '"\\' * 150,
}


@pytest.mark.parametrize("text", HUGE.values(), ids=HUGE)
@pytest.mark.parametrize(("batch", "step"), [("b-1", "ledgerlake ledger b-1"), ("", "ledgerlake status")])
def test_a_notification_never_exceeds_the_limit_of_sns_and_says_what_was_cut(text, batch, step):
    lines = [f"{number}: {text}" for number in range(2000)]
    notification = Notification.of("x" * 300, lines, batch)
    assert len((notification.subject + notification.body).encode()) <= 262_144
    assert len(json.dumps([notification.subject, notification.body])) <= 200_000, "it has to pass between two states"
    *kept, last = notification.body.split("\n")
    assert kept == lines[: len(kept)], "cut at a whole line"
    assert last == f"… and {2000 - len(kept):,} more lines; next step: {step}"
    assert len(kept) > 40


def test_a_single_line_that_is_too_long_is_cut_and_those_after_it_are_kept():
    notification = failure_notification(
        RunFacts("d", "r", plan=PLAN, note="n" * 300_000), [Failure("orders_etl", "x" * 300_000, "l")]
    )
    assert len(notification.body) < 50_000
    assert "\nLog:     l\n" in notification.body
    assert "To resume at once:" in notification.body
    assert "more lines" not in notification.body


def test_a_notification_of_an_ordinary_size_is_not_cut():
    lines = [f"{number}: {'x' * 300}" for number in range(400)]
    assert Notification.of("t", lines, "b-1").body == "\n".join(lines)


@pytest.mark.parametrize("orchestrator", [0, 1])
def test_every_notification_of_a_batch_that_is_cut_names_the_ledger(orchestrator, monkeypatch):
    monkeypatch.setattr(message_size, "MOST", 500)
    facts = facts_of_both("live")[orchestrator]
    failed = [Failure("orders_etl", "why", "log")]
    missing = NotPublished("orders: no part", expected="the ledger to cover it", remedy="ledgerlake run --wait")
    for each in (
        success_notification(facts, FIGURES * 20, ""),
        failure_notification(facts, failed * 20),
        quarantine_notification(facts, failed * 20),
        checks_notification(facts, failed * 20, FIGURES, ""),
        unfinished_notification(facts, missing),
        missing_report_notification(facts, "x" * 900, "log"),
    ):
        assert each.body.endswith(f"more lines; next step: ledgerlake ledger {facts.batch_id}")


def test_a_dropped_batch_is_reported_with_its_reason():
    notification = success_notification(RunFacts("d", "r", plan=PLAN, dropped="the wrong file"), FIGURES, "")
    assert notification.body.startswith(
        "Batch 20250401T000000Z-abc: 31 deliveries dropped (the wrong file), archived and checked."
    )


def test_a_run_without_a_report_names_its_log():
    notification = missing_report_notification(RunFacts("ecommerce_lakehouse", "manual__1"), "no SNS", "http://log")
    assert (
        "Run manual__1 of ecommerce_lakehouse has ended, but its report failed: no SNS\nLog: http://log"
        in notification.body
    )


def test_a_subject_is_what_sns_accepts():
    notification = failure_notification(RunFacts("x", "r", plan=PLAN), [Failure("\u00e9\n" + "x" * 200, "why", "log")])
    assert len(notification.subject) == 100
    assert notification.subject.isascii()
    assert "\n" not in notification.subject


def test_a_failure_has_the_dataset_of_its_job():
    assert Failure("order_items_etl", "why", "log").dataset == "order_items"
    assert Failure("ArchiveETLFiles", "why", "log").dataset == ""


def test_the_wording_of_the_orchestrators_differs_in_everything():
    assert not set(vars(AIRFLOW).values()) & set(vars(STEP_FUNCTIONS).values())


def test_the_figures_are_grouped_by_dataset():
    assert "count(*) AS files, sum(rows_read) AS rows_read" in figures_sql("b-1")
    assert "WHERE batch_id = 'b-1' GROUP BY dataset" in figures_sql("b-1")


def test_unknown_columns_are_those_that_the_jobs_wrote_down(s3):
    for name, unknown in (("orders", {"raw/orders/1.csv": ["color"]}), ("products", {})):
        s3.put_object(Bucket="lake", Key=keys.stage_summary("b-1", name), Body=json.dumps(summary(unknown=unknown)))
    assert unknown_columns(summaries(s3, "lake", "b-1")) == {"orders": {"raw/orders/1.csv": ["color"]}}


HOSTILE = "raw/orders/a\nTask:    forged\r\u2028Reason:  forged\x1b[31m\u202e\u200b\x9b\ud800.csv"


def hostile_facts():
    """Return facts of both orchestrators, with hostile keys, columns and note."""
    more = {"plan": PLAN, "missing": (HOSTILE,), "unknown": {"orders": {HOSTILE: [HOSTILE]}}, "note": HOSTILE}
    key = HOSTILE.replace("\ud800", "")  # of S3: it has no such keys
    more["unread"] = Unread(strays=(key,), ignored=(key,))
    return RunFacts("dag", HOSTILE, **more), RunFacts(names.STATE_MACHINE, HOSTILE, **more, wording=STEP_FUNCTIONS)


def test_no_text_of_a_producer_acts_in_a_notification_or_forges_a_line():
    check = CheckFailure("references_hold", "orders", "parents are there", NOW, "b-1", "r-1", 1, (HOSTILE,))
    state = {"state": "orders_etl", "error": HOSTILE, "cause": HOSTILE}
    failed = [Failure(check.step, check.finding, HOSTILE), failure_of(state, HOSTILE)]
    for facts in hostile_facts():
        checked = replace(facts, checks=Observed(still=(check,), closed=(check,)))
        sent = (
            success_notification(checked, FIGURES, HOSTILE, HOSTILE),
            checks_notification(checked, failed, FIGURES, HOSTILE),
            failure_notification(facts, failed),
            quarantine_notification(facts, failed),
            missing_report_notification(facts, HOSTILE, HOSTILE),
            dead_execution_notification(HOSTILE, HOSTILE, HOSTILE),
            stray_files_notification(facts.unread),
            Notification.of(HOSTILE, [HOSTILE]),
        )
        for each in sent:
            acting = [c for c in each.body if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") and c != "\n"]
            assert acting == []
            assert [line for line in each.body.splitlines() if "forged" in line.partition("/")[0]] == []
            assert each.subject.isprintable()
            assert each.subject.isascii()


def test_skipped_blank_rows_are_those_that_the_jobs_counted(s3):
    found = {"raw/orders/1.csv": 40, "raw/orders/2.csv": 2}
    body = json.dumps(summary(blank_rows=found))
    s3.put_object(Bucket="lake", Key=keys.stage_summary("b-1", "orders"), Body=body)
    assert blank_rows(summaries(s3, "lake", "b-1")) == {"orders": found}


@pytest.mark.parametrize("orchestrator", [0, 1])
def test_a_success_says_how_many_blank_rows_were_skipped(orchestrator):
    found = {"orders": {"raw/orders/1.csv": 40}, "products": {"raw/products/1.csv": 1, "raw/products/2.csv": 1000}}
    body = success_notification(replace(facts_of_both("live")[orchestrator], blank_rows=found), FIGURES, "").body
    assert "\norders: 40 blank rows skipped in raw/orders/1.csv\n" in body
    assert "\nproducts: 1,001 blank rows skipped in 2 files, raw/products/1.csv first\n" in body
