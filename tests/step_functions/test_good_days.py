"""Executions in which nothing fails."""

import pytest

from ledgerlake import names
from ledgerlake.contracts import DATASETS
from ledgerlake.costs import request_counts
from ledgerlake.intake import messages
from ledgerlake.reporting.success_notification import figures_sql
from ledgerlake.tables.checks import checks
from tests.step_functions.conftest import (
    ARCHIVE,
    BATCH,
    NOTHING,
    PLAN,
    REPORT,
    Throw,
    good_day,
    payload,
    query,
    table,
)
from tests.step_functions.test_definition import ASL

SCANNED = len(figures_sql(BATCH))
LOOKS = ("RUNNING", "READY")
JOBS = [dataset.job for dataset in DATASETS.values()]


def test_a_batch_is_loaded_archived_checked_reported_and_then_raw_is_looked_at_again(run):
    done = run()
    assert done.status == "SUCCEEDED"
    assert done.states.count("RunCheck") == len(checks())
    order = [state for state in done.states if state != "RunCheck"]
    assert order[0] == "PlanBatch"
    assert set(order[1:3]) == {"product_etl", "orders_etl"}
    assert order[3:] == [
        "order_items_etl",
        "ArchiveETLFiles",
        "CheckCatalogue",
        "ReadFigures",
        "GetFigures",
        "ReportRun",
        "NotifyRun",
        "LookAgain",
    ]
    assert done.output == {"batch_id": BATCH, "reason": "3 deliveries", "subject": REPORT["subject"]}


def test_every_service_is_asked_for_this_batch(run):
    done = run({"batch_id": BATCH, "reason": "a try"})
    asked = {"batch_id": BATCH, "reason": "a try", "execution": done.execution["name"]}
    assert done.asked("PlanBatch") == {"FunctionName": _arn(names.PLAN_FUNCTION), "Payload": asked}
    for job in JOBS:
        assert done.asked(job) == {"JobName": job, "Arguments": {"--batch_id": BATCH}}
    assert done.payload("ArchiveETLFiles") == {"batch_id": BATCH}
    assert f"WHERE batch_id = '{BATCH}'" in done.asked("ReadFigures")["QueryString"]
    for call in done.calls:
        if call.state in ("RunCheck", "ReadFigures"):
            assert call.arguments["WorkGroup"] == names.WORKGROUP
            assert call.arguments["QueryExecutionContext"] == {"Database": names.DATABASE}


def test_every_check_is_asked_and_its_query_is_handed_to_the_report_without_its_rows(run):
    done = run()
    asked = {call.arguments["QueryString"] for call in done.calls if call.state == "RunCheck"}
    assert asked == {check.sql for check in checks()}
    handed = done.payload("ReportRun")["checks"]
    assert [(each["check"], each["query"]) for each in handed] == [(check.name, check.name) for check in checks()]
    assert all(set(each) == {"check", "query", "scanned"} for each in handed)


def test_the_report_is_told_the_plan_the_archive_the_note_and_the_figures(run):
    rows = (["dataset", "files"], ["orders", None], ["products", "2"])
    done = run({"batch_id": BATCH, "reason": "a try"}, GetFigures=table(*rows))
    assert done.payload("ReportRun") == {
        "execution": done.execution["name"],
        "started_at": done.execution["startDate"],
        "plan": PLAN,
        "archive": ARCHIVE,
        "reason": "a try",
        "date": None,
        "from": None,
        "to": None,
        "checks": [{"check": each.name, "query": each.name, "scanned": len(each.sql)} for each in checks()],
        "figures": {"rows": [["dataset", "files"], ["orders", ""], ["products", "2"]], "scanned": SCANNED},
        "scanned": [len(check.sql) for check in checks()],
        "crawl": {"needed": False, "looks": 0},
        "failed": [],
    }


def test_the_report_is_told_of_the_looks_at_the_crawler(run):
    running, ready = ({"Crawler": {"State": state, "LastCrawl": {"Status": "SUCCEEDED"}}} for state in LOOKS)
    done = run(CheckCatalogue=payload({"differences": ["orders is new"]}), GetCrawler=[running, ready])
    assert done.payload("ReportRun")["crawl"] == {"needed": True, "looks": 2}


def test_queries_whose_bytes_athena_does_not_say_are_left_out(run):
    done = run(RunCheck=_without_statistics, ReadFigures=_without_statistics)
    assert done.status == "SUCCEEDED"
    assert done.payload("ReportRun")["scanned"] == []
    assert "scanned" not in done.payload("ReportRun")["figures"]


def _without_statistics(asked):
    found = query(asked)["QueryExecution"]
    return {"QueryExecution": {name: value for name, value in found.items() if name != "Statistics"}}


@pytest.mark.parametrize(("differences", "looks"), [([], 0), (["orders is new"], 2)])
def test_the_formula_of_the_transitions_is_what_an_execution_enters(run, differences, looks):
    running, ready = ({"Crawler": {"State": state, "LastCrawl": {"Status": "SUCCEEDED"}}} for state in LOOKS)
    done = run(CheckCatalogue=payload({"differences": differences}), GetCrawler=[running, ready])
    assert done.status == "SUCCEEDED"
    entered = [each["stateEnteredEventDetails"]["name"] for each in done.history if "stateEnteredEventDetails" in each]
    inside = sum(_inside(ASL["States"][name]) for name in entered if name in ASL["States"])
    outside = sum(name in ASL["States"] for name in entered)
    formula = request_counts.of_states(len(DATASETS), request_counts.levels(), len(DATASETS), looks)
    assert outside + inside == formula


def _inside(state):
    """How many states its branches or items enter when all goes well."""
    branches = sum(_path(branch) for branch in state.get("Branches", []))
    return branches + (len(state["Items"]) * _path(state["ItemProcessor"]) if "ItemProcessor" in state else 0)


def _path(machine):
    name, length = machine["StartAt"], 1
    while not machine["States"][name].get("End"):
        state = machine["States"][name]
        name, length = state["Choices"][0]["Next"] if "Choices" in state else state["Next"], length + 1
    return length


@pytest.mark.parametrize("rows", [[["dataset"]], [["dataset"], ["orders"]]], ids=["header only", "one row"])
def test_figures_are_a_list_of_rows_however_few_they_are(run, rows):
    assert run(GetFigures=table(*rows)).payload("ReportRun")["figures"] == {"rows": rows, "scanned": SCANNED}


def test_one_notification_is_sent(run):
    assert run().notifications == [{"TopicArn": "topic", "Subject": REPORT["subject"], "Message": REPORT["message"]}]


def test_a_job_without_work_is_not_started(run):
    done = run(PlanBatch=payload(PLAN | {"datasets": ["orders"]}))
    assert [state for state in done.states if state in JOBS] == ["orders_etl"]
    assert done.status == "SUCCEEDED"


def test_with_nothing_to_do_nobody_is_told_but_raw_is_looked_at_since_the_lease_was_held(run):
    done = run(PlanBatch=payload(NOTHING))
    assert (done.status, done.states, done.notifications) == ("SUCCEEDED", ["PlanBatch", "LookAgain"], [])
    assert done.output == {"batch_id": None, "reason": "nothing waits", "subject": ""}


def test_nobody_waits_for_the_look_and_its_failure_is_none(run):
    done = run(LookAgain=Throw("Lambda.ResourceNotFoundException", "gone"))
    assert done.asked("LookAgain")["InvocationType"] == "Event"
    assert done.asked("LookAgain")["FunctionName"] == _arn(names.CHECK_FUNCTION)
    assert messages.is_wake(done.payload("LookAgain"))
    assert done.status == "SUCCEEDED"


def test_the_crawler_runs_when_the_catalogue_differs_and_is_waited_for(run):
    running = {"Crawler": {"State": "RUNNING"}}
    ready = {"Crawler": {"State": "READY", "LastCrawl": {"Status": "SUCCEEDED"}}}
    differs = payload({"differences": ["orders is not in ecommerce_dwh"]})
    done = run(CheckCatalogue=differs, GetCrawler=[running, running, ready])
    assert done.asked("StartCrawler") == {"Name": names.CRAWLER}
    assert done.states.count("GetCrawler") == 3
    assert done.states.index("RunCheck") > max(i for i, state in enumerate(done.states) if state == "GetCrawler")
    assert done.status == "SUCCEEDED"


def test_a_crawler_that_runs_already_is_waited_for(run):
    differs = payload({"differences": ["orders is not in ecommerce_dwh"]})
    done = run(CheckCatalogue=differs, StartCrawler=Throw("Glue.CrawlerRunningException", "it runs"))
    assert (done.status, done.states.count("GetCrawler")) == ("SUCCEEDED", 1)


def test_a_taken_lease_is_waited_for(run):
    done = run(PlanBatch=[*[Throw("LeaseTaken", "airflow is at work")] * 50, payload(PLAN)])
    assert (done.status, done.states.count("PlanBatch")) == ("SUCCEEDED", 51)


@pytest.mark.parametrize(
    ("state", "error"),
    [
        ("PlanBatch", "Lambda.TooManyRequestsException"),
        ("PlanBatch", "Sandbox.Timedout"),
        ("ArchiveETLFiles", "Runtime.ExitError"),
        ("CheckCatalogue", "Lambda.Unknown"),
        ("orders_etl", "Glue.ConcurrentRunsExceededException"),
        ("orders_etl", "Glue.AWSGlueException"),
        ("ArchiveETLFiles", "ArchiveError"),
        ("ReadFigures", "Athena.TooManyRequestsException"),
        ("NotifyRun", "SNS.AmazonSNSException"),
        ("ReportRun", "Lambda.ServiceException"),
    ],
)
def test_what_passes_by_itself_is_tried_again_and_nobody_hears_of_it(run, state, error):
    done = run(**{state: [Throw(error, "for a moment"), Throw(error, "for a moment"), good_day()[state]]})
    assert (done.status, done.states.count(state)) == ("SUCCEEDED", 3)
    assert len([call for call in done.calls if call.state in ("NotifyRun", "NotifyFailure")]) == (
        3 if state == "NotifyRun" else 1
    )


def test_figures_that_cannot_be_read_cost_the_notification_its_figures_and_nothing_else(run):
    for state in ("ReadFigures", "GetFigures"):
        done = run(**{state: Throw("Athena.InvalidRequestException", "no such table")})
        problem = "Athena.InvalidRequestException: no such table"
        assert done.payload("ReportRun")["figures"] == {"problem": problem}
        assert done.status == "SUCCEEDED"


def test_an_empty_check_is_a_header_alone(run):
    assert run(GetFigures=table(["dataset", "files"])).status == "SUCCEEDED"


def _arn(function: str) -> str:
    return f"arn:aws:lambda:us-east-1:000000000000:function:{function}"
