"""Executions that were asked for dates."""

import time

import pytest

from ledgerlake.settings import Settings
from tests.step_functions.conftest import FAILED_REPORT, PLAN, Throw, payload

RANGE = {"from": "2025-04-01", "to": "2025-04-03"}
DAYS = ["2025-04-01", "2025-04-02", "2025-04-03"]


def children(done) -> dict[str, dict]:
    """What was started for each date."""
    return {call.arguments["Input"]["date"]: call.arguments for call in done.calls if call.state == "RunDate"}


def test_a_range_is_an_execution_for_each_date_and_loads_nothing_itself(run):
    done = run(RANGE)
    assert done.status == "SUCCEEDED"
    assert sorted(children(done)) == DAYS
    assert set(done.states) == {"PlanDates", "RunDate"}
    assert done.payload("PlanDates") == RANGE | {"execution": done.execution["name"]}
    assert done.output == {"dates": DAYS}


def test_each_date_is_run_by_the_same_machine_under_a_name_of_its_own_with_what_was_asked(run):
    asked = {"datasets": ["orders"], "reprocess": "archived", "reason": "a correction"}
    done = run(RANGE | asked)
    started = children(done)
    assert {each["StateMachineArn"] for each in started.values()} == {done.execution["stateMachineArn"]}
    for day, each in started.items():
        assert each["Input"] == asked | {"date": day}
        assert each["Name"] == f"{done.execution['name']}-{day}"
        assert len(each["Name"]) <= 80


def test_only_what_was_asked_is_handed_on(run):
    assert children(run(RANGE))["2025-04-01"]["Input"] == {"date": "2025-04-01"}


def test_so_many_dates_as_the_settings_say_are_run_at_once(run, counts):
    def busy(arguments):
        with counts:
            time.sleep(0.1)
        return {"Status": "SUCCEEDED"}

    days = [f"2025-04-{day:02}" for day in range(1, 13)]
    run(RANGE, PlanDates=payload({"dates": days}), RunDate=busy)
    assert counts.most == Settings().date_concurrency


def test_a_date_that_fails_stops_no_other_and_is_named_at_the_end(run):
    def answer(arguments):
        return Throw("States.TaskFailed", "{}") if arguments["Input"]["date"] == DAYS[0] else {"Status": "SUCCEEDED"}

    done = run(RANGE, RunDate=answer)
    assert sorted(children(done)) == DAYS
    assert (done.status, done.execution["error"]) == ("FAILED", "DatesFailed")
    assert done.execution["cause"].startswith("1 of 3 dates failed")
    assert done.execution["cause"].endswith(": 2025-04-01")
    assert done.notifications == [], "the execution of that date has sent its own"


def test_of_many_dates_that_fail_ten_are_named_and_all_are_counted(run):
    days = [f"2025-04-{day:02}" for day in range(1, 13)]
    done = run(RANGE, PlanDates=payload({"dates": days}), RunDate=Throw("States.TaskFailed", "{}"))
    assert done.execution["cause"].startswith("12 of 12 dates failed")
    assert done.execution["cause"].endswith(f": {', '.join(days[:10])} and 2 more")


def test_a_single_date_that_fails_is_counted_right(run):
    done = run(RANGE, PlanDates=payload({"dates": DAYS[:1]}), RunDate=Throw("States.TaskFailed", "{}"))
    assert done.execution["cause"].startswith("1 of 1 dates failed")


@pytest.mark.parametrize("days", [[], DAYS[:1]], ids=["none", "one"])
def test_few_dates_are_dates_too(run, days):
    done = run(RANGE, PlanDates=payload({"dates": days}))
    assert (done.status, sorted(children(done)), done.output) == ("SUCCEEDED", days, {"dates": days})


def test_a_date_is_a_batch_of_its_own(run):
    plan = PLAN | {"dates": ["2025-04-01", "2025-04-01"]}
    done = run({"date": "2025-04-01", "datasets": ["orders"]}, PlanBatch=payload(plan))
    assert done.status == "SUCCEEDED"
    asked = {"date": "2025-04-01", "datasets": ["orders"], "execution": done.execution["name"]}
    assert done.payload("PlanBatch") == asked
    assert done.payload("ReportRun")["date"] == "2025-04-01"


@pytest.mark.parametrize(
    "given", [{}, {"from": None}, {"to": "2025-04-03"}, {"date": "2025-04-01", "from": "2025-04-01"}]
)
def test_whatever_is_no_range_is_for_plan_etl_batch_to_judge(run, given):
    assert run(given).payload("PlanBatch").items() >= given.items()


def test_a_range_that_cannot_be_planned_is_told_like_any_failure(run):
    report = payload(FAILED_REPORT | {"again_in_seconds": None})
    done = run(RANGE, PlanDates=Throw("SelectionError", "too many days"), ReportFailure=report)
    facts = done.payload("ReportFailure")
    assert facts["failed"] == [{"state": "PlanDates", "error": "SelectionError", "cause": "too many days"}]
    assert (facts["from"], facts["to"], facts["date"]) == ("2025-04-01", "2025-04-03", None)
    assert done.states == ["PlanDates", "ReportFailure", "NotifyFailure", "LookAgainAfterFailure"]
    assert (done.status, done.execution["error"]) == ("FAILED", "SelectionError")
