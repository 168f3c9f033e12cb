"""The command `ledgerlake`: the only reader of argv."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer
from botocore.exceptions import BotoCoreError, ClientError
from typer.core import TyperGroup

from cli.clients.connection import Choice
from cli.commands import backfill, cost, delivery, demo, deploy, execution, lake, log, quarantine, query, sample
from cli.commands.dead_letter import dead_letters
from cli.commands.lease import lease
from cli.commands.orchestrator import orchestrator
from cli.console import stderr
from cli.failures import EXIT_CODES, INTERRUPTED, explain, print_error
from ledgerlake import __version__
from ledgerlake.errors import LedgerlakeError


class Environment(StrEnum):
    """As in `ledgerlake.settings`."""

    LOCAL = "local"
    DEV = "dev"
    PROD = "prod"


class ErrorGroup(TyperGroup):
    """Print errors in three lines instead of a traceback, and exit with a code that names their kind."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; print an error and exit with its code."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            stderr.print()
            stderr.print("Interrupted.")
            raise typer.Exit(INTERRUPTED) from None
        except (LedgerlakeError, BotoCoreError, ClientError) as error:
            raise typer.Exit(print_error(explain(error))) from error


app = typer.Typer(
    cls=ErrorGroup,
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
def choose_lake(  # noqa: D103 - a docstring would be the help of the whole command
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
app.command(rich_help_panel=_LAKE)(lake.up)
app.command(rich_help_panel=_LAKE)(lake.down)
app.command(rich_help_panel=_LAKE)(lake.status)
app.command(
    rich_help_panel=_LAKE,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)(lake.airflow)
app.command(rich_help_panel=_LAKE)(deploy.deploy)
app.command(rich_help_panel=_LAKE)(deploy.destroy)
app.command(rich_help_panel=_LAKE)(deploy.smoke)
app.add_typer(orchestrator, name="orchestrator", rich_help_panel=_LAKE)
app.command(rich_help_panel=_FLOW)(sample.sample)
app.command(rich_help_panel=_FLOW)(delivery.deliver)
app.command(rich_help_panel=_FLOW)(delivery.run)
app.command(rich_help_panel=_FLOW)(delivery.wait)
app.command(rich_help_panel=_FLOW)(backfill.backfill)
app.command(rich_help_panel=_FLOW)(execution.executions)
app.command(rich_help_panel=_TROUBLE)(log.logs)
app.command(rich_help_panel=_TROUBLE)(quarantine.quarantined)
app.command(rich_help_panel=_TROUBLE)(quarantine.accept)
app.command(rich_help_panel=_TROUBLE)(quarantine.drop)
app.add_typer(dead_letters, name="dead-letters", rich_help_panel=_TROUBLE)
app.add_typer(lease, name="lease", rich_help_panel=_TROUBLE)
app.command(rich_help_panel=_DATA)(query.query)
app.command(rich_help_panel=_DATA)(query.ledger)
app.command(rich_help_panel=_DATA)(query.rejects)
app.command(rich_help_panel=_DATA)(cost.cost)


def main() -> None:
    """Run the command."""
    app()


if __name__ == "__main__":
    main()
