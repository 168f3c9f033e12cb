"""`cost`: what runs have cost, what a unit costs, and what more data would."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import typer

from cli.clients import connection
from cli.clients.athena import ask
from cli.clients.connection import Connection
from cli.commands.query import of_batch
from cli.failures import UsageError
from cli.rows import Rows
from cli.views import growth
from cli.views.showing import Format, FormatOption, show
from ledgerlake.costs import prices
from ledgerlake.tables.runs import COLUMNS

_NAMES = tuple(name for name, _ in COLUMNS)
_LISTED = {
    "batch_id": "batch",
    "finished_at": "finished",
    "deliveries": "files",
    "billed_dpu_seconds": "DPU-s",
    "glue_dollars": "Glue $",
    "crawler_dollars": "crawler $",
    "billed_bytes": "Athena MB",
    "athena_dollars": "Athena $",
    "requests_dollars": "requests $",
    "functions_dollars": "Lambda $",
    "states_dollars": "states $",
    "total_dollars": "total $",
}
"""Columns of the table for people, and what they are called there."""
_SUMMED = tuple(name for name in _LISTED if name not in ("batch_id", "finished_at"))
Record = dict[str, Any]


def cost(
    ctx: typer.Context,
    batch: Annotated[str | None, typer.Argument(help="Only this batch, service by service.", metavar="[BATCH]")] = None,
    since: Annotated[
        datetime | None, typer.Option("--since", formats=["%Y-%m-%d"], help="Only runs that ended since then.")
    ] = None,
    show_prices: Annotated[
        bool, typer.Option("--prices", help="The price of each unit, and where it is from.")
    ] = False,
    estimate: Annotated[
        list[float] | None,
        typer.Option(
            "--estimate-gb-per-day", min=0.001, metavar="N", help="What so much a day would cost; may be repeated."
        ),
    ] = None,
    batches: Annotated[int, typer.Option("--batches-per-day", min=1, help="For the estimate.")] = 24,
    days: Annotated[int, typer.Option("--after-days", min=1, help="For the estimate: how old the lake is.")] = 365,
    style: FormatOption = Format.TABLE,
) -> None:
    """Show what each run that finished a batch has cost, by AWS's list prices.

    Storage, Airflow itself and what else costs by the month is not among it. Of a local lake it is what the same
    run would cost at AWS, if it took as long there.

    Example: ledgerlake cost --since 2025-04-01

    Example: ledgerlake cost 20250401T080000Z-1a2b3c4d

    Example: ledgerlake cost --estimate-gb-per-day 100
    """
    if sum([batch is not None, since is not None, show_prices, bool(estimate)]) > 1:
        raise UsageError("a batch, --since, --prices and --estimate-gb-per-day", expected="one of them")
    if show_prices:
        show(price_list(), style, title=f"List prices of {prices.REGION}, looked up on {prices.LOOKED_UP}")
    elif estimate:
        loads = [growth.Load(gb_per_day, batches, days) for gb_per_day in estimate]
        show(growth.table(loads), style, title="Arithmetic, not a measurement: see docs/cost.md")
    else:
        _show_records(read_records(connection.of(ctx), batch, since), batch, style)


def price_list() -> Rows:
    """(service, dollars, unit, AWS's page, where it was read, confirmed or not)."""
    rows = [
        (name, _plain(each.dollars), each.unit, each.page.removeprefix("https://"), each.seen, each.standing)
        for name, each in prices.PRICES.items()
    ]
    return Rows(("service", "dollars", "for a", "AWS's page", "read in", "confirmed"), rows)


def _plain(dollars: float) -> str:
    return f"{dollars:.10f}".rstrip("0").rstrip(".")


def read_records(lake: Connection, batch: str | None = None, since: datetime | None = None) -> Rows:
    """Return the table `runs`, oldest first; values are texts.

    Raises:
        UsageError: the text is not a batch id, or no run has finished such a batch.
    """
    where = of_batch(batch, "ledgerlake cost") if batch is not None else ""
    where = f"WHERE finished_at >= TIMESTAMP '{since:%Y-%m-%d} 00:00:00' " if since else where
    found = ask(lake, f"SELECT {', '.join(_NAMES)} FROM runs {where}ORDER BY finished_at, batch_id")
    if batch and not found.rows:
        raise UsageError(
            f"there is no record of a run that finished batch {batch}",
            expected="a batch whose run has ended well since there are such records",
            remedy="ledgerlake cost lists them; ledgerlake ledger lists all batches",
        )
    return found


def _show_records(found: Rows, batch: str | None, style: Format) -> None:
    if style is not Format.TABLE:
        show(found, style)
        return
    records = [dict(zip(found.columns, row, strict=True)) for row in found.rows]
    if batch:
        show(of_services(records[0]), style, title=f"What batch {batch} cost{_days(records)}")
    else:
        show(of_runs(records), style, title=f"What each run cost{_days(records)}")


def _days(records: Sequence[Record]) -> str:
    days = sorted({str(record["prices_of"]) for record in records})
    return f", in US dollars at prices of {', '.join(days)}" if days else ""


def of_runs(records: Sequence[Record]) -> Rows:
    """One row a run, and a total of what is known."""
    rows = [[_cell(name, record[name]) for name in _LISTED] for record in records]
    sums = [_cell(name, str(sum(float(record[name] or 0) for record in records))) for name in _SUMMED]
    partly = any(record["unknown"] for record in records)
    totals = ["at least" if partly else "total", "", *sums] if records else None
    return Rows(tuple(_LISTED.values()), rows, totals)


def of_services(record: Record) -> Rows:
    """Return what one run used and was billed, service by service."""
    text = {name: _cell(name, value) for name, value in record.items()}
    rows = [
        (service, "unknown", "", "unknown")
        if record[dollars] is None
        else (service, used.format(**text), billed.format(**text), text[dollars])
        for service, used, billed, dollars in _SERVICES
    ]
    total = "at least" if record["unknown"] else "total"
    return Rows(("service", "used", "billed", "dollars"), rows, (total, "", "", text["total_dollars"]))


_SERVICES = (
    ("Glue jobs", "{job_runs} runs, {dpu_seconds} DPU-s", "{billed_dpu_seconds} DPU-s", "glue_dollars"),
    (
        "Glue crawler",
        "{crawls} runs, {crawler_dpu_seconds} DPU-s",
        "{crawler_billed_dpu_seconds} DPU-s",
        "crawler_dollars",
    ),
    ("Athena", "{queries} queries, {scanned_bytes} MB", "{billed_bytes} MB", "athena_dollars"),
    (
        "requests",
        "{s3_writes} writes, {s3_reads} reads of S3",
        "{requests} with those of SQS, SNS and CloudWatch",
        "requests_dollars",
    ),
    ("Lambda", "{function_calls} calls", "about {function_gb_seconds} GB-s", "functions_dollars"),
    ("Step Functions", "{state_transitions} transitions", "", "states_dollars"),
)
"""(service, what it used, what it was billed, whose dollars)."""
_NUMBER = re.compile(r"-?[0-9.]+(E-?[0-9]+)?")


def _cell(name: str, value: str | None) -> str:
    """Return a value of a record for people."""
    if value is None:
        return "unknown"
    if name.endswith("_dollars"):
        return f"{float(value):.4f}"
    if name.endswith("_bytes"):
        return f"{float(value) / prices.MEGABYTE:,.0f}"
    if name == "finished_at":
        return value[:16]
    if name == "function_gb_seconds":
        return f"{float(value):,.1f}"
    return f"{float(value):,.0f}" if _NUMBER.fullmatch(value) else value
