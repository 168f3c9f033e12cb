"""Lost task, trigger or Airflow of a Glue job: the outcome is read from Glue."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowFailException, TaskDeferred
from botocore.exceptions import ClientError

from ledgerlake import keys
from ledgerlake.planning import batch
from ledgerlake.settings import Settings
from ledgerlake_airflow import failure
from ledgerlake_airflow.jobs import JobFailed, JobOverdue, longest_watch

BATCH = "that of the test"
OTHER = "20250402T000000Z-0a1b2c3d"
LOST = {"error": "Trigger failure", "traceback": ["ConnectionError: the API server is away\n"]}
TIMED_OUT = {"error": "Trigger timeout"}


class Glue:
    """Answers as Glue does, of the runs that the test gives it; newest first."""

    def __init__(self, *runs):
        self.runs, self.started = list(runs), []
        meta = SimpleNamespace(partition="aws", region_name="us-east-1")
        self.meta = SimpleNamespace(client=SimpleNamespace(meta=meta))

    def start_job_run(self, **request):
        self.started.append(request)
        return {"JobRunId": "jr_new"}

    def get_job(self, **_):
        return {"Job": {"Name": "orders_etl"}}

    def get_job_runs(self, **_):
        return {"JobRuns": self.runs}

    def get_job_run(self, RunId, **_):  # noqa: N803, as boto3 names it
        found = [run for run in self.runs if run["Id"] == RunId]
        if not found:
            raise ClientError({"Error": {"Code": "EntityNotFoundException"}}, "GetJobRun")
        return {"JobRun": found[0]}


def glue_run(state, run_id="jr_1", *, batch_id=BATCH, minutes_ago=1, **more):
    started = datetime.now(UTC) - timedelta(minutes=minutes_ago)
    return {
        "Id": run_id,
        "JobRunState": state,
        "StartedOn": started,
        "Arguments": {"--batch_id": batch_id},
        **more,
    }


@pytest.fixture
def batch_id(cloud):
    cloud.put("raw/orders/o.csv")
    return batch.plan(cloud.s3, cloud.bucket, Settings(gate="any", settle_seconds=0)).batch.batch_id


@pytest.fixture
def orders(run, batch_id, monkeypatch):
    """The task of orders, by `orders(glue run, …)`; `published` puts the ledger's part there."""
    run.xcoms["plan_batch", "return_value"] = {"batch_id": batch_id, "datasets": ["orders"]}

    def with_glue(*runs, try_number=1, max_tries=2):
        for each in runs:
            if each["Arguments"]["--batch_id"] == BATCH:
                each["Arguments"]["--batch_id"] = batch_id

        from airflow.providers.amazon.aws.hooks.glue import GlueJobHook

        glue = Glue(*runs)
        monkeypatch.setattr(GlueJobHook, "conn", glue)
        monkeypatch.setattr(GlueJobHook, "get_conn", lambda _: glue)
        monkeypatch.setattr(failure, "client", lambda _: glue)
        run.try_number, run.max_tries = try_number, max_tries
        context = run.of("orders_etl")
        context["ti"].run_id, context["ti"].map_index = "manual__1", -1
        return SimpleNamespace(
            glue=glue,
            execute=lambda: context["task"].execute(context),
            resume=lambda **kwargs: context["task"].resume_execution("__fail__", kwargs, context),
        )

    return with_glue


@pytest.fixture
def published(cloud, batch_id):
    key = keys.ledger_part("orders", batch_id, "a1")
    cloud.s3.put_object(Bucket=cloud.bucket, Key=key, Body=b"parquet")


@pytest.fixture
def watched(run):
    run.xcoms["orders_etl", "glue_job_run_id"] = "jr_1"


def test_a_retry_starts_no_run_when_the_one_before_has_published(orders, published):
    task = orders(glue_run("SUCCEEDED"), try_number=2)
    assert task.execute() == "jr_1"
    assert task.glue.started == []


def test_a_retry_starts_one_when_the_one_before_has_published_nothing(orders):
    task = orders(glue_run("SUCCEEDED"), try_number=2)
    with pytest.raises(TaskDeferred):
        task.execute()
    assert len(task.glue.started) == 1


@pytest.mark.parametrize("state", ["FAILED", "STOPPED", "TIMEOUT", "ERROR"])
def test_a_retry_runs_a_job_again_that_has_failed(orders, published, state):
    task = orders(glue_run(state), try_number=2)
    with pytest.raises(TaskDeferred):
        task.execute()
    assert len(task.glue.started) == 1


@pytest.mark.parametrize(("try_number", "max_tries"), [(1, 2), (2, 3), (4, 5)])
def test_a_task_that_somebody_cleared_runs_its_job_again(orders, published, try_number, max_tries):
    task = orders(glue_run("SUCCEEDED"), try_number=try_number, max_tries=max_tries)
    with pytest.raises(TaskDeferred):
        task.execute()
    assert len(task.glue.started) == 1


@pytest.mark.parametrize("state", ["STARTING", "RUNNING", "WAITING", "STOPPING"])
@pytest.mark.parametrize("try_number", [1, 2])
def test_a_run_that_is_at_work_on_the_batch_is_watched_and_no_second_one_started(orders, run, state, try_number):
    task = orders(glue_run(state), glue_run("FAILED", "jr_0", minutes_ago=9), try_number=try_number)
    with pytest.raises(TaskDeferred) as deferred:
        task.execute()
    assert deferred.value.trigger.serialize()[1]["run_id"] == "jr_1"
    assert run.xcoms["orders_etl", "glue_job_run_id"] == "jr_1"
    assert task.glue.started == []


def test_runs_of_other_batches_are_ignored(orders, published):
    task = orders(glue_run("SUCCEEDED", batch_id=OTHER), try_number=2)
    with pytest.raises(TaskDeferred):
        task.execute()
    assert len(task.glue.started) == 1


@pytest.mark.parametrize("lost", [LOST, TIMED_OUT])
def test_a_lost_watch_of_a_run_that_has_published_is_a_success(orders, published, watched, lost):
    assert orders(glue_run("SUCCEEDED")).resume(**lost) == "jr_1"


def test_a_lost_watch_of_a_run_at_work_continues(orders, watched):
    task = orders(glue_run("RUNNING", minutes_ago=5))
    with pytest.raises(TaskDeferred) as deferred:
        task.resume(**LOST)
    left = longest_watch(Settings(job_timeout_minutes=20, poll_seconds=0.3)) - timedelta(minutes=5)
    assert abs(deferred.value.timeout - left) < timedelta(seconds=5)


def test_a_lost_watch_of_a_run_that_published_nothing_is_a_failure(orders, watched):
    with pytest.raises(JobFailed, match="orders_etl SUCCEEDED"):
        orders(glue_run("SUCCEEDED")).resume(**LOST)


def test_a_lost_watch_of_a_stopped_run_names_its_state(orders, published, watched):
    with pytest.raises(JobFailed) as failed:
        orders(glue_run("STOPPED")).resume(**LOST)
    assert str(failed.value) == (
        "orders_etl STOPPED: no error message; the wait for it ended with: ConnectionError: the API server is away "
        "(Glue run jr_1)"
    )


def test_a_run_that_outlives_its_time_is_named_with_what_to_do(orders, watched):
    with pytest.raises(JobOverdue) as failed:
        orders(glue_run("RUNNING", minutes_ago=21)).resume(**TIMED_OUT)
    assert isinstance(failed.value, AirflowFailException), "a retry could only wait once more"
    assert "Glue run jr_1 of orders_etl is RUNNING since" in str(failed.value)
    assert "expected Glue to have ended it within 20 minutes (job_timeout_minutes)" in str(failed.value)
    assert "aws glue batch-stop-job-run --job-name orders_etl --job-run-ids jr_1" in str(failed.value)
    assert "ledgerlake run --wait" in str(failed.value)


def test_a_watch_of_an_unknown_run_is_an_error(orders, watched):
    with pytest.raises(JobFailed, match="ConnectionError: the API server is away; its state in Glue is unknown"):
        orders().resume(**LOST)


def test_a_watch_ends_soon_after_glue_would_have_ended_the_run(each_dag):
    longest = timedelta(minutes=20, seconds=0.6)
    for task_id in ("product_etl", "orders_etl", "order_items_etl"):
        task = each_dag.get_task(task_id)
        assert task.longest == task.execution_timeout == longest
        assert timedelta(seconds=task.waiter_delay * task.waiter_max_attempts) >= longest


def test_a_new_run_is_watched_for_as_long_as_glue_lets_it_run(orders):
    with pytest.raises(TaskDeferred) as deferred:
        orders().execute()
    assert deferred.value.timeout == timedelta(minutes=20, seconds=0.6)


@pytest.fixture(params=["ecommerce_lakehouse", "ecommerce_lakehouse_by_date"])
def each_dag(request, bag):
    return bag.dags[request.param]


def _reasons(run, **states):
    context = run.of("report")
    return [each.reason for each in failure.failures(context["ti"], states, run.dag.task_ids)]


def test_a_task_that_left_no_error_is_reported_with_that_of_glue(orders, run):
    orders(glue_run("FAILED", ErrorMessage="ConservationError: 9 rows"))
    assert _reasons(run, orders_etl="failed") == ["orders_etl FAILED: ConservationError: 9 rows (Glue run jr_1)"]


@pytest.mark.parametrize("state", ["SUCCEEDED", "RUNNING"])
def test_a_task_that_left_no_error_while_its_run_did_not_fail_says_how_to_resume(orders, run, state):
    orders(glue_run(state))
    assert _reasons(run, orders_etl="failed") == [
        f"orders_etl {state} in Glue (run jr_1); its task ended before it saw that; "
        "next step: ledgerlake run --wait, which resumes the batch"
    ]


def test_any_other_task_that_left_no_error_points_to_its_log(orders, run):
    orders()
    assert (
        _reasons(run, orders_etl="failed", archive_etl_files="failed")
        == ["it left no error (Airflow or its machine ended it): see its log"] * 2
    )
