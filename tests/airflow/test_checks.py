"""Athena checks: they fail on what the rows say."""

from __future__ import annotations

import boto3
import pytest
import requests
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from ledgerlake import names, settings
from ledgerlake.reporting.check_failures import open_failures
from ledgerlake_airflow import athena

NAMES = ("dataset", "offending", "detail")


@pytest.fixture
def answer(cloud):
    """Lets Athena answer the next query with these rows."""
    where = f"s3://{cloud.bucket}/athena-results/"
    boto3.client("athena").create_work_group(
        Name=names.WORKGROUP, Configuration={"ResultConfiguration": {"OutputLocation": where}}
    )

    def queue(*rows):
        table = [{"Data": [{"VarCharValue": cell} for cell in row]} for row in rows]
        body = {"results": [{"rows": table, "column_info": []}]}
        requests.post("http://motoapi.amazonaws.com/moto-api/static/athena/query-results", json=body, timeout=5)

    return queue


def _check(run, name="primary_keys_unique"):
    context = run.of(f"checks.{name}")
    return context["task"].execute(context)


def test_a_check_passes_when_no_row_comes_back(run, answer):
    answer(NAMES)
    assert _check(run)


def test_a_check_fails_with_its_name_the_condition_and_the_keys(run, answer):
    answer(NAMES, ("orders", "17", "2 rows of one key"), ("products", "4", "3 rows of one key"))
    with pytest.raises(athena.CheckFailed) as failed:
        _check(run)
    assert str(failed.value) == (
        "checks.primary_keys_unique: orders: not true that every key has one row: 1 row: 17 (2 rows of one key); "
        "products: not true that every key has one row: 1 row: 4 (3 rows of one key)"
    )
    assert run.xcoms["checks.primary_keys_unique", "return_value"], "its query is paid for"


def test_the_next_run_that_observes_the_failure_skips_the_check(run, answer):
    answer(NAMES, ("orders", "17", "2 rows of one key"))
    with pytest.raises(athena.CheckFailed):
        _check(run)
    run.run_id = "scheduled__next"
    answer(NAMES, ("orders", "17", "2 rows of one key"))
    with pytest.raises(
        AirflowSkipException, match=r"still open since .*: primary_keys_unique of orders: .* 17 \(2 rows"
    ):
        _check(run)


def test_a_retry_of_the_run_that_saw_it_first_fails_again(run, answer):
    for _ in range(2):
        answer(NAMES, ("orders", "17", "2 rows of one key"))
        with pytest.raises(athena.CheckFailed):
            _check(run)


def test_a_new_failure_beside_one_that_is_open_fails_the_run_and_names_both(run, answer):
    answer(NAMES, ("orders", "17", "2 rows of one key"))
    with pytest.raises(athena.CheckFailed):
        _check(run)
    run.run_id = "scheduled__next"
    answer(NAMES, ("orders", "17", "2 rows of one key"), ("products", "4", "3 rows of one key"))
    with pytest.raises(athena.CheckFailed, match=r"products: not true .* 4 \(3 rows.*still open since .* of orders"):
        _check(run)


def test_the_first_run_that_sees_it_pass_closes_it(run, cloud, answer):
    answer(NAMES, ("orders", "17", "2 rows of one key"))
    with pytest.raises(athena.CheckFailed):
        _check(run)
    run.run_id = "scheduled__next"
    answer(NAMES)
    assert _check(run)
    assert open_failures(cloud.s3, cloud.bucket) == ()


def test_a_failed_check_is_not_retried(run, answer):
    assert issubclass(athena.CheckFailed, AirflowFailException)


def test_ten_keys_are_named_and_the_others_counted(run, answer):
    answer(NAMES, *(("orders", f"k{n}", "2 rows of one key") for n in range(20)))
    with pytest.raises(athena.CheckFailed) as failed:
        _check(run)
    assert "at least 20 rows: k0" in str(failed.value)
    assert "k9 " in str(failed.value)
    assert "k10" not in str(failed.value)


def test_each_check_shows_its_sql_and_runs_in_the_lakes_workgroup(dag):
    for task in dag.task_group.get_task_group_dict()["checks"]:
        assert "FROM" in task.query
        assert "query" in task.template_fields
        assert (task.database, task.workgroup) == (names.DATABASE, names.WORKGROUP)
        assert task.sleep_time * task.max_polling_attempts <= 600


def test_rows_come_as_text_by_column(answer):
    answer(("dataset", "files"), ("orders", "15"))
    found = athena.run_query("SELECT 1", settings.current())
    assert found.rows == [{"dataset": "orders", "files": "15"}]
    execution = boto3.client("athena").get_query_execution(QueryExecutionId=found.query_id)["QueryExecution"]
    assert execution["Query"] == "SELECT 1"


def test_a_query_that_does_not_succeed_is_an_error(answer, monkeypatch):
    monkeypatch.setattr(athena.AthenaHook, "poll_query_status", lambda *_, **__: "FAILED")
    with pytest.raises(AirflowException, match="is FAILED"):
        athena.run_query("SELECT 1", settings.current())
