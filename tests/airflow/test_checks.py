"""Athena checks: they fail on what the rows say."""

from __future__ import annotations

import boto3
import pytest
import requests
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from ledgerlake import places, settings
from ledgerlake_airflow import athena

NAMES = ("dataset", "offending", "detail")


@pytest.fixture
def answer(cloud):
    """Lets Athena answer the next query with these rows."""
    where = f"s3://{cloud.bucket}/athena-results/"
    boto3.client("athena").create_work_group(
        Name=places.WORKGROUP, Configuration={"ResultConfiguration": {"OutputLocation": where}}
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


def test_a_check_fails_with_its_name_what_is_broken_and_the_keys(run, answer):
    answer(NAMES, ("orders", "17", "2 rows of one key"), ("products", "4", "3 rows of one key"))
    with pytest.raises(athena.CheckFailed) as failed:
        _check(run)
    assert str(failed.value) == (
        "checks.primary_keys_unique: not true that every key has one row: "
        "orders 17 (2 rows of one key); products 4 (3 rows of one key)"
    )


def test_a_broken_check_is_not_asked_again(run, answer):
    assert issubclass(athena.CheckFailed, AirflowFailException)


def test_no_more_than_twenty_keys_are_named(run, answer):
    answer(NAMES, *(("orders", f"k{n}", "2 rows of one key") for n in range(30)))
    with pytest.raises(athena.CheckFailed) as failed:
        _check(run)
    assert "k19" in str(failed.value)
    assert "k20" not in str(failed.value)


def test_each_check_shows_its_sql_and_asks_in_the_lakes_workgroup(dag):
    for task in dag.task_group.get_task_group_dict()["checks"]:
        assert "FROM" in task.query
        assert "query" in task.template_fields
        assert (task.database, task.workgroup) == (places.DATABASE, places.WORKGROUP)
        assert task.sleep_time * task.max_polling_attempts <= 600


def test_rows_come_as_text_by_column(answer):
    answer(("dataset", "files"), ("orders", "15"))
    found = athena.ask("SELECT 1", settings.current())
    assert found.rows == [{"dataset": "orders", "files": "15"}]
    asked = boto3.client("athena").get_query_execution(QueryExecutionId=found.query_id)["QueryExecution"]
    assert asked["Query"] == "SELECT 1"


def test_a_query_that_does_not_succeed_is_an_error(answer, monkeypatch):
    monkeypatch.setattr(athena.AthenaHook, "poll_query_status", lambda *_, **__: "FAILED")
    with pytest.raises(AirflowException, match="is FAILED"):
        athena.ask("SELECT 1", settings.current())
