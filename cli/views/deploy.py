"""What a deployment or a removal will do, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.console import stdout
from cli.rows import Rows
from cli.views.showing import Format, show

if TYPE_CHECKING:
    from infra.deployer.deployment import Deployment, Planned, PlannedStack
    from infra.deployer.removal import Removal

_MOST = 12
"""Lines of one stack or folder; what is beyond is counted."""


def say(text: str) -> None:
    """Print a line below the step that is being done."""
    stdout.print(f"   {text}", soft_wrap=True)


def show_plan(planned: Planned, deployment: Deployment) -> None:
    """Show the stacks, their changes, the files, and what becomes of Airflow."""
    settings = deployment.settings
    where = f"{settings.environment} in account {settings.account}, {settings.region}"
    stdout.print(f"Release {deployment.built.release.name} for {where}", soft_wrap=True)
    if planned.nothing:
        stdout.print("Nothing to do: it is as this tree says.")
        return
    rows = [(each.stack.name, _fate(each), each.stack.holds) for each in planned.stacks]
    show(Rows(("stack", "what happens", "it holds"), rows), Format.TABLE)
    for each in planned.stacks:
        _show_changes(each)
    _show_files(planned)
    stdout.print(airflow_fate(planned), soft_wrap=True)


def airflow_fate(planned: Planned) -> str:
    """Return whether MWAA makes or updates its environment, which is what takes long."""
    from infra.deployer.stacks import AIRFLOW

    found = planned.of(AIRFLOW)
    environment = [change for change in found.changes if change.kind == "AWS::MWAA::Environment"]
    if found.created:
        return "Airflow is made: 25 to 40 minutes."
    if any(change.replaced for change in environment):
        return "Airflow is made anew, without its history of runs: 40 to 80 minutes."
    if environment:
        return "Airflow is updated: 10 to 30 minutes, in which tasks at work are let finish."
    return "Airflow is not updated; it sees other DAG files within a minute."


def show_removal(removal: Removal, *, data: bool) -> None:
    """Show the stacks, and the buckets whose content is deleted."""
    stacks = removal.stacks(data=data)
    show(Rows(("stack that is removed", "it holds"), [(each.name, each.holds) for each in stacks]), Format.TABLE)
    if data:
        for bucket in (bucket for stack in stacks for bucket in removal.buckets(stack)):
            say(f"deleted with every version in it: {bucket}")
    else:
        say("the data plane and its data stay; with --delete-data they would be removed too")


def _fate(each: PlannedStack) -> str:
    if each.created:
        return f"made: {each.created} resources, about {each.stack.minutes} minutes"
    return f"{len(each.changes)} changes" if each.changes else "stays as it is"


def _show_changes(each: PlannedStack) -> None:
    for change in each.changes[:_MOST]:
        replaced = "; it becomes another one" if change.replaced else ""
        say(f"{each.stack.name}: {change.action.lower()} {change.resource} ({change.kind}){replaced}")
    if len(each.changes) > _MOST:
        say(f"{each.stack.name}: and {len(each.changes) - _MOST} more")


def _show_files(planned: Planned) -> None:
    files = planned.files
    for what, keys in (
        ("upload", files.release),
        ("upload", files.changed),
        ("remove", files.removed),
    ):
        for key in keys[:_MOST]:
            say(f"{what} {key}")
        if len(keys) > _MOST:
            say(f"{what} {len(keys) - _MOST} more")
