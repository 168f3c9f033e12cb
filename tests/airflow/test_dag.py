"""The DAG as Airflow sees it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ledgerlake import settings
from ledgerlake.contracts import DATASETS
from ledgerlake.tables.checks import checks

ROOT = Path(__file__).resolve().parents[2]
JOBS = [dataset.job for dataset in DATASETS.values()]
CHECKS = [f"checks.{check.name}" for check in checks()]


@pytest.fixture(params=["ecommerce_lakehouse", "ecommerce_lakehouse_by_date"])
def each_dag(bag, request):
    return bag.dags[request.param]


def test_they_import_without_errors(bag):
    assert bag.import_errors == {}
    assert list(bag.dags) == ["ecommerce_lakehouse", "ecommerce_lakehouse_by_date"]


@pytest.mark.slow
def test_they_import_where_the_managed_airflow_has_them(tmp_path):
    """MWAA unpacks plugins.zip elsewhere than the DAGs, and puts both folders on the path."""
    for folder in ("dags", "plugins"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    code = (
        "from airflow.dag_processing.dagbag import DagBag; b = DagBag(bundle_path=None);"
        "print(b.import_errors, sorted(b.dags))"
    )
    environ = os.environ | {
        "PYTHONPATH": f"{tmp_path}/dags:{tmp_path}/plugins",
        "AIRFLOW__CORE__DAGS_FOLDER": f"{tmp_path}/dags",
        "AIRFLOW__CORE__PLUGINS_FOLDER": f"{tmp_path}/plugins",
        "AIRFLOW_HOME": f"{tmp_path}",
    }
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environ, cwd=tmp_path
    )
    assert answer.stdout.splitlines()[-1] == "{} ['ecommerce_lakehouse', 'ecommerce_lakehouse_by_date']"


def test_parsing_it_again_takes_less_than_a_second(bag):
    from airflow.dag_processing.dagbag import DagBag

    began = time.process_time()  # of the processor: other tests may keep the machine busy
    DagBag(str(ROOT / "dags" / "ecommerce_lakehouse.py"))
    assert time.process_time() - began < 1


def test_its_tasks_are_those_of_the_picture(dag, by_date_dag):
    rest = {"plan_batch", "archive_etl_files", "crawl_lakehouse", "acknowledge", "succeeded", "report"}
    assert set(by_date_dag.task_ids) == rest | set(JOBS) | set(CHECKS)
    assert set(dag.task_ids) == set(by_date_dag.task_ids) | {"wait_for_deliveries"}


def test_both_ways_to_start_it_run_one_pipeline(dag, by_date_dag):
    for one, other in zip(_pipeline(dag), _pipeline(by_date_dag), strict=True):
        assert type(one) is type(other)
        assert (one.task_id, one.upstream_task_ids, one.downstream_task_ids) == (
            other.task_id,
            other.upstream_task_ids,
            other.downstream_task_ids,
        )
        assert (one.retries, one.trigger_rule, one.execution_timeout) == (
            other.retries,
            other.trigger_rule,
            other.execution_timeout,
        )


def _pipeline(dag):
    return sorted(dag.task_group.get_child_by_label("pipeline").iter_tasks(), key=lambda task: task.task_id)


def test_the_live_run_waits_first(dag):
    assert dag.get_task("wait_for_deliveries").downstream_task_ids == {"plan_batch"}


def test_parents_are_loaded_side_by_side_and_before_their_children(each_dag):
    assert each_dag.get_task("plan_batch").downstream_task_ids == {"product_etl", "orders_etl"}
    assert each_dag.get_task("order_items_etl").upstream_task_ids == {"product_etl", "orders_etl"}


def test_checks_come_after_archive_and_crawler_and_before_the_acknowledgement(each_dag):
    assert each_dag.get_task("archive_etl_files").upstream_task_ids == {"order_items_etl"}
    assert each_dag.get_task("crawl_lakehouse").upstream_task_ids == {"archive_etl_files"}
    for check in CHECKS:
        assert each_dag.get_task(check).upstream_task_ids == {"crawl_lakehouse"}
    assert each_dag.get_task("acknowledge").upstream_task_ids == set(CHECKS)


def test_a_skip_does_not_spread_and_a_failure_does(each_dag):
    for task_id in [*JOBS, "archive_etl_files", *CHECKS, "succeeded"]:
        assert each_dag.get_task(task_id).trigger_rule == "none_failed", task_id


def test_the_acknowledgement_reads_evidence_whatever_happened_before(each_dag):
    assert each_dag.get_task("acknowledge").trigger_rule == "all_done"


def test_a_run_is_red_when_anything_in_it_failed(each_dag):
    """The state of a run is that of its leaves, and only `succeeded` is one: the report is a teardown."""
    succeeded = each_dag.get_task("succeeded")
    assert succeeded.upstream_task_ids >= {*JOBS, *CHECKS, "archive_etl_files", "crawl_lakehouse", "acknowledge"}
    assert succeeded.downstream_task_ids == {"report"}
    others = [task for task in each_dag.tasks if not task.is_teardown and task.task_id != "succeeded"]
    assert all(set(task.downstream_task_ids) - {"report"} for task in others)


def test_the_report_waits_for_all_that_may_still_run_and_does_not_decide_the_runs_state(each_dag):
    report = each_dag.get_task("report")
    assert report.is_teardown
    assert not report.on_failure_fail_dagrun
    assert report.upstream_task_ids >= {*JOBS, *CHECKS, "acknowledge"}


def test_one_run_at_a_time_and_always_one(dag):
    assert (type(dag.timetable).__name__, dag.timetable.summary) == ("Always", "@continuous")
    assert dag.max_active_runs == 1
    assert not dag.catchup


def test_no_message_is_deleted_on_reception(dag):
    wait = dag.get_task("wait_for_deliveries")
    assert wait.delete_message_on_reception is False
    assert not wait.soft_fail
    assert wait.visibility_timeout == 900


def test_long_waits_are_deferred_and_short_ones_are_not(dag):
    deferred = {task.task_id for task in dag.tasks if getattr(task, "deferrable", False)}
    assert deferred == {"wait_for_deliveries", *JOBS}


def test_what_triggers_need_is_installed():
    assert importlib.util.find_spec("aiobotocore")


def test_jobs_and_crawler_are_never_created_or_changed(each_dag):
    for job in JOBS:
        task = each_dag.get_task(job)
        assert task.job_name == job
        assert (task.create_job_kwargs, task.script_location, task.iam_role_name) == (None, None, None)
        assert not task.update_config
        assert not task.stop_job_run_on_kill
    assert not hasattr(each_dag.get_task("crawl_lakehouse"), "config")


def test_a_job_receives_only_the_batch(dag):
    context = {"ti": type("Ti", (), {"xcom_pull": lambda self, task_ids: {"batch_id": "b-1"}})()}
    for job in JOBS:
        task = dag.get_task(job)
        assert task.render_template(task.script_args, context) == {"--batch_id": "b-1"}
    archive = dag.get_task("archive_etl_files")
    assert archive.render_template(archive.payload, context) == '{"batch_id": "b-1"}'


def test_jobs_queries_and_the_crawler_are_polled_as_often_as_the_settings_say(dag):
    assert settings.current().poll_seconds == 0.3
    check = dag.task_group.get_task_group_dict()["checks"]
    assert {dag.get_task(job).waiter_delay for job in JOBS} == {0.3}
    assert {task.sleep_time for task in check} == {0.3}
    assert dag.get_task("crawl_lakehouse").poll_interval == 0.3


def test_a_job_is_watched_for_longer_than_it_may_run(dag):
    task = dag.get_task("orders_etl")
    assert task.waiter_delay * task.waiter_max_attempts > 20 * 60


def test_every_task_is_retried_with_back_off_and_ends_some_time(each_dag):
    for task in each_dag.tasks:
        assert task.retries >= 1, task.task_id
        assert task.retry_exponential_backoff, task.task_id
        assert task.execution_timeout, task.task_id
        assert task.owner == "data-platform"
        assert task.on_failure_callback, task.task_id


def test_a_plan_that_waits_has_tries_to_spare(each_dag):
    assert each_dag.get_task("plan_batch").retries > each_dag.get_task("acknowledge").retries


def test_its_documentation_says_what_to_do_when_it_fails(dag):
    _, _, remedy = dag.doc_md.partition("### When it fails")
    for command in (
        "ledgerlake logs",
        "ledgerlake run --wait",
        "ledgerlake rejects",
        "ledgerlake lease release",
        "ledgerlake accept",
    ):
        assert command in remedy


def test_the_documentation_of_runs_by_date_says_how_to_resume(by_date_dag):
    _, _, remedy = by_date_dag.doc_md.partition("### When it fails")
    for command in (
        "clear the failed task",
        "ledgerlake backfill --from",
        "ledgerlake accept",
        "ledgerlake lease release",
    ):
        assert command in remedy


def test_runs_by_date_are_daily_for_the_day_before_and_four_at_a_time(by_date_dag):
    assert type(by_date_dag.schedule).__name__ == "EveryDay"
    assert by_date_dag.timetable.summary == "0 0 * * *"
    assert str(by_date_dag.timezone) == "UTC"
    assert (by_date_dag.max_active_runs, by_date_dag.catchup) == (4, False)


def test_the_form_of_a_run_by_date_offers_days_datasets_and_what_to_process(by_date_dag):
    assert by_date_dag.params.dump() == {
        "from": None,
        "to": None,
        "datasets": list(DATASETS),
        "reprocess": "both",
        "reason": "",
    }
    assert by_date_dag.params.get_param("datasets").schema["examples"] == list(DATASETS)
    assert by_date_dag.params.get_param("from").schema["format"] == "date"


def test_the_form_of_a_manual_run_has_defaults(dag):
    assert dag.params.dump() == {"reason": "", "crawl": False}


def test_airflow_takes_no_file_of_the_plugins_for_a_plugin():
    code = (
        "import sys; from airflow import plugins_manager as p; p.ensure_plugins_loaded()"
        " if hasattr(p, 'ensure_plugins_loaded') else p._get_plugins();"
        "print([m for m in ('sensor', 'jobs', 'athena', 'messages') if m in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.splitlines()[-1] == "[]"


def test_requirements_for_mwaa_pin_what_was_tested():
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    wanted = [line for line in lines if line and not line.startswith("#")]
    tested = (ROOT / "requirements" / "airflow.txt").read_text().splitlines()
    assert wanted
    assert set(wanted) <= set(tested)
    assert not any("-c " in line or "--constraint" in line for line in lines)  # MWAA would not add its own
