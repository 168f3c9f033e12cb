"""`sample`: make up a shop to try the lake with."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from cli.console import stderr
from cli.rows import Rows
from cli.sample import Expected, Sample, write
from cli.views.showing import Format, FormatOption, show


def sample(
    days: Annotated[int, typer.Option("--days", min=1, help="Days of orders.")] = 3,
    seed: Annotated[int, typer.Option("--seed", help="The same seed gives the same bytes.")] = 1,
    defects: Annotated[
        float, typer.Option("--defects", "--dirt", min=0, max=1, help="Share of rows with something wrong.")
    ] = 0.0,
    out: Annotated[Path, typer.Option("--out", help="Folder to write into.", file_okay=False)] = Path("sample"),
    start: Annotated[datetime, typer.Option("--start", formats=["%Y-%m-%d"], help="The first day.")] = datetime(
        2025, 4, 1
    ),
    orders_per_day: Annotated[int, typer.Option("--orders-per-day", min=1, max=900_000, help="On average.")] = 500,
    style: FormatOption = Format.TABLE,
) -> None:
    """Make up a shop: products.csv, orders/<date>.csv, order_items/<date>.csv.

    Example: ledgerlake sample --days 7 --seed 42 --defects 0.05 --out /tmp/shop
    """
    plan = Sample(days=days, seed=seed, defects=defects, start=start.date(), orders_per_day=orders_per_day)
    show(summary(make(plan, out)), style, title=f"Written to {out}")


def make(plan: Sample, out: Path) -> Expected:
    """Write the sample, with a progress bar."""
    with Progress(console=stderr, transient=True, disable=not stderr.is_terminal) as progress:
        task = progress.add_task("making up a shop", total=plan.days)
        return write(plan, out, on_day=lambda _: progress.advance(task))


def summary(expected: Expected) -> Rows:
    """(dataset, what, rows): all rows, then each kind of defect among them."""
    rows: list[tuple[str, str, int]] = []
    for dataset, kinds in expected.defects.items():
        rows.append((dataset, "all", expected.rows[dataset]))
        rows += [(dataset, kind, kinds[kind]) for kind in sorted(kinds)]
    return Rows(("dataset", "what", "rows"), rows)
