"""The lease of a run that is over, and runs whose plan is missing."""

from __future__ import annotations

import pytest
from airflow.sdk.exceptions import AirflowRescheduleException
from botocore.exceptions import ClientError

from ledgerlake import names
from ledgerlake.planning import batch, lease
from ledgerlake_airflow import takeover
from ledgerlake_airflow.lease_wait import acquire_or_reschedule
from ledgerlake_airflow.plans import PlanMissing

OVER = f"airflow:{names.BY_DATE_DAG}/backfill__2025-04-01"
EXECUTION = "step_functions:20250401T120000Z-0123abcd"
NEXT_STEP = "clear plan_batch with the tasks after it"


@pytest.fixture(autouse=True)
def glue(monkeypatch, cloud):
    """The runs of the Glue jobs, by job."""
    runs: dict[str, list[dict]] = {}
    monkeypatch.setattr(cloud.glue, "get_job_runs", lambda JobName, **_: {"JobRuns": runs.get(JobName, [])})  # noqa: N803
    real = takeover.client
    monkeypatch.setattr(takeover, "client", lambda name: cloud.glue if name == "glue" else real(name))
    return runs


def holder(cloud) -> str:
    return lease.show(cloud.s3, cloud.bucket).holder


def test_the_lease_of_a_run_by_date_that_is_over_is_taken_over(run, cloud):
    lease.acquire(cloud.s3, cloud.bucket, OVER, 7200)
    run.runs.append((names.BY_DATE_DAG, "backfill__2025-04-01", "failed"))
    acquire_or_reschedule(run.of("plan_batch"))
    assert holder(cloud) == batch.LIVE


@pytest.mark.parametrize("state", ["running", "queued"])
def test_the_lease_of_a_run_by_date_that_is_active_is_waited_for(run, cloud, state):
    lease.acquire(cloud.s3, cloud.bucket, OVER, 7200)
    run.runs.append((names.BY_DATE_DAG, "backfill__2025-04-01", state))
    with pytest.raises(AirflowRescheduleException):
        acquire_or_reschedule(run.of("plan_batch"))
    assert holder(cloud) == OVER


def test_the_lease_is_not_taken_while_a_glue_job_is_at_work(run, cloud, glue):
    lease.acquire(cloud.s3, cloud.bucket, OVER, 7200)
    glue["orders_etl"] = [{"Id": "jr", "JobRunState": "RUNNING", "Arguments": {"--batch_id": "b"}}]
    with pytest.raises(AirflowRescheduleException):
        acquire_or_reschedule(run.of("plan_batch"))
    glue["orders_etl"][0]["JobRunState"] = "STOPPED"
    acquire_or_reschedule(run.of("plan_batch"))
    assert holder(cloud) == batch.LIVE


def test_the_lease_is_waited_for_while_glue_does_not_respond(run, cloud, monkeypatch):
    def away(**_):
        raise ClientError({"Error": {"Code": "InternalServiceException"}}, "GetJobRuns")

    monkeypatch.setattr(cloud.glue, "get_job_runs", away)
    lease.acquire(cloud.s3, cloud.bucket, OVER, 7200)
    with pytest.raises(AirflowRescheduleException):
        acquire_or_reschedule(run.of("plan_batch"))
    assert holder(cloud) == OVER


def test_a_lease_that_is_renewed_during_the_takeover_is_kept(run, cloud, monkeypatch):
    lease.acquire(cloud.s3, cloud.bucket, OVER, 7200)

    def renewed(*_):
        lease.acquire(cloud.s3, cloud.bucket, OVER, 7201)
        return True

    monkeypatch.setattr(takeover, "is_over", renewed)
    with pytest.raises(AirflowRescheduleException):
        acquire_or_reschedule(run.of("plan_batch"))
    assert holder(cloud) == OVER


@pytest.mark.parametrize(
    ("runs", "others", "over"),
    [
        ([], [], True),
        ([(names.LIVE_DAG, "a", "running")], [(names.LIVE_DAG, "wait_for_deliveries", "deferred")], True),
        ([(names.LIVE_DAG, "a", "running")], [(names.LIVE_DAG, "orders_etl", "deferred")], False),
        ([(names.LIVE_DAG, "a", "running")], [], False),  # between two tasks
        (
            [(names.LIVE_DAG, "a", "running")],
            [(names.LIVE_DAG, "wait_for_deliveries", "running"), (names.LIVE_DAG, "orders_etl", "running")],
            False,
        ),
    ],
)
def test_a_live_run_is_at_work_once_its_sensor_has_ended(run, cloud, runs, others, over):
    run.runs[:], run.others[:] = runs, others
    assert takeover.is_over(batch.LIVE, run.of("plan_batch")["ti"]) == over


@pytest.mark.parametrize(("status", "over"), [("RUNNING", False), ("ABORTED", True), ("", True)])
def test_an_execution_that_has_ended_leaves_its_lease_to_airflow(run, cloud, monkeypatch, status, over):
    class States:
        def describe_execution(self, **_):
            if not status:
                raise ClientError({"Error": {"Code": "ExecutionDoesNotExist"}}, "DescribeExecution")
            return {"status": status}

    monkeypatch.setattr(takeover, "client", lambda name: States() if name == "stepfunctions" else cloud.glue)
    assert takeover.is_over(EXECUTION, run.of("plan_batch")["ti"]) == over


@pytest.mark.parametrize("name", ["cli:somebody", "step_functions:CheckDataAvailability/1", "unheard:of"])
def test_a_holder_that_is_no_run_is_waited_for(run, cloud, name):
    assert not takeover.is_over(name, run.of("plan_batch")["ti"])


@pytest.mark.parametrize("task", ["orders_etl", "archive_etl_files"])
def test_a_task_whose_plan_is_missing_says_what_to_clear(run, cloud, task):
    context = run.of(task)
    with pytest.raises(PlanMissing, match=NEXT_STEP):
        context["task"].execute(context)
    assert lease.show(cloud.s3, cloud.bucket) is None


def test_an_acknowledgement_without_a_plan_deletes_nothing(run, cloud):
    cloud.deliver("raw/orders/a.csv")
    run.woken_by(cloud.receive())
    run.states["plan_batch"] = "success"
    with pytest.raises(PlanMissing, match=NEXT_STEP):
        run.call("acknowledge")
    assert cloud.hidden() == 1


def test_a_report_without_a_plan_is_a_failure_that_names_the_next_step(run, cloud):
    run.states.update(plan_batch="success", orders_etl="success", acknowledge="success")
    run.call("report")
    (body,) = cloud.notifications()
    assert "plan_batch has left no plan" in body
    assert NEXT_STEP in body
