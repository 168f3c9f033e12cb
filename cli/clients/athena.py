"""Asking Athena: start a query, wait for it, read every page of its answer."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from cli.clients.connection import Connection
from cli.failures import Failed, TimedOut
from cli.rows import Rows
from ledgerlake import keys, names

TIMEOUT_SECONDS = 900


def ask(lake: Connection, sql: str) -> Rows:
    """Return the answer to `sql` in the database `ecommerce_dwh`; values are texts, their types stand beside them.

    Raises:
        Failed: Athena refused the query, with its reason.
        TimedOut: after a quarter of an hour.
    """
    athena = lake.client("athena")
    query_id = athena.start_query_execution(
        QueryString=sql,
        QueryExecutionContext={"Database": names.DATABASE},
        WorkGroup=names.WORKGROUP,
        ResultConfiguration={"OutputLocation": lake.places.uri(keys.ATHENA_RESULTS)},
    )["QueryExecutionId"]
    try:
        _wait(athena, query_id)
    except KeyboardInterrupt:
        athena.stop_query_execution(QueryExecutionId=query_id)
        raise
    pages = athena.get_paginator("get_query_results").paginate(QueryExecutionId=query_id)
    return _rows(pages)


def _wait(athena: Any, query_id: str) -> None:
    until = time.monotonic() + TIMEOUT_SECONDS
    pause = 0.1
    while time.monotonic() < until:
        execution = athena.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]
        status = execution["Status"]
        if status["State"] == "SUCCEEDED":
            return
        if status["State"] in ("FAILED", "CANCELLED"):
            raise Failed(
                f"Athena: {status.get('StateChangeReason') or status['State']}",
                expected="a query in Athena's SQL over the tables of ecommerce_dwh",
                remedy='ledgerlake query "SHOW TABLES"',
            )
        time.sleep(pause)
        pause = min(pause * 1.5, 2)
    raise TimedOut(f"query {query_id} still runs", expected=f"an answer within {TIMEOUT_SECONDS} s")


def _rows(pages: Iterator[dict[str, Any]]) -> Rows:
    columns: list[str] = []
    kinds: list[str] = []
    rows: list[list[str | None]] = []
    for page in pages:
        answer = page["ResultSet"]
        if not columns:
            described = answer["ResultSetMetadata"]["ColumnInfo"]
            columns = [column["Name"] for column in described]
            kinds = [column["Type"] for column in described]
        rows += [[cell.get("VarCharValue") for cell in row.get("Data", [])] for row in answer["Rows"]]
    # A SELECT repeats its header as the first row; SHOW and DESCRIBE do not.
    return Rows(columns, rows[1:] if rows and rows[0] == columns else rows, kinds=kinds)
