"""Glue jobs, the archive Lambda and the crawler, as the run starts them."""

from __future__ import annotations

import io
import json
from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import (
    AirflowFailException,
    AirflowRescheduleException,
    AirflowSkipException,
    TaskDeferred,
)
from botocore.exceptions import ClientError

from ledgerlake import names
from ledgerlake.planning import batch, lease
from ledgerlake.tables import catalogue
from ledgerlake.tables.catalogue import differences
from ledgerlake_airflow.jobs import ArchiveFailed, BatchQuarantined, JobFailed

MESSAGE = "ConservationError: orders: of raw/orders/o.csv 9 rows were read; expected both sums to be equal"


class Glue:
    """Answers as Glue does: one run, in the state that the test wants."""

    def __init__(self, **run):
        self.started = []
        self.run = run
        self.meta = SimpleNamespace(
            client=SimpleNamespace(meta=SimpleNamespace(partition="aws", region_name="us-east-1"))
        )

    def start_job_run(self, **request):
        self.started.append(request)
        return {"JobRunId": "jr_1"}

    def get_job(self, **_):
        return {"Job": {"Name": "orders_etl"}}

    def get_job_runs(self, **_):
        return {"JobRuns": []}

    def get_job_run(self, **_):
        return {"JobRun": self.run}


@pytest.fixture
def orders_etl(run):
    run.xcoms["plan_batch", "return_value"] = {"batch_id": "b-1", "datasets": ["orders"]}
    return run.of("orders_etl")


def _with_glue(monkeypatch, glue):
    from airflow.providers.amazon.aws.hooks.glue import GlueJobHook

    monkeypatch.setattr(GlueJobHook, "conn", glue)
    monkeypatch.setattr(GlueJobHook, "get_conn", lambda _: glue)
    return glue


def test_a_job_whose_dataset_has_no_work_skips_itself(run, cloud):
    run.xcoms["plan_batch", "return_value"] = {"batch_id": "b-1", "datasets": ["products"]}
    context = run.of("orders_etl")
    with pytest.raises(AirflowSkipException, match="no delivery of orders"):
        context["task"].execute(context)


def test_a_job_is_started_under_the_lease_and_watched_in_the_triggerer(orders_etl, cloud, monkeypatch):
    glue = _with_glue(monkeypatch, Glue())
    with pytest.raises(TaskDeferred):
        orders_etl["task"].execute({**orders_etl, "ti": _glue_ti(orders_etl)})
    assert glue.started[0]["JobName"] == "orders_etl"
    assert lease.show(cloud.s3, cloud.bucket).holder == batch.LIVE


def test_a_job_waits_while_another_holds_the_lake(orders_etl, cloud, monkeypatch):
    glue = _with_glue(monkeypatch, Glue())
    lease.acquire(cloud.s3, cloud.bucket, "cli:somebody", 600)
    with pytest.raises(AirflowRescheduleException):
        orders_etl["task"].execute(orders_etl)
    assert glue.started == []


@pytest.mark.parametrize("task_id", ["archive_etl_files", "checks.counts_match_ledger"])
def test_archive_and_checks_wait_too_when_the_lease_was_lost(run, cloud, task_id):
    lease.acquire(cloud.s3, cloud.bucket, "cli:somebody", 600)
    run.xcoms["plan_batch", "return_value"] = {"batch_id": "b-1", "datasets": ["orders"]}
    context = run.of(task_id)
    with pytest.raises(AirflowRescheduleException):
        context["task"].execute(context)


def test_an_unwatched_run_of_the_job_is_waited_for(orders_etl, cloud, monkeypatch):
    glue = _with_glue(monkeypatch, Glue())

    def busy(**_):
        raise ClientError({"Error": {"Code": "ConcurrentRunsExceededException"}}, "StartJobRun")

    glue.start_job_run = busy
    with pytest.raises(AirflowRescheduleException):
        orders_etl["task"].execute({**orders_etl, "ti": _glue_ti(orders_etl)})


def test_any_other_rejection_by_glue_is_an_error(orders_etl, cloud, monkeypatch):
    glue = _with_glue(monkeypatch, Glue())

    def refused(**_):
        raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "StartJobRun")

    glue.start_job_run = refused
    with pytest.raises(ClientError):
        orders_etl["task"].execute({**orders_etl, "ti": _glue_ti(orders_etl)})


def test_a_job_that_quarantined_its_batch_is_not_retried(orders_etl, monkeypatch, run):
    said = "QualityError: orders: 300 of 400 rows of b-1 are rejected; next step: ledgerlake accept b-1"
    _with_glue(monkeypatch, Glue(JobRunState="FAILED", ErrorMessage=said))
    with pytest.raises(AirflowFailException, match="300 of 400 rows") as failed:
        orders_etl["task"].resume_execution("__fail__", {"error": "Trigger failure"}, orders_etl)
    assert type(failed.value) is BatchQuarantined


def test_jobs_that_renew_the_lease_at_the_same_moment_both_continue(orders_etl, cloud, monkeypatch):
    glue = _with_glue(monkeypatch, Glue())
    lease.acquire(cloud.s3, cloud.bucket, batch.LIVE, 600)
    monkeypatch.setattr(lease, "put_if_unchanged", lambda *_: False)  # the other was quicker
    with pytest.raises(TaskDeferred):
        orders_etl["task"].execute({**orders_etl, "ti": _glue_ti(orders_etl)})
    assert len(glue.started) == 1


def test_a_failed_job_raises_the_error_that_it_ended_with(orders_etl, monkeypatch, run):
    _with_glue(monkeypatch, Glue(JobRunState="FAILED", ErrorMessage=MESSAGE))
    run.xcoms["orders_etl", "glue_job_run_id"] = "jr_1"
    with pytest.raises(JobFailed) as failed:
        orders_etl["task"].resume_execution("__fail__", {"error": "Trigger failure"}, orders_etl)
    assert str(failed.value) == f"orders_etl FAILED: {MESSAGE} (Glue run jr_1)"


def test_without_a_response_of_glue_the_first_error_is_kept(orders_etl, monkeypatch):
    glue = _with_glue(monkeypatch, Glue())

    def away(**_):
        raise ClientError({"Error": {"Code": "AccessDenied"}}, "GetJobRun")

    glue.get_job_run = away
    with pytest.raises(JobFailed, match="Trigger failure"):
        orders_etl["task"].resume_execution("__fail__", {"error": "Trigger failure"}, orders_etl)


def _glue_ti(context):
    ti = context["ti"]
    ti.run_id, ti.map_index = "manual__1", -1
    return ti


def _archive_answers(monkeypatch, body, **more):
    from airflow.providers.amazon.aws.hooks.lambda_function import LambdaHook

    answer = {"StatusCode": 200, "Payload": io.BytesIO(json.dumps(body).encode()), **more}
    monkeypatch.setattr(LambdaHook, "invoke_lambda", lambda *_, **__: answer)


def test_an_error_of_the_archive_is_the_tasks_error_with_its_class(run, cloud, monkeypatch):
    error = {"errorType": "ArchiveError", "errorMessage": "raw/orders/o.csv differs from its copy"}
    _archive_answers(monkeypatch, error, FunctionError="Unhandled")
    run.xcoms["plan_batch", "return_value"] = {"batch_id": "b-1", "datasets": ["orders"]}
    context = run.of("archive_etl_files")
    with pytest.raises(ArchiveFailed, match=r"ArchiveError: raw/orders/o.csv differs from its copy"):
        context["task"].execute(context)


def test_an_archive_without_evidence_is_not_retried(run, cloud, monkeypatch):
    error = {"errorType": "NotPublished", "errorMessage": "batch b-1 is not published: orders: no part"}
    _archive_answers(monkeypatch, error, FunctionError="Unhandled")
    run.xcoms["plan_batch", "return_value"] = {"batch_id": "b-1", "datasets": ["orders"]}
    context = run.of("archive_etl_files")
    with pytest.raises(AirflowFailException, match="NotPublished: batch b-1 is not published: orders"):
        context["task"].execute(context)


def test_what_the_archive_did_is_kept(run, cloud, monkeypatch):
    done = {"batch_id": "b-1", "archived": 31, "already_there": 0, "bytes": 9}
    _archive_answers(monkeypatch, done)
    run.xcoms["plan_batch", "return_value"] = {"batch_id": "b-1", "datasets": ["orders"]}
    context = run.of("archive_etl_files")
    assert context["task"].execute(context) == done


def test_files_that_were_deleted_before_archiving_are_kept_for_the_report(run, cloud, monkeypatch):
    done = {"batch_id": "b-1", "archived": 1, "already_there": 0, "bytes": 9, "missing": ["raw/orders/gone.csv"]}
    _archive_answers(monkeypatch, done)
    run.xcoms["plan_batch", "return_value"] = {"batch_id": "b-1", "datasets": ["orders"]}
    context = run.of("archive_etl_files")
    assert context["task"].execute(context)["missing"] == ["raw/orders/gone.csv"]


def test_the_archive_is_waited_for_longer_than_a_lambda_runs_and_called_once(run):
    config = run.dag.get_task("archive_etl_files").botocore_config
    assert config["read_timeout"] > 900
    assert config["retries"] == {"total_max_attempts": 1}


@pytest.fixture
def catalogued(cloud):
    cloud.glue.create_database(DatabaseInput={"Name": names.DATABASE})
    for table in catalogue.delta_tables():
        columns = [{"Name": name, "Type": kind} for name, kind in reversed(table.columns)]
        cloud.glue.create_table(
            DatabaseName=names.DATABASE, TableInput={"Name": table.name, "StorageDescriptor": {"Columns": columns}}
        )
    return cloud


@pytest.fixture
def crawler(run, monkeypatch):
    from airflow.providers.amazon.aws.operators.glue_crawler import GlueCrawlerRunOperator

    crawled = []
    monkeypatch.setattr(GlueCrawlerRunOperator, "execute", lambda *_: crawled.append(1) or "crawled")
    context = run.of("crawl_lakehouse")
    return SimpleNamespace(crawled=crawled, run=lambda: context["task"].execute(context))


def test_the_crawler_is_skipped_when_the_catalogue_is_current(catalogued, crawler):
    with pytest.raises(AirflowSkipException):
        crawler.run()
    assert crawler.crawled == []


def test_the_crawler_runs_when_a_table_is_missing(catalogued, crawler):
    catalogued.glue.delete_table(DatabaseName=names.DATABASE, Name="orders")
    assert differences(catalogued.glue) == ["orders is not in ecommerce_dwh"]
    crawler.run()
    assert crawler.crawled == [1]


def test_the_crawler_runs_when_a_column_has_another_type(catalogued, crawler):
    columns = [{"Name": "product_id", "Type": "string"}]
    catalogued.glue.update_table(
        DatabaseName=names.DATABASE, TableInput={"Name": "products", "StorageDescriptor": {"Columns": columns}}
    )
    assert "product_id string" in differences(catalogued.glue)[0]
    crawler.run()
    assert crawler.crawled == [1]


def test_the_crawler_runs_when_it_is_requested(catalogued, crawler, run):
    run.params["crawl"] = True
    crawler.run()
    assert crawler.crawled == [1]
