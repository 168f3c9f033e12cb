"""ReportETLRun: the end of an execution, judged by S3, reported once, in the very words of the other orchestrator."""

import json
import re
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from botocore.exceptions import ClientError
from control_objects import summary

from ledgerlake.contracts import DATASETS
from ledgerlake.errors import LedgerlakeError, SettingsError
from ledgerlake.intake.deliveries import Waiting
from ledgerlake.planning import batch, lease, quarantine
from ledgerlake.reporting import metrics
from ledgerlake.tables.checks import checks
from tests.published import ATTEMPT, batch_of, open_batch, publish

NAME = "report_etl_run"
BUCKET = "lake"
PLANNED = batch_of("raw/orders/o.csv", "raw/order_items/i.csv", datasets=("orders", "order_items"))
BATCH = PLANNED.batch_id
PLAN = {
    "batch_id": BATCH,
    "datasets": ["orders", "order_items"],
    "deliveries": 31,
    "resumed": False,
    "reason": "31 deliveries",
    "strays": 1,
    "ignored": 0,
    "dates": [],
}
FIGURES = {
    "rows": [
        ["dataset", "files", "rows_read", "inserted", "rejected", "parked"],
        ["orders", "15", "7500", "7490", "10", None],
    ]
}
JOB = {
    "Attempt": 0,
    "ErrorMessage": "ArchiveError: no such file",
    "Id": "jr_1",
    "JobName": "orders_etl",
    "JobRunState": "FAILED",
}
FAILED = {"state": "orders_etl", "error": "States.TaskFailed", "cause": json.dumps(JOB)}


class Glue:
    """Three runs of two DPUs for the batch, one a job; and one crawl of a minute. Or it is away.

    Of the jobs that are at work it says what a test wants.
    """

    def __init__(self, away=None, **runs):
        self.away, self.runs = away, runs

    def get_job_runs(self, JobName, MaxResults):  # noqa: N803, as boto3 has it
        runs = self.runs.get(JobName, [])
        return {"JobRuns": [{"Id": "jr_1", "JobRunState": state, "Arguments": {"--batch_id": BATCH}} for state in runs]}

    def get_paginator(self, _):
        if self.away:
            raise self.away
        return self

    def paginate(self, **_):
        now = datetime.now(UTC)
        run = {"ExecutionTime": 90, "MaxCapacity": 2.0, "StartedOn": now, "Arguments": {"--batch_id": BATCH}}
        return [{"JobRuns": [run]}]

    def list_crawls(self, **_):
        now = datetime.now(UTC)
        return {"Crawls": [{"StartTime": now - timedelta(minutes=1), "EndTime": now, "DPUHour": 0.05}]}


@pytest.fixture
def glue(monkeypatch):
    """glue(error?) has the handler ask a Glue that answers so."""

    def answering(away=None, **runs):
        make = boto3.client
        answers = Glue(away, **runs)
        monkeypatch.setattr(boto3, "client", lambda name, **more: answers if name == "glue" else make(name, **more))

    return answering


@pytest.fixture
def began(cloud, glue):
    """An execution is at work on an open batch; nobody knows what Glue did."""
    glue(away=RuntimeError("Glue is away"))
    open_batch(cloud.s3, BUCKET, PLANNED)
    publish(cloud.s3, BUCKET, PLANNED)
    lease.acquire(cloud.s3, BUCKET, f"step_functions:{BATCH}", 600)
    return cloud


def event(**more):
    return {"execution": BATCH, "started_at": "2025-04-01T12:00:00Z", "plan": PLAN, "failed": []} | more


def left(cloud):
    """The holder of the lease, and what is open."""
    return lease.show(cloud.s3, BUCKET).holder, batch.open_batches(cloud.s3, BUCKET)


# --- success


def test_success_tells_the_ledgers_figures_closes_the_batch_and_gives_the_lake_back(began, invoke):
    began.put("raw/Orders/alone.csv", "raw/orders/_SUCCESS")
    answer = invoke(NAME, event(figures=FIGURES, reason="ticket 12"))
    assert answer["subject"] == f"Ledgerlake: 31 deliveries loaded ({BATCH})"
    assert (answer["again_in_seconds"], answer["quarantined"]) == (None, False)
    assert answer["message"].splitlines() == [
        f"Batch {BATCH}: 31 deliveries loaded, archived and checked.",
        "",
        "orders: 15 files, 7,500 rows read: 7,490 inserted, 10 rejected",
        "",
        "Why rows were rejected: ledgerlake rejects orders",
        "",
        "1 file in raw/ is read by no job:",
        "  raw/Orders/alone.csv (did you mean raw/orders/?)",
        "1 file in raw/ ignored, as no deliveries (a part of their path begins with _ or ., or they are checksums or "
        "unfinished copies):",
        "  raw/orders/_SUCCESS",
        "",
        f"File by file: ledgerlake ledger {BATCH}",
        "Cost: at least $0.0008 (Glue unknown, Athena unknown, requests unknown, Lambda 5.6 GB-s $0.0001, "
        "Step Functions 29 transitions $0.0007) at prices of 2026-11",
        "",
        "Note on this run: ticket 12",
    ]
    assert left(began) == ("", [])


def test_reporting_twice_says_the_same_and_leaves_the_next_holder_alone(began, invoke):
    first = invoke(NAME, event(figures=FIGURES))
    lease.acquire(began.s3, BUCKET, "step_functions:next", 600)
    assert invoke(NAME, event(figures=FIGURES)) == first
    assert left(began) == ("step_functions:next", [])


@pytest.mark.parametrize(
    ("figures", "said"),
    [
        ({"problem": "Athena is away"}, "Athena is away"),
        (None, "its figures were not queried"),
        (
            {"rows": [["dataset", "files"], ["orders"]]},
            "a row does not fit its header: [['dataset', 'files'], ['orders']]",
        ),
        ({"rows": [["dataset", "files"], None]}, "a row does not fit its header: [['dataset', 'files'], None]"),
    ],
)
def test_success_is_told_also_when_the_ledger_cannot_be_read(began, invoke, figures, said):
    answer = invoke(NAME, event(figures=figures))
    assert f"(The ledger could not be read: {said})" in answer["message"]
    assert left(began) == ("", [])


def test_what_the_producer_should_know_is_in_the_notification(began, invoke):
    staged = summary(unknown={"raw/orders/1.csv": ["color"]}, attempt=ATTEMPT)
    began.s3.put_object(Bucket=BUCKET, Key=f"staging/{BATCH}/orders.json", Body=json.dumps(staged))
    answer = invoke(NAME, event(archive={"missing": ["raw/orders/gone.csv"]}, figures=FIGURES))
    assert "orders: columns that its contract does not have were left out: color" in answer["message"]
    assert "Deleted before it was read; nothing of it is loaded: raw/orders/gone.csv" in answer["message"]


def test_deleted_files_that_the_archive_only_counted_are_counted_in_the_notification(began, invoke):
    first = [f"raw/orders/{number}.csv" for number in range(10)]
    message = invoke(NAME, event(archive={"missing": first, "missing_count": 5000}, figures=FIGURES))["message"]
    assert message.count("Deleted before it was read") == 10
    assert "\n… and 4,990 more\n" in message


def test_the_batch_is_closed_before_the_lake_is_given_back(began, invoke, monkeypatch):
    def away(*_):
        raise RuntimeError("S3 is away")

    with monkeypatch.context() as patched:
        patched.setattr(batch, "close", away)
        with pytest.raises(RuntimeError):
            invoke(NAME, event(figures=FIGURES))
    assert left(began) == (f"step_functions:{BATCH}", [BATCH])


def test_a_success_by_date_says_its_days(began, invoke):
    answer = invoke(NAME, event(plan=PLAN | {"dates": ["2025-04-01", "2025-04-01"]}, figures=FIGURES))
    assert "31 deliveries of 2025-04-01 loaded" in answer["subject"]


# --- what it cost

USED = {
    "figures": FIGURES | {"scanned": 1024},
    "scanned": [0, 1, 2, 3, 11 * 1024**2],
    "crawl": {"needed": True, "looks": 2},
    "archive": {"archived": 31, "requests": {"writes": 31, "reads": 94}},
}


def _record(cloud):
    return json.loads(cloud.s3.get_object(Bucket=BUCKET, Key=f"runs/{BATCH}.json")["Body"].read())


def test_the_notification_says_what_the_execution_cost_and_its_record_is_written(began, invoke, glue):
    glue()
    answer = invoke(NAME, event(**USED))
    (line,) = [line for line in answer["message"].splitlines() if line.startswith("Cost:")]
    assert line.startswith("Cost: $0.2143 (Glue 540 DPU-s $0.0660, crawler 1,200 DPU-s $0.1467, Athena 61 MB $0.0003, ")
    assert line.endswith("Step Functions 36 transitions $0.0009) at prices of 2026-11")
    record = _record(began)
    assert (record["run_id"], record["workflow"], record["batch_id"]) == (BATCH, "EcommerceETLPipeline", BATCH)
    assert (record["queries"], record["scanned_bytes"]) == (6, 11 * 1024**2 + 1030)
    assert (record["job_runs"], record["crawls"], record["function_calls"]) == (3, 1, 6)
    assert (record["s3_writes"], record["unknown"]) == (31 + 10 + 2 * 3, "")


def test_a_repeated_report_leaves_the_record_as_it_is(began, invoke, glue):
    glue()
    invoke(NAME, event(**USED))
    first = _record(began)
    invoke(NAME, event(**USED))
    assert _record(began) == first


def test_no_execution_fails_of_what_it_cost(began, invoke, monkeypatch):
    make, quick = boto3.client, metrics.client_config().connect_timeout

    def away(name, config):
        return None if config.connect_timeout == quick else make(name, config=config)

    monkeypatch.setattr(boto3, "client", away)
    answer = invoke(NAME, event(**USED))
    (line,) = [line for line in answer["message"].splitlines() if line.startswith("Cost:")]
    assert "Glue unknown, crawler unknown, Athena 61 MB" in line
    assert line.endswith("(not recorded)")
    assert left(began) == ("", [])


@pytest.mark.parametrize("started", [None, "", "yesterday"])
def test_an_execution_of_which_nobody_knows_when_it_began_is_reported_without_its_cost(began, invoke, started):
    answer = invoke(NAME, event(figures=FIGURES, started_at=started))
    assert "\nCost: unknown.\n" in answer["message"] + "\n"
    assert left(began) == ("", [])


def test_a_failure_has_no_cost_and_no_record_yet(began, invoke):
    assert "Cost" not in invoke(NAME, event(failed=[FAILED]))["message"]
    assert began.s3.list_objects_v2(Bucket=BUCKET, Prefix="runs/")["KeyCount"] == 0


# --- failure


def test_a_failure_says_what_where_why_and_how_to_go_on_and_keeps_the_batch_open(began, invoke):
    answer = invoke(NAME, event(failed=[FAILED]))
    assert answer["subject"] == "Ledgerlake: FAILED in orders_etl of orders"
    assert (answer["again_in_seconds"], answer["quarantined"]) == (15, False)
    assert answer["message"].splitlines() == [
        f"Run {BATCH} of EcommerceETLPipeline failed.",
        f"Batch {BATCH}: 31 deliveries.",
        "",
        "Task:    orders_etl",
        "Dataset: orders",
        "Reason:  orders_etl FAILED: ArchiveError: no such file (Glue run jr_1)",
        "Log:     ledgerlake executions",
        "",
        "Next step: fix the cause. No file is lost, and nothing is loaded twice.",
        "The batch stays open: the next run resumes it automatically, when the messages reappear in 15 s.",
        "To see what happened:  ledgerlake executions",
        "To resume at once:     ledgerlake run --orchestrator step_functions",
    ]
    assert left(began) == ("", [BATCH])


def test_in_the_cloud_the_log_is_the_console(began, invoke, monkeypatch):
    monkeypatch.setenv("LEDGERLAKE_ENVIRONMENT", "prod")
    answer = invoke(NAME, event(failed=[FAILED]))
    assert (
        "Log:     https://us-east-1.console.aws.amazon.com/states/home?region=us-east-1#/v2/executions/details/"
        f"arn:aws:states:us-east-1:123456789012:execution:EcommerceETLPipeline:{BATCH}\n"
    ) in answer["message"]
    assert answer["again_in_seconds"] == 300


FAILURES = {
    "a job without words": (
        {"state": "product_etl", "error": "States.TaskFailed", "cause": '{"JobRunState": "TIMEOUT", "JobName": '
         '"product_etl", "Id": "jr_2"}'},
        "product_etl",
        "product_etl TIMEOUT: no error message; Step Functions says States.TaskFailed (Glue run jr_2)",
    ),
    "a Lambda": (
        {"state": "ArchiveETLFiles", "error": "ArchiveError", "cause": '{"errorType": "ArchiveError", '
         '"errorMessage": "1 of 2 deliveries are in raw/", "stackTrace": []}'},
        "ArchiveETLFiles",
        "ArchiveETLFiles: ArchiveError: 1 of 2 deliveries are in raw/",
    ),
    "a Lambda of another name than its state": (
        {"state": "PlanBatch", "error": "LeaseTaken", "cause": '{"errorType": "LeaseTaken", "errorMessage": "wait"}'},
        "PlanBatch",
        "PlanETLBatch: LeaseTaken: wait",
    ),
    "a Lambda that was killed": (
        {"state": "ArchiveETLFiles", "error": "Lambda.Unknown", "cause": '{"errorMessage": "timed out"}'},
        "ArchiveETLFiles",
        "ArchiveETLFiles: Lambda.Unknown: timed out",
    ),
    "a query": (
        {"state": "references_hold", "error": "States.TaskFailed", "cause": json.dumps({"QueryExecution": {
            "QueryExecutionId": "q-1", "Status": {"State": "FAILED", "StateChangeReason": "no such table"}}})},
        "checks.references_hold",
        "Athena query q-1 is FAILED: no such table",
    ),
    "a service": (
        {"state": "StartCrawler", "error": "Glue.EntityNotFoundException", "cause": "no crawler (Service: Glue)"},
        "StartCrawler",
        "StartCrawler: Glue.EntityNotFoundException: no crawler (Service: Glue)",
    ),
    "JSON of no service that we know": (
        {"state": "StartCrawler", "error": "X", "cause": '["a"]'},
        "StartCrawler",
        'StartCrawler: X: ["a"]',
    ),
    "a job's words cut in the middle": (
        {"state": "orders_etl", "error": "States.TaskFailed", "cause": '{"JobRunState": "FAI'},
        "orders_etl",
        'orders_etl: States.TaskFailed: {"JobRunState": "FAI',
    ),
    "a long cause of Glue, of which the middle is cut out": (
        {"state": "orders_etl", "error": "States.TaskFailed",
         "cause": '{"Attempt":0,"ErrorMessage":"Quality\\nError: \\"a … b","Id":"jr_1","JobRunState":"FAI'},
        "orders_etl",
        'orders_etl: States.TaskFailed: Quality␊Error: "a … b',
    ),
    "a long cause of Athena, of which the middle is cut out": (
        {"state": "references_hold", "error": "States.TaskFailed",
         "cause": '{"QueryExecution":{"Query":"SELECT … b","Status":{"StateChangeReason":"TABLE_NOT_FOUND"}}'},
        "checks.references_hold",
        "references_hold: States.TaskFailed: TABLE_NOT_FOUND",
    ),
    "a timeout": (
        {"state": "orders_etl", "error": "States.Timeout", "cause": None},
        "orders_etl",
        "orders_etl: States.Timeout",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("item", "task", "reason"), FAILURES.values(), ids=FAILURES)
def test_every_service_is_understood(began, invoke, item, task, reason):
    message = invoke(NAME, event(failed=[item]))["message"]
    assert f"Task:    {task}\n" in message
    assert f"Reason:  {reason}\n" in message


@pytest.mark.parametrize("more", [{"failed": [FAILED]}, {"figures": FIGURES}], ids=["failure", "success"])
def test_a_notification_stands_in_the_log_whatever_sns_does_with_it(began, invoke, caplog, more):
    caplog.set_level("INFO")
    answer = invoke(NAME, event(**more))
    assert f"{answer['subject']}\n{answer['message']}" in caplog.text


def test_every_failure_is_in_the_one_notification(began, invoke):
    answer = invoke(NAME, event(failed=[FAILED, FAILED | {"state": "product_etl"}]))
    assert answer["subject"] == "Ledgerlake: FAILED in orders_etl of orders and 1 more"
    assert answer["message"].index("Task:    orders_etl") < answer["message"].index("Task:    product_etl")


def test_a_list_of_one_failure_may_come_as_that_failure(began, invoke):
    assert invoke(NAME, event(failed=FAILED)) == invoke(NAME, event(failed=[FAILED]))


def test_a_long_reason_is_cut(began, invoke):
    job = json.dumps(JOB | {"ErrorMessage": "x" * 30_000})
    assert len(invoke(NAME, event(failed=[FAILED | {"cause": job}]))["message"]) < 6_000


@pytest.mark.parametrize(
    ("execution", "seconds"),
    [(BATCH, 15), (f"{BATCH}-2", 30), (f"{BATCH}-4", 120), (f"{BATCH}-9", 900), (f"{BATCH}-5000", 900), ("x-7", 15)],
)
def test_each_attempt_is_followed_after_twice_the_time_but_not_later_than_a_message_can_be(
    began, invoke, execution, seconds
):
    answer = invoke(NAME, event(execution=execution, failed=[FAILED]))
    assert answer["again_in_seconds"] == seconds
    assert f"messages reappear in {seconds} s" in answer["message"]


def test_a_run_that_failed_before_it_had_a_plan_is_tried_again(began, invoke):
    answer = invoke(NAME, event(plan=None, failed=[FAILED | {"state": "PlanBatch", "cause": ""}]))
    assert "The next run tries again automatically" in answer["message"]
    assert "Dataset: none was planned" in answer["message"]
    assert answer["again_in_seconds"] == 15


def test_the_lease_of_another_is_left_alone(began, invoke):
    invoke(NAME, event(execution="by-hand", failed=[FAILED]))
    assert left(began) == (f"step_functions:{BATCH}", [BATCH])


# --- evidence


def test_a_run_without_a_failed_state_closes_nothing_that_is_not_published(began, invoke):
    key = began.s3.list_objects_v2(Bucket=BUCKET, Prefix="ledger/dataset=orders/")["Contents"][0]["Key"]
    began.s3.delete_object(Bucket=BUCKET, Key=key)
    answer = invoke(NAME, event(figures=FIGURES))
    assert answer["subject"] == f"Ledgerlake: NOT FINISHED {BATCH}"
    assert (answer["again_in_seconds"], answer["quarantined"]) == (15, False)
    (failure,) = answer["failures"]
    assert (failure["state"], failure["error"]) == ("Report", "NotPublished")
    for said in (
        f"Found:    batch {BATCH} is not published: orders: its job has staged rows and not published them\n",
        "Resume:   ledgerlake run --wait resumes the batch and runs its jobs again",
        "The batch stays open: the next run resumes it automatically, when the messages reappear in 15 s.",
    ):
        assert said in answer["message"]
    assert left(began) == ("", [BATCH])
    assert began.s3.list_objects_v2(Bucket=BUCKET, Prefix="runs/")["KeyCount"] == 0


def test_a_delivery_that_still_lies_in_raw_keeps_the_batch_open(began, invoke, monkeypatch):
    lying = tuple(PLANNED.of("orders"))
    monkeypatch.setattr("ledgerlake.planning.evidence.waiting", lambda *_: Waiting(lying))
    answer = invoke(NAME, event(figures=FIGURES))
    assert f"1 of 2 deliveries of batch {BATCH} still lie in raw/: raw/orders/o.csv" in answer["message"]
    assert answer["failures"][0]["error"] == "NotArchived"
    assert left(began) == ("", [BATCH])


@pytest.mark.parametrize("failed", [[], [FAILED]])
def test_the_lease_is_kept_while_a_job_of_the_batch_runs(began, invoke, glue, failed):
    glue(product_etl=["RUNNING"])
    invoke(NAME, event(figures=FIGURES, failed=failed))
    assert lease.show(began.s3, BUCKET).holder == f"step_functions:{BATCH}"


# --- checks


class Athena:
    """Answers queries, which are called as their checks are, with rows; of an error it raises it."""

    def __init__(self, **answers):
        self.answers = answers

    def get_paginator(self, _):
        return self

    def paginate(self, QueryExecutionId):  # noqa: N803, as boto3 has it
        answer = self.answers.get(QueryExecutionId, [])
        if isinstance(answer, Exception):
            raise answer
        table = [["dataset", "offending", "detail"], *answer]
        cells = [{"Data": [{} if value is None else {"VarCharValue": value} for value in row]} for row in table]
        return [{"ResultSet": {"Rows": cells[:2]}}, {"ResultSet": {"Rows": cells[2:]}}]


@pytest.fixture
def checked(began, invoke, monkeypatch):
    """checked(execution, check=rows, …) → the answer to an execution whose checks have found so much."""
    make = boto3.client

    def report(execution=BATCH, unanswered=(), **found):
        athena = Athena(**found)
        monkeypatch.setattr(boto3, "client", lambda name, **more: athena if name == "athena" else make(name, **more))
        asked = [{"check": each.name, "query": each.name} for each in checks() if each.name not in unanswered]
        asked += [{"state": name, "error": "States.TaskFailed", "cause": "Athena is away"} for name in unanswered]
        return invoke(NAME, event(execution=execution, figures=FIGURES, checks=asked))

    return report


BROKEN = [["order_items", "1", "order_id 7 is not in orders"], ["order_items", "2", None]]


def test_a_check_that_fails_first_is_told_with_its_keys_and_its_batch_is_closed(began, checked):
    answer = checked(references_hold=BROKEN)
    assert answer["subject"] == f"Ledgerlake: CHECK FAILED: checks.references_hold of order_items ({BATCH})"
    assert (answer["again_in_seconds"], answer["quarantined"]) == (None, False)
    assert [(each["state"], each["error"]) for each in answer["failures"]] == [
        ("checks.references_hold", "CheckFailed")
    ]
    assert answer["message"].splitlines()[:9] == [
        f"Batch {BATCH}: 31 deliveries loaded and archived, but not every check has passed.",
        "",
        "Task:    checks.references_hold",
        "Dataset: order_items",
        "Reason:  checks.references_hold: order_items: not true that every row's parents are there: 2 rows: "
        "1 (order_id 7 is not in orders), 2 ()",
        "Log:     ledgerlake executions",
        "",
        "orders: 15 files, 7,500 rows read: 7,490 inserted, 10 rejected",
        "",
    ]
    assert "newer deliveries are processed as usual" in answer["message"]
    assert left(began) == ("", [])
    assert began.s3.list_objects_v2(Bucket=BUCKET, Prefix="runs/")["KeyCount"] == 1


def test_a_retry_of_the_report_still_is_of_the_first_run(checked):
    assert checked(references_hold=BROKEN) == checked(references_hold=BROKEN)


def test_a_later_run_succeeds_and_says_that_it_is_still_open(began, checked):
    checked(references_hold=BROKEN)
    later = checked("later", references_hold=BROKEN[:1])
    assert later["failures"] == []
    assert later["subject"] == f"Ledgerlake: 31 deliveries loaded ({BATCH})"
    assert "loaded, archived and checked; some checks still fail." in later["message"]
    assert re.search(
        rf"\nCheck still open since .*Z \(batch {BATCH}\): references_hold of order_items: .* 1 row: 1 \(order_id 7",
        later["message"],
    )


def test_the_first_run_that_sees_it_pass_says_that_and_the_next_says_nothing(checked):
    checked(references_hold=BROKEN)
    healed = checked("healed")
    assert (healed["failures"], healed["subject"]) == ([], f"Ledgerlake: 31 deliveries loaded ({BATCH})")
    assert "\nCheck references_hold of order_items passes again; it had failed since " in healed["message"]
    assert "references_hold" not in checked("after")["message"]


def test_a_check_that_was_not_answered_fails_the_run_and_closes_the_batch(began, checked):
    answer = checked(unanswered=["primary_keys_unique"])
    assert answer["subject"] == f"Ledgerlake: CHECK FAILED: checks.primary_keys_unique ({BATCH})"
    assert "States.TaskFailed: Athena is away" in answer["message"]
    assert left(began) == ("", [])


def test_a_result_that_cannot_be_read_is_a_check_that_was_not_answered(began, checked):
    away = ClientError({"Error": {"Code": "InternalServerException", "Message": "away"}}, "GetQueryResults")
    answer = checked(references_hold=BROKEN, tables_not_empty=away)
    assert [each["state"] for each in answer["failures"]] == ["checks.references_hold", "checks.tables_not_empty"]
    assert "the result of Athena query tables_not_empty could not be read" in answer["message"]
    assert left(began) == ("", [])


def test_an_unanswered_check_neither_opens_nor_closes_a_failure(checked):
    checked(references_hold=BROKEN)
    later = checked("later", unanswered=["references_hold"])
    assert "Check still open since" in later["message"]
    assert [each["state"] for each in later["failures"]] == ["checks.references_hold"]


def test_a_failure_of_a_state_names_open_checks_too(checked, invoke):
    checked(references_hold=BROKEN)
    assert "Check still open since" in invoke(NAME, event(execution="later", failed=[FAILED]))["message"]


def test_however_much_is_broken_the_answer_fits_between_states(checked):
    rows = [[dataset, "x" * 100_000 + str(n), "y" * 1000] for dataset in DATASETS for n in range(20)]
    answer = checked(**{each.name: rows for each in checks()})
    assert len(json.dumps(answer)) < 100_000


# --- by date


@pytest.mark.parametrize(
    "more",
    [
        {"plan": PLAN | {"dates": ["2025-04-01", "2025-04-01"]}},
        {"plan": None, "date": "2025-04-01"},
        {"plan": None, "from": "2025-04-01", "to": None},
    ],
    ids=["planned", "not planned", "dates not planned"],
)
def test_a_failed_run_by_date_is_not_tried_again_by_itself_and_says_how_to_go_on(began, invoke, more):
    answer = invoke(NAME, event(failed=[FAILED], **more))
    assert answer["again_in_seconds"] is None
    for said in (
        "of EcommerceETLPipeline, for the deliveries of 2025-04-01, failed.",
        "To resume at once:     ledgerlake run --orchestrator step_functions",
        "Or process it again:   ledgerlake backfill --from 2025-04-01 --to 2025-04-01",
    ):
        assert said in answer["message"]
    assert "messages reappear" not in answer["message"]
    kept = "The batch stays open: the next run of EcommerceETLPipeline resumes it."
    assert (kept in answer["message"]) == bool(more["plan"])


def test_an_input_that_was_refused_is_told_with_its_reason(cloud, invoke):
    cause = '{"errorType": "SelectionError", "errorMessage": "457 days; expected at most 366 at once"}'
    item = {"state": "PlanDates", "error": "SelectionError", "cause": cause}
    answer = invoke(NAME, event(plan=None, failed=[item], **{"from": "2024-01-01", "to": "2025-04-01"}))
    assert "Reason:  PlanETLBatch: SelectionError: 457 days; expected at most 366 at once" in answer["message"]
    assert "Nothing was started. Next step: start another run, with an input that is valid." in answer["message"]
    assert answer["again_in_seconds"] is None


# --- quarantine


@pytest.mark.parametrize("dates", [[], ["2025-04-01", "2025-04-02"]])
def test_a_quarantine_is_told_with_the_command_that_lets_it_through(began, invoke, dates):
    why = "QualityError: orders: 300 of 400 rows were rejected"
    quarantine.set_aside(began.s3, BUCKET, BATCH, why)
    item = FAILED | {"cause": json.dumps(JOB | {"ErrorMessage": why})}
    answer = invoke(NAME, event(plan=PLAN | {"dates": dates}, failed=[item]))
    assert (answer["again_in_seconds"], answer["quarantined"]) == (None, True)
    assert answer["subject"].startswith(f"Ledgerlake: QUARANTINED {BATCH}: orders_etl of orders")
    assert "300 of 400 rows were rejected" in answer["message"]
    assert f"ledgerlake accept {BATCH}" in answer["message"]
    assert left(began) == ("", [])


# --- events of other kinds


@pytest.mark.parametrize(
    "bad",
    [
        {"execution": ""},
        {"execution": None},
        {"failed": None},
        {"failed": "orders_etl"},
        {"plan": None},
        {"plan": PLAN | {"batch_id": None}},
    ],
    ids=str,
)
def test_an_event_of_another_kind_says_what_was_expected(began, invoke, bad):
    with pytest.raises(LedgerlakeError, match=r"the event is .*expected \{\"execution\""):
        invoke(NAME, event(**bad))
    assert left(began) == (f"step_functions:{BATCH}", [BATCH])


@pytest.mark.parametrize("item", [{}, {"state": "x"}, {"check": "x", "query": "q"}, 7], ids=str)
def test_a_failure_of_another_kind_says_what_was_expected(began, invoke, item):
    with pytest.raises(LedgerlakeError, match=r"a failure is .*expected"):
        invoke(NAME, event(failed=[item]))


def test_a_missing_bucket_is_named(cloud, invoke, monkeypatch):
    monkeypatch.delenv("LEDGERLAKE_BUCKET")
    with pytest.raises(SettingsError, match="LEDGERLAKE_BUCKET is not set"):
        invoke(NAME, event())


# --- figures


@pytest.fixture
def published(began):
    """published() → (metric, dataset, sum) of every metric."""

    def ask():
        found = boto3.client("cloudwatch").get_metric_data(
            MetricDataQueries=[_sum(metric, dataset) for metric, dataset in _METRICS],
            StartTime=datetime.now(UTC) - timedelta(hours=1),
            EndTime=datetime.now(UTC) + timedelta(hours=1),
        )
        sums = zip(_METRICS, found["MetricDataResults"], strict=True)
        return {named: sum(each["Values"]) for named, each in sums if each["Values"]}

    return ask


_METRICS = (("RunsSucceeded", None), ("RunsFailed", None), ("RowsRead", "orders"), ("RowsRejected", "orders"))


def _sum(metric, dataset):
    dimensions = [{"Name": "Dataset", "Value": dataset}] if dataset else []
    named = {"Namespace": "Ledgerlake", "MetricName": metric, "Dimensions": dimensions}
    return {"Id": metric.lower(), "MetricStat": {"Metric": named, "Period": 60, "Stat": "Sum"}}


def test_a_success_and_its_rows_are_published_to_cloudwatch(published, invoke):
    invoke(NAME, event(figures=FIGURES))
    assert published() == {("RunsSucceeded", None): 1, ("RowsRead", "orders"): 7500, ("RowsRejected", "orders"): 10}


def test_a_failure_is_published_to_cloudwatch(published, invoke):
    invoke(NAME, event(failed=[FAILED]))
    assert published() == {("RunsFailed", None): 1}


def test_a_run_ends_as_it_did_also_when_cloudwatch_cannot_be_told(began, invoke, monkeypatch):
    make = boto3.client
    monkeypatch.setattr(boto3, "client", lambda name, **more: None if name == "cloudwatch" else make(name, **more))
    assert invoke(NAME, event(figures=FIGURES))["subject"] == f"Ledgerlake: 31 deliveries loaded ({BATCH})"
    assert left(began) == ("", [])
