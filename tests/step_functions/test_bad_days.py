"""Executions in which something fails: one notification names it, the lease is released, and a retry follows."""

import json
import threading
import time

import pytest

from ledgerlake.contracts import DATASETS
from ledgerlake.intake import messages
from ledgerlake.tables.checks import checks
from tests.step_functions.conftest import ARCHIVE, BATCH, FAILED_REPORT, PLAN, REPORT, Throw, job, payload, query

pytestmark = pytest.mark.slow

DIFFERS = payload({"differences": ["orders is not in ecommerce_dwh"]})
JOB_RUN = json.dumps({"Id": "jr_7", "JobName": "orders_etl", "JobRunState": "FAILED", "ErrorMessage": "disk full"})


def the_failure(done) -> list:
    """Return the failures that ReportETLRun received, once."""
    return done.payload("ReportFailure")["failed"]


def assert_told_and_looked_after(done) -> None:
    """Expect one report, which releases the lease, then one notification, then a delayed message, then the end."""
    tail = [state for state in done.states if state.startswith(("Report", "Notify", "Try", "Look"))]
    assert tail[-3:] == ["ReportFailure", "NotifyFailure", "TryAgainLater"]
    assert done.states.count("ReportFailure") == 1
    assert done.notifications == [
        {"TopicArn": "topic", "Subject": FAILED_REPORT["subject"], "Message": FAILED_REPORT["message"]}
    ]
    assert done.asked("TryAgainLater")["DelaySeconds"] == FAILED_REPORT["again_in_seconds"]
    message = messages.read(json.dumps(done.asked("TryAgainLater")["MessageBody"]))
    assert message is not None
    assert message.text.endswith(" failed, and is tried again")
    assert done.status == "FAILED"


@pytest.mark.parametrize(
    ("state", "answers", "not_reached"),
    [
        ("PlanBatch", {}, "product_etl"),
        ("product_etl", {}, "order_items_etl"),
        ("orders_etl", {}, "order_items_etl"),
        ("order_items_etl", {}, "ArchiveETLFiles"),
        ("ArchiveETLFiles", {}, "CheckCatalogue"),
        ("CheckCatalogue", {}, "RunCheck"),
        ("StartCrawler", {"CheckCatalogue": DIFFERS}, "GetCrawler"),
        ("GetCrawler", {"CheckCatalogue": DIFFERS}, "RunCheck"),
        ("ReportRun", {}, "NotifyRun"),
    ],
)
def test_a_state_that_fails_ends_the_run_with_one_notification_that_names_it(run, state, answers, not_reached):
    done = run(**answers, **{state: Throw("Some.Error", "what happened")})
    assert the_failure(done) == [{"state": state, "error": "Some.Error", "cause": "what happened"}]
    assert done.states.count(state) == 1
    assert not_reached not in done.states
    assert_told_and_looked_after(done)
    assert done.execution["error"] == "Some.Error"
    assert done.execution["cause"] == f"{state}: Some.Error: what happened"


def test_the_report_of_a_failure_knows_as_much_of_the_run_as_there_was(run):
    early = run({"batch_id": BATCH, "reason": "a try"}, PlanBatch=Throw("SelectionError", "no such day"))
    facts = early.payload("ReportFailure")
    assert (facts["plan"], facts["archive"], facts["reason"]) == (None, None, "a try")
    assert facts["execution"] == early.execution["name"]
    late = run(CheckCatalogue=Throw("Some.Error")).payload("ReportFailure")
    assert (late["plan"], late["archive"], late["reason"]) == (PLAN, ARCHIVE, "")


def test_a_job_that_failed_is_started_again_and_nobody_hears_of_it(run):
    done = run(orders_etl=[Throw("States.TaskFailed", JOB_RUN), Throw("States.TaskFailed", "{}"), job])
    assert done.states.count("orders_etl") == 3
    assert done.execution["status"] == "SUCCEEDED"


def test_a_job_that_has_set_its_batch_aside_is_not_started_again(run):
    cause = json.dumps({"JobName": "orders_etl", "ErrorMessage": "QualityError: 9 of 10 rows were rejected"})
    done = run(orders_etl=Throw("States.TaskFailed", cause))
    assert done.states.count("orders_etl") == 1
    assert_told_and_looked_after(done)


def test_a_job_that_cannot_be_started_at_all_is_not_started_again(run):
    done = run(orders_etl=Throw("Glue.EntityNotFoundException", "no such job"))
    assert done.states.count("orders_etl") == 1
    assert_told_and_looked_after(done)


def test_a_job_that_fails_again_and_again_is_handed_on_as_glue_describes_it(run):
    done = run(orders_etl=Throw("States.TaskFailed", JOB_RUN))
    assert done.states.count("orders_etl") == 3, "its first try and two more"
    assert the_failure(done) == [{"state": "orders_etl", "error": "States.TaskFailed", "cause": JOB_RUN}]
    assert_told_and_looked_after(done)
    assert done.execution["error"] == "TaskFailed", "names that begin with States. are not ours"


def test_a_failed_parent_lets_its_sibling_end_its_work_before_the_lease_is_given_back(run):
    ended = threading.Event()

    def slowly(arguments):
        time.sleep(0.5)
        ended.set()
        return job(arguments)

    done = run(product_etl=Throw("States.TaskFailed", "{}"), orders_etl=slowly)
    assert ended.is_set()
    assert [each["state"] for each in the_failure(done)] == ["product_etl"]
    assert "order_items_etl" not in done.states
    assert_told_and_looked_after(done)


def test_two_parents_that_fail_stand_in_one_notification(run):
    done = run(product_etl=Throw("States.TaskFailed", "{}"), orders_etl=Throw("States.TaskFailed", JOB_RUN))
    assert [each["state"] for each in the_failure(done)] == ["product_etl", "orders_etl"]
    assert_told_and_looked_after(done)


def test_siblings_work_at_the_same_time(run, counts):
    def busy(arguments):
        with counts:
            time.sleep(0.3)
        return job(arguments)

    run(**{dataset.job: busy for dataset in DATASETS.values()})
    assert counts.most == 2


CHECK_FAILED = {"state": "checks.primary_keys_unique", "error": "CheckFailed", "cause": "orders: 7 (2 rows of one key)"}
NOT_FINISHED = {"state": "Report", "error": "NotPublished", "cause": "batch b is not published"}


def test_a_run_whose_report_names_a_failed_check_fails_and_is_not_tried_again(run):
    done = run(ReportRun=payload(REPORT | {"failures": [CHECK_FAILED]}))
    assert done.states[-3:] == ["ReportRun", "NotifyRun", "LookAgainAfterFailure"]
    assert "ReportFailure" not in done.states, "the batch is closed"
    assert len(done.notifications) == 1
    assert (done.status, done.execution["error"]) == ("FAILED", "CheckFailed")
    assert done.execution["cause"] == "checks.primary_keys_unique: CheckFailed: orders: 7 (2 rows of one key)"


def test_a_run_that_is_not_finished_fails_and_is_tried_again(run):
    done = run(ReportRun=payload(REPORT | {"failures": [NOT_FINISHED, CHECK_FAILED], "again_in_seconds": 30}))
    assert done.states[-3:] == ["ReportRun", "NotifyRun", "TryAgainLater"]
    assert done.asked("TryAgainLater")["DelaySeconds"] == 30
    assert (done.status, done.execution["error"]) == ("FAILED", "NotPublished")


def test_a_check_that_cannot_be_asked_is_reported_under_its_own_name_and_the_others_are_asked(run):
    def answer(arguments):
        if "references_hold" in str(query(arguments)):
            return Throw("States.TaskFailed", "TABLE_NOT_FOUND")
        return query(arguments)

    done = run(RunCheck=answer)
    asked = {each.get("check") or each["state"]: each for each in done.payload("ReportRun")["checks"]}
    assert list(asked) == [each.name for each in checks()]
    failed = {"state": "references_hold", "error": "States.TaskFailed", "cause": "TABLE_NOT_FOUND"}
    assert asked["references_hold"] == failed
    assert [name for name, each in asked.items() if "query" not in each] == ["references_hold"]
    assert done.states.count("RunCheck") == len(checks())


def test_a_crawler_that_does_not_end_is_given_up_after_a_quarter_of_an_hour(run):
    done = run(CheckCatalogue=DIFFERS, GetCrawler={"Crawler": {"State": "RUNNING"}})
    assert done.states.count("GetCrawler") == 900 // 20
    (failed,) = the_failure(done)
    assert (failed["state"], failed["error"]) == ("GetCrawler", "CrawlTooLong")
    assert "is not ready after 900 s" in failed["cause"]
    assert_told_and_looked_after(done)


def test_a_crawl_that_fails_fails_the_run(run):
    crawl = {"Status": "FAILED", "ErrorMessage": "no permission"}
    done = run(CheckCatalogue=DIFFERS, GetCrawler={"Crawler": {"State": "READY", "LastCrawl": crawl}})
    (failed,) = the_failure(done)
    assert failed["error"] == "CrawlFailed"
    assert failed["cause"] == "the crawl of ecommerce-lakehouse-crawler is FAILED: no permission"
    assert_told_and_looked_after(done)


@pytest.mark.parametrize("quarantined", [True, False], ids=["quarantined", "by date"])
def test_when_no_message_is_to_come_back_raw_is_looked_at_at_once(run, quarantined):
    report = FAILED_REPORT | {"again_in_seconds": None, "quarantined": quarantined}
    done = run(orders_etl=Throw("States.TaskFailed", JOB_RUN), ReportFailure=payload(report))
    assert done.states[-3:] == ["ReportFailure", "NotifyFailure", "LookAgainAfterFailure"]
    assert (done.status, done.execution["error"]) == ("FAILED", "TaskFailed")


def test_a_report_that_fails_is_told_with_what_failed_before_it(run):
    done = run(orders_etl=Throw("Some.Error", "disk full"), ReportFailure=Throw("KeyError", "no plan"))
    (notification,) = done.notifications
    assert notification["Subject"] == "Ledgerlake: an execution ended without its report"
    assert done.execution["name"] in notification["Message"]
    assert "ReportFailure: KeyError: no plan" in notification["Message"]
    assert "orders_etl: Some.Error: disk full" in notification["Message"]
    assert done.states[-1] == "NotifyWithoutReport"
    assert (done.status, done.execution["error"]) == ("FAILED", "Some.Error")


def test_a_notification_that_is_lost_after_a_check_failed_names_the_check(run):
    refused = Throw("SNS.NotFoundException", "no topic")
    done = run(ReportRun=payload(REPORT | {"failures": [CHECK_FAILED]}), NotifyRun=refused)
    assert "checks.primary_keys_unique: CheckFailed: orders: 7 (2 rows of one key)" in done.notifications[-1]["Message"]


def test_good_news_that_nobody_can_be_told_are_a_failure_but_none_of_the_batch(run):
    done = run(NotifyRun=Throw("SNS.NotFoundException", "no topic"))
    assert "ReportFailure" not in done.states, "the batch is closed"
    assert done.states[-1] == "NotifyWithoutReport"
    assert (done.status, done.execution["error"]) == ("FAILED", "NotReported")
    assert done.execution["cause"] == "NotifyRun: SNS.NotFoundException: no topic"


def test_a_notification_of_failure_that_is_lost_loses_no_try(run):
    done = run(orders_etl=Throw("Some.Error", "x"), NotifyFailure=Throw("SNS.NotFoundException", "no topic"))
    assert done.states[-2:] == ["NotifyFailure", "TryAgainLater"]
    assert done.execution["error"] == "Some.Error"


@pytest.mark.parametrize(
    ("answers", "state"),
    [
        ({"TryAgainLater": Throw("SQS.QueueDoesNotExist")}, "TryAgainLater"),
        (
            {
                "ReportFailure": payload(FAILED_REPORT | {"again_in_seconds": None}),
                "LookAgainAfterFailure": Throw("Lambda.ResourceNotFoundException"),
            },
            "LookAgainAfterFailure",
        ),
        (
            {"ReportFailure": Throw("KeyError"), "NotifyWithoutReport": Throw("SNS.NotFoundException")},
            "NotifyWithoutReport",
        ),
    ],
)
def test_the_cause_stands_in_the_execution_whatever_else_fails_at_its_end(run, answers, state):
    done = run(orders_etl=Throw("Some.Error", "disk full"), **answers)
    assert done.states[-1] == state
    assert (done.status, done.execution["cause"]) == ("FAILED", "orders_etl: Some.Error: disk full")


def test_errors_of_a_service_that_says_nothing_are_reported_all_the_same(run):
    done = run(ArchiveETLFiles=Throw("Some.Error"))
    assert the_failure(done) == [{"state": "ArchiveETLFiles", "error": "Some.Error", "cause": ""}]
    assert_told_and_looked_after(done)


def test_a_very_long_cause_is_cut_to_what_an_execution_may_say(run):
    done = run(ArchiveETLFiles=Throw("Some.Error", "x" * 30_000))
    assert len(done.execution["cause"]) <= 8000
    (failed,) = the_failure(done)
    assert failed["cause"] == f"{'x' * 4000} … {'x' * 4000}"


def test_however_much_all_jobs_say_the_failure_is_told(run):
    says = Throw("Some.Error", "QualityError " + "\U0001f4a5" * 32_755)
    done = run(product_etl=says, orders_etl=says)
    assert [each["cause"][:14] for each in the_failure(done)] == ["QualityError \U0001f4a5"] * 2
    assert_told_and_looked_after(done)


def test_however_much_all_checks_say_the_batch_is_reported(run):
    done = run(RunCheck=Throw("Some.Error", "\U0001f4a5" * 32_000))
    assert done.status == "SUCCEEDED"
    assert len(done.payload("ReportRun")["checks"]) == len(checks())


def test_a_note_on_a_run_is_handed_on_in_a_length_that_fits(run):
    assert run({"batch_id": BATCH, "reason": "n" * 200_000}).payload("ReportRun")["reason"] == "n" * 1000


@pytest.mark.parametrize(
    "error", ["SNS.InvalidParameterException", "SNS.AuthorizationErrorException", "States.Timeout"]
)
@pytest.mark.parametrize("state", ["NotifyRun", "NotifyFailure", "NotifyWithoutReport"])
def test_whatever_sns_refuses_ends_in_an_execution_that_goes_on_and_says_its_own_cause(run, error, state):
    refused = Throw(error, "Message too long")
    answers = {
        "NotifyRun": {"NotifyRun": refused},
        "NotifyFailure": {"orders_etl": Throw("Some.Error", "disk full"), "NotifyFailure": refused},
        "NotifyWithoutReport": {"NotifyRun": refused, "NotifyWithoutReport": refused},
    }[state]
    done = run(**answers)
    ends = {"NotifyRun": "NotifyWithoutReport", "NotifyFailure": "TryAgainLater"}
    assert done.states[-1] == ends.get(state, "NotifyWithoutReport")
    assert done.status == "FAILED"
    said = "orders_etl: Some.Error: disk full" if state == "NotifyFailure" else f"NotifyRun: {error}: Message too long"
    assert done.execution["cause"] == said
