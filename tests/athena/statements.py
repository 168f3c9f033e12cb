"""Every statement of the project that Athena is asked, from where it is written."""

from __future__ import annotations

import re
import shlex
from datetime import datetime
from unittest.mock import patch

from cli.clients.connection import Connection
from cli.commands import cost, query
from cli.commands.demo import ANALYTICS, read_query
from cli.main import app
from cli.views import backfilling
from ledgerlake.contracts import DATASETS
from ledgerlake.reporting.success_notification import figures_sql
from ledgerlake.tables import catalogue
from ledgerlake.tables.checks import checks
from tests.cli.test_docs import DOCS, commands


def of_the_project(lake: Connection) -> dict[str, str]:
    """Where it is written → the statement."""
    batch = query.read_ledger(lake).rows[0][0]
    return {
        **{f"check {each.name}": each.sql for each in checks()},
        **{f"analytics {path.stem}": read_query(path)[1] for path in sorted(ANALYTICS.glob("*.sql"))},
        "figures of the notification": figures_sql(batch),
        **_of_the_command(lake, batch),
        **_of_the_pages(),
        **{
            f"every column of {table.name}": _whole(table)
            for table in (*catalogue.delta_tables(), *catalogue.declared_tables())
        },
    }


def _of_the_command(lake: Connection, batch: str) -> dict[str, str]:
    """What `ledger`, `rejects`, `cost` and `backfill` ask, recorded while they do."""
    asked: list[str] = []

    def record(to, sql):
        asked.append(sql)
        return asking(to, sql)

    asking = query.ask
    with (
        patch.object(query, "ask", record),
        patch.object(backfilling, "ask", record),
        patch.object(cost, "ask", record),
    ):
        query.read_ledger(lake)
        query.read_ledger(lake, batch)
        query.top_reasons(lake)
        query.sample_rejects(lake, None, 3)
        for name in DATASETS:
            query.sample_rejects(lake, name, 5)
        backfilling._sums(lake, [batch])
        cost.read_records(lake)
        cost.read_records(lake, batch)
        cost.read_records(lake, since=datetime(2025, 4, 1))
    return {f"command {number}: {sql[:40]}": sql for number, sql in enumerate(asked)}


def _of_the_pages() -> dict[str, str]:
    """`ledgerlake query` in README, docs and help texts."""
    helped = [command.callback.__doc__ or "" for command in app.registered_commands]
    texts = [(page.name, page.read_text()) for page in DOCS]
    texts += [("help", f"`{line.partition('Example: ')[2]}`") for doc in helped for line in doc.splitlines()]
    said = [(name, shlex.split(each)) for name, text in texts for each in commands(text)]
    asked = [(name, words[1]) for name, words in said if words[0] == "query" and len(words) > 1]
    queries = [(name, sql) for name, sql in asked if re.match(r"(?i)\s*(select|with)\b", sql) and "…" not in sql]
    return {f"{name}: {sql[:60]}": sql for name, sql in queries}


def _whole(table: catalogue.Table) -> str:
    return f"SELECT * FROM {table.name}"
