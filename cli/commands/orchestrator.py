"""`orchestrator show|use`: who consumes the queue, Airflow or Step Functions; never both."""

from __future__ import annotations

from typing import Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError

from cli.clients import connection
from cli.clients.airflow import Airflow, Run
from cli.clients.airflow_transport import Refused
from cli.clients.connection import Connection
from cli.clients.executions import Executions
from cli.console import stderr, stdout
from cli.failures import Failed, LakeUnavailable, UsageError
from cli.rows import Rows
from cli.views.showing import Format, FormatOption, show
from cli.views.status import at_work
from cli.views.waiting import airflow_of
from ledgerlake import names
from ledgerlake.settings import ORCHESTRATORS

orchestrator = typer.Typer(
    help="Who consumes the queue: Airflow or Step Functions. By-date runs work beside either.", no_args_is_help=True
)
AIRFLOW, STEP_FUNCTIONS = ORCHESTRATORS
_PARAMETER = "Orchestrator"


@orchestrator.command("show")
def show_orchestrator(ctx: typer.Context, style: FormatOption = Format.TABLE) -> None:
    """Which of the two the lake is deployed for, and whether each of them is switched on.

    Example: ledgerlake orchestrator show
    """
    lake = connection.of(ctx)
    airflow = airflow_of(lake)
    chosen, enabled = chosen_for(lake), mapping_enabled(lake)
    dag = "cannot be asked" if airflow is None else "paused" if airflow.is_paused(names.LIVE_DAG) else "on"
    rows = [
        ("deployed for", chosen),
        (f"Step Functions: {names.CHECK_FUNCTION} on {names.QUEUE}", "on" if enabled else "off"),
        (f"Airflow: {names.LIVE_DAG}", dag),
    ]
    if enabled and dag == "on":
        rows.append(("trouble", f"both consume the queue; next step: ledgerlake orchestrator use {chosen}"))
    show(Rows(("what", "state"), rows), style)


@orchestrator.command("use")
def use_orchestrator(
    ctx: typer.Context, name: Annotated[str, typer.Argument(help=f"One of {', '.join(ORCHESTRATORS)}.")]
) -> None:
    """Have the other one consume the queue. Nothing is lost: what waits in raw/, the next look finds.

    Example: ledgerlake orchestrator use step_functions
    """
    if name not in ORCHESTRATORS:
        raise UsageError(f"there is no orchestrator {name!r}", expected=f"one of {', '.join(ORCHESTRATORS)}")
    lake = connection.of(ctx)
    airflow = airflow_of(lake, stderr if name == AIRFLOW else None)
    if name == STEP_FUNCTIONS:
        _switch_airflow_off(airflow)
    else:
        _check_idle(lake)
    deploy(lake, name)
    if name == AIRFLOW and airflow is not None:
        airflow.unpause(names.LIVE_DAG)
    stdout.print(f"{name} consumes the queue.")
    if lake.home is None:
        stdout.print(f"On MWAA, set the configuration option ledgerlake.orchestrator to {name} too.")
    elif lake.home.addresses:
        stdout.print(f"Set LEDGERLAKE_ORCHESTRATOR={name} in .env too, then: {connection.up_command(lake.home)}")
    elif name == AIRFLOW and airflow is None:
        stdout.print("Airflow does not run. Start it with: ledgerlake up. If its DAG is paused, this command again.")


def chosen_for(lake: Connection) -> str:
    """Return the orchestrator that the stack was deployed for."""
    stack = lake.client("cloudformation").describe_stacks(StackName=names.STACK)["Stacks"][0]
    values = {each["ParameterKey"]: each.get("ParameterValue", "") for each in stack.get("Parameters", [])}
    return values.get(_PARAMETER) or AIRFLOW


def mapping_enabled(lake: Connection) -> bool:
    """Return whether messages of the queue start CheckDataAvailability."""
    try:
        found = lake.client("lambda").list_event_source_mappings(FunctionName=names.CHECK_FUNCTION)
    except ClientError:
        return False
    return any(each.get("State") in ("Enabled", "Enabling", "Creating") for each in found["EventSourceMappings"])


def check_chosen(lake: Connection, name: str) -> None:
    """Two who plan what waits in raw/ would be in each other's way.

    Raises:
        Failed: the lake is deployed for the other orchestrator.
    """
    chosen = chosen_for(lake)
    if chosen != name:
        raise Failed(
            f"the lake is deployed for {chosen}",
            expected=f"{name}; both at once would take each other's messages, and one would find nothing",
            remedy=f"ledgerlake orchestrator use {name}, or leave out --orchestrator",
        )


def deploy(lake: Connection, name: str) -> None:
    """Update the stack's parameter, and nothing else."""
    cloudformation = lake.client("cloudformation")
    stack = cloudformation.describe_stacks(StackName=names.STACK)["Stacks"][0]
    others = [each["ParameterKey"] for each in stack.get("Parameters", []) if each["ParameterKey"] != _PARAMETER]
    if lake.home is not None:
        from local import deploy as local  # what it imports, other commands do not need

        lake.home.choose_orchestrator(name)
        local.deploy(lake.home)
        return
    try:
        cloudformation.update_stack(
            StackName=names.STACK,
            UsePreviousTemplate=True,
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
            Parameters=[
                {"ParameterKey": _PARAMETER, "ParameterValue": name},
                *({"ParameterKey": key, "UsePreviousValue": True} for key in others),
            ],
        )
    except ClientError as error:
        if "No updates are to be performed" in str(error):
            return
        raise
    with stderr.status("updating the stack"):
        cloudformation.get_waiter("stack_update_complete").wait(StackName=names.STACK)


def _switch_airflow_off(airflow: Airflow | None) -> None:
    """Pause the live DAG, and end the run that only waits for a message.

    Raises:
        Failed: a run is at work; or Airflow cannot be asked although it may be there.
    """
    if airflow is None:
        return
    try:
        runs = [run for run in airflow.latest_runs() if run.active]
        if busy := next((run for run in runs if at_work(run)), None):
            raise _busy(f"the run {busy.run_id} of {names.LIVE_DAG} is at work")
        airflow.pause(names.LIVE_DAG)
        _end(airflow, runs)
    except (LakeUnavailable, Refused, BotoCoreError) as error:
        raise Failed(
            f"Airflow's DAG could not be paused: {error}", remedy=f"pause {names.LIVE_DAG}, then again"
        ) from error


def _end(airflow: Airflow, runs: list[Run]) -> None:
    for run in runs:
        airflow.end(run, "ended by: ledgerlake orchestrator use step_functions")


def _check_idle(lake: Connection) -> None:
    if active := [each for each in Executions(lake).latest() if each.active]:
        raise _busy(f"the execution {active[0].name} is at work")


def _busy(seen: str) -> Failed:
    return Failed(seen, expected="no run at work while the orchestrator changes", remedy="ledgerlake wait, then again")
