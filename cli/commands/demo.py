"""`demo`: the whole path on made-up data, and what to look at afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from cli.clients import connection
from cli.clients.athena import ask
from cli.clients.connection import Connection
from cli.commands import lake as lake_commands
from cli.commands.delivery import keys_for, upload
from cli.commands.query import read_ledger, sample_rejects, show_ledger, show_rejects, top_reasons
from cli.commands.sample import make
from cli.console import stderr, stdout
from cli.sample import Sample
from cli.views.showing import Format, show
from cli.views.waiting import wait
from ledgerlake.contracts import DATASETS
from local.home import ROOT, Home

ANALYTICS = ROOT / "sql" / "analytics"
_SHOWN = ("daily_revenue", "top_products")
_NEXT = """
[bold]What to try next[/]
  ledgerlake query "SELECT * FROM orders LIMIT 5"
  ledgerlake rejects orders                       [dim]# every rejected row, with all its reasons[/]
  ledgerlake sample --days 1 --start 2025-04-04 --defects 0.1 --out /tmp/shop
  ledgerlake deliver orders /tmp/shop/orders/*.csv
  ledgerlake deliver order_items /tmp/shop/order_items/*.csv
  ledgerlake wait && ledgerlake ledger
  ledgerlake down                                 [dim]# stops everything; data stays[/]
"""
_NEXT_IN_COMPOSE = """
[bold]What to try next[/]
  docker compose run --rm ledgerlake query "SELECT * FROM orders LIMIT 5"
  docker compose run --rm ledgerlake rejects orders    [dim]# every rejected row, with all its reasons[/]
  docker compose run --rm ledgerlake deliver orders mine.csv
  docker compose run --rm ledgerlake wait
  docker compose run --rm ledgerlake ledger
  docker compose down                                  [dim]# stops everything; data stays[/]
"""


def demo(
    ctx: typer.Context,
    timeout: Annotated[float, typer.Option("--timeout", min=0, help="Seconds for the pipeline.")] = 900,
) -> None:
    """Start the local lake, deliver three days of a shop with some defects, and show what became of it.

    Example: ledgerlake demo
    """
    lake_commands.up(ctx)
    lake = connection.of(ctx)
    _deliver(lake, lake.home or Home.current())
    wait(lake, timeout=timeout, console=stderr, by_date=False)  # but for the first daily sweep, which has no work
    show_ledger(read_ledger(lake), Format.TABLE)
    show(top_reasons(lake, limit=8), Format.TABLE, title="Why rows were rejected")
    show_rejects(sample_rejects(lake, None, 2), Format.TABLE)
    for name in _SHOWN:
        title, sql = read_query(ANALYTICS / f"{name}.sql")
        show(ask(lake, sql), Format.TABLE, title=title)
    stdout.print()
    home = lake.home or Home.current()
    lake_commands.describe_airflow(home)
    stdout.print(Text.from_markup(_NEXT_IN_COMPOSE if home.addresses else _NEXT), soft_wrap=True)


def _deliver(lake: Connection, home: Home) -> None:
    folder = home.folder / "demo"
    expected = make(Sample(days=3, defects=0.03), folder)
    keys = keys_for("products", [folder / "products.csv"])
    for dataset in list(DATASETS)[1:]:
        keys |= keys_for(dataset, sorted((folder / dataset).glob("*.csv")))
    upload(lake, keys)
    stdout.print(f"Delivered {expected.files} files, {expected.rows.total()} rows.")


def read_query(path: Path) -> tuple[str, str]:
    """Return (the question, the SQL) of a file whose first comment is the question."""
    text = path.read_text(encoding="utf-8")
    question = text.splitlines()[0].removeprefix("--").strip()
    sql = "\n".join(line for line in text.splitlines() if not line.startswith("--"))
    return question, sql.strip().rstrip(";")
