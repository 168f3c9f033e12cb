"""Athena queries, and the operator that fails when a check fails for the first time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from airflow.providers.amazon.aws.hooks.athena import AthenaHook
from airflow.providers.amazon.aws.operators.athena import AthenaOperator
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from ledgerlake import names
from ledgerlake.reporting import check_failures, failures
from ledgerlake.reporting.check_failures import Observed
from ledgerlake.reporting.failures import LONGEST
from ledgerlake.settings import Settings
from ledgerlake.tables.checks import Check
from ledgerlake_airflow import PLAN
from ledgerlake_airflow.aws import CONNECTION, client, lake, pause_of
from ledgerlake_airflow.lease_wait import acquire_or_reschedule

QUERY_SECONDS = 600
_RESULT = "return_value"


@dataclass(frozen=True)
class QueryResult:
    """The rows of a query, as text by column, and the id of the query."""

    rows: list[dict[str, str | None]]
    query_id: str | None = None


class CheckFailed(AirflowFailException):
    """Rows violate a check; not retried, since a repeated query does not fix them."""


class AthenaCheckOperator(AthenaOperator):
    """Query the rows that violate `check`, and fail with their keys when no earlier run has observed the failure.

    A failure that is open since an earlier run skips the task with a message, so newer deliveries are processed.
    """

    def __init__(self, *, check: Check, settings: Settings, **kwargs: Any) -> None:
        """Make the operator of `check`, whose name is the id of the task."""
        super().__init__(
            task_id=check.name,
            query=check.sql,
            database=names.DATABASE,
            workgroup=names.WORKGROUP,
            sleep_time=_pause(settings),  # type: ignore[arg-type]  # seconds for sleep, which takes fractions
            max_polling_attempts=_attempts(settings),
            deferrable=False,
            **kwargs,
        )
        self.check = check

    def execute(self, context: Context) -> str | None:
        """Run the query and record its result."""
        acquire_or_reschedule(context)  # while another run publishes, table and ledger may differ
        query_id = super().execute(context)
        context["ti"].xcom_push(key=_RESULT, value=query_id)  # also when the task fails, since the query was billed
        observed = self._observe(context, query_id)
        still = "; ".join(each.still_open for each in observed.still)
        if observed.first:
            findings = "; ".join(f"{each.dataset}: {each.finding}" for each in observed.first)
            raise CheckFailed(f"{self.task_id}: {findings}{still and f'; {still}'}"[:LONGEST])
        for closed in observed.closed:
            self.log.info("%s", closed.passes_again)
        if still:
            raise AirflowSkipException(still[:LONGEST])
        return query_id

    def _observe(self, context: Context, query_id: str | None) -> Observed:
        return check_failures.observe(
            client("s3"),
            lake().bucket,
            self.check,
            result_rows(self.hook, query_id),
            run_id=context["dag_run"].run_id,
            batch_id=(context["ti"].xcom_pull(task_ids=PLAN) or {}).get("batch_id") or "",
        )


def run_query(sql: str, settings: Settings) -> QueryResult:
    """Run a query and return its rows.

    Raises:
        AirflowException: the query did not succeed; the message holds the reason.
    """
    hook = AthenaHook(aws_conn_id=CONNECTION)
    query_id = hook.run_query(sql, {"Database": names.DATABASE}, {}, None, names.WORKGROUP)
    state = hook.poll_query_status(query_id, _attempts(settings), _pause(settings))  # type: ignore[arg-type]
    if state not in AthenaHook.SUCCESS_STATES:
        raise AirflowException(failures.query_reason(query_id, str(state), hook.get_state_change_reason(query_id)))
    return QueryResult(result_rows(hook, query_id), query_id)


def result_rows(hook: AthenaHook, query_id: str | None) -> list[dict[str, str | None]]:
    """Return the rows of a finished query, as text by column."""
    pages = hook.get_query_results_paginator(str(query_id))
    if pages is None:
        raise AirflowException(f"Athena query {query_id} has no result")
    rows = [[cell.get("VarCharValue") for cell in row["Data"]] for page in pages for row in page["ResultSet"]["Rows"]]
    names, values = rows[0], rows[1:]  # the first row of the first page holds the names
    return [dict(zip(map(str, names), row, strict=True)) for row in values]


def _pause(settings: Settings) -> float:
    return min(5, pause_of(settings))


def _attempts(settings: Settings) -> int:
    return int(QUERY_SECONDS / _pause(settings))
