"""The command `ledgerlake`: the only reader of argv."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer
from botocore.exceptions import BotoCoreError, ClientError
from typer.core import TyperGroup

from cli import (
    backfill_commands,
    cost_commands,
    delivery_commands,
    demo,
    deploy_commands,
    execution_commands,
    lake_commands,
    log_commands,
    quarantine_commands,
    query_commands,
    sample_commands,
)
from cli.connection import Choice
from cli.console import stderr
from cli.dead_letter_commands import dead_letters
from cli.failures import EXIT_CODES, INTERRUPTED, explain, tell
from cli.lease_commands import lease
from cli.orchestrator_commands import orchestrator
from ledgerlake import __version__
from ledgerlake.errors import LedgerlakeError


class Environment(StrEnum):
    """As in `ledgerlake.settings`."""

    LOCAL = "local"
    DEV = "dev"
    PROD = "prod"


class Speaking(TyperGroup):
    """Says errors in three lines instead of a traceback, and exits with a code that tells why."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            stderr.print()
            stderr.print("Interrupted.")
            raise typer.Exit(INTERRUPTED) from None
        except (LedgerlakeError, BotoCoreError, ClientError) as error:
            raise typer.Exit(tell(explain(error))) from error


app = typer.Typer(
    cls=Speaking,
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    rich_markup_mode="rich",
    help="An e-commerce lakehouse in which every delivered row is accounted for.\n\n"
    "Start with: ledgerlake demo. Then deliver your own: ledgerlake deliver orders FILE.",
    epilog=EXIT_CODES,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def choose_lake(
    ctx: typer.Context,
    env: Annotated[
        Environment, typer.Option("--env", help="local, or a real account by AWS's usual credentials.")
    ] = Environment.LOCAL,
    mwaa_environment: Annotated[
        str | None,
        typer.Option("--mwaa-environment", metavar="NAME", help="Its Airflow, if not called ledgerlake-<env>."),
    ] = None,
    _version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version.")
    ] = False,
) -> None:
    ctx.obj = Choice(env.value, mwaa_environment)


_LAKE, _FLOW, _TROUBLE, _DATA = "The lake", "Deliveries", "When something is wrong", "What it holds"
app.command(rich_help_panel=_LAKE)(demo.demo)
app.command(rich_help_panel=_LAKE)(lake_commands.up)
app.command(rich_help_panel=_LAKE)(lake_commands.down)
app.command(rich_help_panel=_LAKE)(lake_commands.status)
app.command(
    rich_help_panel=_LAKE,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)(lake_commands.airflow)
app.command(rich_help_panel=_LAKE)(deploy_commands.deploy)
app.command(rich_help_panel=_LAKE)(deploy_commands.destroy)
app.command(rich_help_panel=_LAKE)(deploy_commands.smoke)
app.add_typer(orchestrator, name="orchestrator", rich_help_panel=_LAKE)
app.command(rich_help_panel=_FLOW)(sample_commands.sample)
app.command(rich_help_panel=_FLOW)(delivery_commands.deliver)
app.command(rich_help_panel=_FLOW)(delivery_commands.run)
app.command(rich_help_panel=_FLOW)(delivery_commands.wait)
app.command(rich_help_panel=_FLOW)(backfill_commands.backfill)
app.command(rich_help_panel=_FLOW)(execution_commands.executions)
app.command(rich_help_panel=_TROUBLE)(log_commands.logs)
app.command(rich_help_panel=_TROUBLE)(quarantine_commands.quarantined)
app.command(rich_help_panel=_TROUBLE)(quarantine_commands.accept)
app.command(rich_help_panel=_TROUBLE)(quarantine_commands.drop)
app.add_typer(dead_letters, name="dead-letters", rich_help_panel=_TROUBLE)
app.add_typer(lease, name="lease", rich_help_panel=_TROUBLE)
app.command(rich_help_panel=_DATA)(query_commands.query)
app.command(rich_help_panel=_DATA)(query_commands.ledger)
app.command(rich_help_panel=_DATA)(query_commands.rejects)
app.command(rich_help_panel=_DATA)(cost_commands.cost)


def main() -> None:
    """The entry point."""
    app()


if __name__ == "__main__":
    main()
