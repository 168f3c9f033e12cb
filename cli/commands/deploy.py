"""`deploy`, `destroy`, `smoke`: a lake in a rented account, from the tree that this command is part of."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError

from cli.clients import connection
from cli.clients.connection import Choice, Connection
from cli.commands.smoke import Smoke
from cli.console import stderr, stdout, styled
from cli.failures import Failed, LakeUnavailable, UsageError, explain
from cli.views.deploy import say, show_plan, show_removal
from ledgerlake.errors import LedgerlakeError

if TYPE_CHECKING:
    from infra.deployer.deployment import Deployment, Step

_RENTED = ("dev", "prod")
_SMOKE_SECONDS = 3600.0
EnvOption = Annotated[
    str | None, typer.Option("--env", metavar="NAME", help=f"One of {', '.join(_RENTED)}; as the global --env.")
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def deploy(
    ctx: typer.Context,
    env: EnvOption = None,
    plan: Annotated[bool, typer.Option("--plan", help="Say what would change, and end.")] = False,
    yes: YesOption = False,
    smoke_test: Annotated[
        bool, typer.Option("--smoke/--no-smoke", help="Prove at the end that it works, by deliveries without a row.")
    ] = True,
) -> None:
    """Bring an environment of an AWS account to what this tree says.

    Says what will change and asks. Every step may be repeated: after a failure the same command resumes.

    Example: ledgerlake deploy --env dev --plan
    """
    lake = _account(ctx, env, "deploy")
    with tempfile.TemporaryDirectory() as folder:
        deployment = _deployment(lake, Path(folder))
        with stderr.status("comparing"):
            planned = deployment.plan()
        show_plan(planned, deployment)
        if plan or planned.nothing:
            return
        if not yes:
            typer.confirm(f"Deploy to {_where(lake)}?", abort=True)
        _walk(deployment.steps(), f"ledgerlake deploy --env {lake.settings.environment}")
    stdout.print(f"{lake.settings.environment} is deployed.")
    if smoke_test:
        _smoke(lake, _SMOKE_SECONDS)


def destroy(
    ctx: typer.Context,
    env: EnvOption = None,
    delete_data: Annotated[
        bool, typer.Option("--delete-data", help="Also the lake, its archive and all that is kept. Cannot be undone.")
    ] = False,
    yes: YesOption = False,
) -> None:
    """Remove what costs money while it stands idle: Airflow and the guardrails. Data stays.

    What is left, the data plane, costs what its data costs; deploying again uses it. With --delete-data
    everything is removed; then the name of the environment has to be typed, whatever --yes says.

    Example: ledgerlake destroy --env dev
    """
    from infra.deployer.removal import Removal  # it needs much that other commands do not

    lake = _account(ctx, env, "destroy")
    name = lake.settings.environment
    removal = Removal(lake.client, lake.settings.account, say)
    if not removal.stacks(data=delete_data):
        stdout.print(f"Nothing of {name} is left to remove.")
        return
    show_removal(removal, data=delete_data)
    if delete_data:
        typed = typer.prompt(f"All data of {_where(lake)} will be gone. Type the environment's name to continue")
        if typed != name:
            raise UsageError(f"{typed!r} was typed", expected=name, remedy="nothing was removed")
    elif not yes:
        typer.confirm(f"Remove this from {_where(lake)}?", abort=True)
    _walk(removal.steps(data=delete_data), f"ledgerlake destroy --env {name}{' --delete-data' if delete_data else ''}")
    stdout.print(f"{name} is removed." if delete_data else f"{name} is at rest; its data stays.")


def smoke(
    ctx: typer.Context,
    timeout: Annotated[
        float, typer.Option("--timeout", min=0, help="Seconds after which to give up.")
    ] = _SMOKE_SECONDS,
) -> None:
    """Prove that a lake works: files with a header and no row go the whole way of a delivery.

    Tables keep their rows; the archived files are removed. Three lines of the ledger stay, which say that
    nothing was read.

    Example: ledgerlake smoke
    """
    _smoke(connection.of(ctx), timeout)


def _smoke(lake: Connection, timeout: float) -> None:
    batch_id = Smoke(lake, say, timeout).run()
    stdout.print(f"The lake works: batch {batch_id}.", soft_wrap=True)


def _deployment(lake: Connection, folder: Path) -> Deployment:
    from infra.deployer.deployment import Deployment
    from infra.deployer.files import ArtifactBucket
    from infra.release import distribution

    bucket = ArtifactBucket(lake.s3, lake.places.artifact_bucket, lake.settings.account)
    return Deployment(lake.settings, distribution.build(folder), bucket, lake.client, say)


def _walk(steps: Iterable[Step], again: str) -> None:
    """Do one step after the other; a failure names its step and the command that resumes.

    Raises:
        Failed: in the words of what failed.
    """
    for number, (name, do) in enumerate(steps, start=1):
        stdout.print(styled(f"{number}. {name}", "bold"))
        try:
            do()
        except (LedgerlakeError, ClientError, BotoCoreError) as error:
            failure = explain(error)
            first = (
                f"{failure.remedy}; then: "
                if failure.remedy and not isinstance(error, ClientError)
                else "fix it, then: "
            )
            raise Failed(f"{name}: {failure.seen}", expected=failure.expected, remedy=first + again) from error


def _account(ctx: typer.Context, env: str | None, command: str) -> Connection:
    """Return the rented environment that is meant.

    Raises:
        UsageError: it is the local one, or none.
        LakeUnavailable: there are no valid credentials, or no such region.
    """
    name = env or connection.environment(ctx)
    if name not in _RENTED:
        remedy = {"deploy": "ledgerlake up", "destroy": "ledgerlake down --purge"}[command] if name == "local" else ""
        raise UsageError(f"`{command}` is not for {name!r}", expected=f"--env {' or '.join(_RENTED)}", remedy=remedy)
    given = ctx.obj or Choice()
    try:
        return connection.connect(Choice(name, given.mwaa_environment))
    except ClientError as error:
        said = error.response["Error"]
        raise LakeUnavailable(
            f"AWS does not accept the credentials: {said.get('Code')}: {said.get('Message')}",
            expected="valid credentials of the account that is meant",
            remedy="aws sso login, or another AWS_PROFILE; aws sts get-caller-identity shows who you are",
        ) from error
    except BotoCoreError as error:
        failure = explain(error)
        if isinstance(failure, LakeUnavailable) and "credentials" in failure.seen:
            raise failure from error
        raise LakeUnavailable(
            f"AWS cannot be reached: {error}",
            expected="a region that exists, and a way to the internet",
            remedy="set AWS_REGION (eu-west-1, us-east-1, …) or AWS_PROFILE, then again",
        ) from error


def _where(lake: Connection) -> str:
    return f"{lake.settings.environment} in account {lake.settings.account}, {lake.settings.region}"
