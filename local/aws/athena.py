"""Athena: queries run on DuckDB, or on a real Trino, over the catalogue's tables, with Athena's result files."""

from __future__ import annotations

import asyncio
import contextvars
from typing import Any

from local.aws import athena_results, athena_sql, athena_trino, hooks
from local.aws.athena_tables import Catalogue
from local.aws_clients import client_arguments
from local.home import Home


def install(home: Home) -> None:
    """Run Athena's queries in this process."""

    async def run(query: str, database: str, catalog: str | None = None) -> dict[str, Any]:  # noqa: ARG001
        # a thread, so that a query neither blocks the server nor its own reads from the server's S3
        context = contextvars.copy_context()
        return await asyncio.get_running_loop().run_in_executor(None, context.run, execute, home, query, database)

    hooks.replace(hooks.RUN_QUERY, run)
    hooks.replace(hooks.SAVE_RESULTS, lambda query_id: _save(home, query_id))


def execute(home: Home, query: str, database: str) -> dict[str, Any]:
    """Answer a query.

    Returns:
        `columns` (names), `column_types` (Athena's names) and `rows` (lists of text or None).

    Raises:
        AthenaError: its text is what Athena would give as the reason.
    """
    catalogue = Catalogue.of_server(home)
    if answer := athena_sql.utility(query, database, catalogue):
        return answer
    if home.athena == "trino":
        return athena_trino.select(home, query, database)
    return athena_sql.select(query, database, catalogue)


async def _save(home: Home, query_id: str) -> None:
    """Write the results where the execution says, as Athena does; MiniStack's own key has the id twice."""
    from ministack.services import athena

    execution = athena._executions.get(query_id)
    context = contextvars.copy_context()
    put = athena_results.put
    arguments = (client_arguments(home), execution["ResultConfiguration"]["OutputLocation"], execution["_results"])
    await asyncio.get_running_loop().run_in_executor(None, context.run, put, *arguments)
