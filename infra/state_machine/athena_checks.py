"""Queries of Athena: the checks of the contracts, and the ledger's figures for the notification."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from infra.state_machine import retries
from infra.state_machine.states import (
    CAUSE,
    ERROR,
    State,
    States,
    caught_inside,
    failure,
    jsonata,
    task,
    text,
)
from ledgerlake import names
from ledgerlake.reporting.success_notification import figures_sql
from ledgerlake.tables.checks import Check

_QUERY_SECONDS = 600
_CELL = "function($cell) { $exists($cell.VarCharValue) ? $cell.VarCharValue : '' }"
_ROWS = (
    # $reduce, because $map makes a single row no list of one row
    "$reduce($states.result.ResultSet.Rows, "
    f"function($rows, $row) {{ $append($rows, [[$map($row.Data, {_CELL})]]) }}, [])"
)
"""The rows as lists of text, the header first; NULL is the empty text."""
_SCANNED = "$states.result.QueryExecution.Statistics.DataScannedInBytes"
"""Needed for the cost of the run; JSONata omits a field without a value."""
_MARK = "<batch>"


def checking(checks: Sequence[Check], following: str) -> States:
    """Return the states from `Checks` to `following`; every check runs, whatever the others return.

    ReportETLRun reads the results by the ids of the queries, since rows would not fit between states.
    """
    item = jsonata("$states.input.check")
    return {
        "Checks": {
            "Type": "Map",
            "Items": [{"check": each.name, "sql": each.sql} for each in checks],
            "MaxConcurrency": len(checks),
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "INLINE"},
                "StartAt": "RunCheck",
                "States": {
                    "RunCheck": _query(
                        jsonata("$states.input.sql"),
                        Output=jsonata(
                            "{'check': $states.input.check, "
                            f"'query': $states.result.QueryExecution.QueryExecutionId, 'scanned': {_SCANNED}}}"
                        ),
                        Catch=caught_inside(item, "CheckNotAnswered"),
                        End=True,
                    ),
                    "CheckNotAnswered": {"Type": "Pass", "End": True},
                },
            },
            "Assign": {
                "checks": jsonata("[$states.result]"),
                "scanned": jsonata("[$states.result.scanned]"),
            },
            "Catch": [
                {
                    "ErrorEquals": ["States.ALL"],
                    "Assign": {"checks": [failure("Checks")], "scanned": []},
                    "Next": following,
                }
            ],
            "Next": following,
        },
    }


def figures(following: str) -> States:
    """Return the states from `ReadFigures` to `following`; without figures the notification is still sent."""
    before, after = figures_sql(_MARK).split(_MARK)
    problem = {
        "ErrorEquals": ["States.ALL"],
        "Assign": {"figures": {"problem": jsonata(f"{ERROR} & ': ' & {CAUSE}")}},
        "Next": following,
    }
    return {
        "ReadFigures": _query(
            jsonata(f"{text(before)} & $plan.batch_id & {text(after)}"),
            Output=jsonata(f"{{'query': $states.result.QueryExecution.QueryExecutionId, 'scanned': {_SCANNED}}}"),
            Catch=[problem],
            Next="GetFigures",
        ),
        "GetFigures": _results(
            jsonata("$states.input.query"),
            1000,
            Assign={"figures": jsonata(f"{{'rows': {_ROWS}, 'scanned': $states.input.scanned}}")},
            Catch=[problem],
            Next=following,
        ),
    }


def _query(sql: str, **more: Any) -> State:
    arguments = {
        "QueryString": sql,
        "QueryExecutionContext": {"Database": names.DATABASE},
        "WorkGroup": names.WORKGROUP,
    }
    return task("athena:startQueryExecution.sync", arguments, seconds=_QUERY_SECONDS, retry=[retries.ATHENA], **more)


def _results(query: str, rows: int, **more: Any) -> State:
    arguments = {"QueryExecutionId": query, "MaxResults": rows}
    return task("athena:getQueryResults", arguments, seconds=60, retry=[retries.ATHENA], **more)
