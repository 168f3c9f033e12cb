"""`logs`: the runs of the Glue jobs and what they printed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import typer
from botocore.exceptions import ClientError

from cli.clients import connection
from cli.clients.connection import Connection
from cli.console import stdout
from cli.failures import UsageError
from cli.rows import Rows
from cli.views.showing import Format, FormatOption, show
from ledgerlake.contracts import DATASETS

_GROUPS = ("/aws-glue/jobs/output", "/aws-glue/jobs/error")
_COLUMNS = ("run", "job", "state", "started", "seconds", "error")


def logs(
    ctx: typer.Context,
    run: Annotated[str | None, typer.Argument(help="A run's id, or its beginning, or `last`.", metavar="[RUN]")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="Runs listed.")] = 15,
    style: FormatOption = Format.TABLE,
) -> None:
    """List the runs of the Glue jobs, newest first, or print the log of one.

    Example: ledgerlake logs last
    """
    lake = connection.of(ctx)
    runs = job_runs(lake)
    if run is None:
        show(Rows(_COLUMNS, [_row(each) for each in runs[:limit]]), style)
        return
    for line in log_lines(lake, choose(runs, run)):
        stdout.print(line.rstrip("\n").expandtabs(), soft_wrap=True)


def job_runs(lake: Connection) -> list[dict[str, Any]]:
    """Glue's own records, newest first, over all jobs."""
    glue = lake.client("glue")
    found: list[dict[str, Any]] = []
    for dataset in DATASETS.values():
        found += glue.get_job_runs(JobName=dataset.job, MaxResults=100)["JobRuns"]
    return sorted(found, key=lambda each: str(each.get("StartedOn", "")), reverse=True)


def choose(runs: list[dict[str, Any]], wanted: str) -> dict[str, Any]:
    """Return the run whose id begins with `wanted`; the newest for `last`.

    Raises:
        UsageError: there is none, or more than one.
    """
    matching = runs[:1] if wanted == "last" else [each for each in runs if each["Id"].startswith(wanted)]
    if len(matching) != 1:
        raise UsageError(
            f"{len(matching) or 'no'} runs are called {wanted}…", expected="one", remedy="ledgerlake logs lists them"
        )
    return matching[0]


def log_lines(lake: Connection, run: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of its log, each with its line end."""
    if lake.home is None or lake.home.addresses:  # its files are in another container
        yield from _cloudwatch_lines(lake, run["Id"])
        return
    path = lake.home.logs / "glue" / run["JobName"] / f"{run['Id']}.log"
    if not path.exists():
        raise UsageError(f"{path} is not there", expected="the log of a run of this lake")
    with path.open(encoding="utf-8", errors="replace") as file:
        yield from file


def _cloudwatch_lines(lake: Connection, run_id: str) -> Iterator[str]:
    """Output, then errors; a stream that was never written is skipped."""
    client = lake.client("logs")
    for group in _GROUPS:
        try:
            pages = client.get_paginator("filter_log_events").paginate(logGroupName=group, logStreamNamePrefix=run_id)
            for page in pages:
                yield from (event["message"].rstrip("\n") + "\n" for event in page["events"])
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise


def _row(run: dict[str, Any]) -> list[Any]:
    started = run.get("StartedOn")
    error = str(run.get("ErrorMessage") or "")
    when = f"{started:%Y-%m-%d %H:%M:%S}" if started else None
    return [run["Id"], run["JobName"], run["JobRunState"], when, run.get("ExecutionTime"), error or None]
