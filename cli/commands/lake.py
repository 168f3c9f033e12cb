"""`up`, `down`, `status`: the local lake as a whole."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Annotated

import typer

from cli.clients import connection
from cli.clients.airflow import Airflow
from cli.clients.dead_letters import DeadLetterQueue
from cli.commands.lease import describe
from cli.console import stderr, stdout, styled
from cli.failures import LakeUnavailable, UsageError
from cli.rows import Rows
from cli.views import outages
from cli.views.showing import Format, FormatOption, show
from cli.views.status import LakeStatus, progress
from cli.views.waiting import airflow_of, read_status
from ledgerlake import names
from ledgerlake.display import display_text
from ledgerlake.intake.deliveries import Delivery
from ledgerlake.intake.raw_keys import describe_stray
from ledgerlake.planning.by_date import date_of
from ledgerlake.planning.evidence import unledgered
from ledgerlake.planning.unread import Unread
from ledgerlake.reporting.check_failures import open_failures
from ledgerlake.settings import ORCHESTRATORS
from local.home import ATHENA_ENGINES, REGION, Home

AIRFLOW = ORCHESTRATORS[0]
_NAMED = 3


def up(
    ctx: typer.Context,
    fresh: Annotated[bool, typer.Option("--fresh", help="Wipe the lake first; all its data is lost.")] = False,
    no_airflow: Annotated[bool, typer.Option("--no-airflow", help="Start the local AWS only.")] = False,
    orchestrator: Annotated[
        str | None,
        typer.Option(metavar="NAME", help=f"Who runs the pipeline: {' or '.join(ORCHESTRATORS)} (needs no Airflow)."),
    ] = None,
    athena: Annotated[
        str | None,
        typer.Option(
            metavar="ENGINE", help=f"What answers queries: {' or '.join(ATHENA_ENGINES)} (as Athena, slower)."
        ),
    ] = None,
) -> None:
    """Start the local lake: AWS, Postgres, Airflow. Safe to repeat.

    Example: ledgerlake up --fresh
    """
    from local import lake  # starting and stopping need much that other commands do not

    home = _local_home(ctx, "up")
    if home.addresses:
        _confirm(home, fresh=fresh, asked=fresh or no_airflow or bool(orchestrator or athena))
        return
    chosen = _orchestrator(home, orchestrator, fresh)
    if athena not in (None, *ATHENA_ENGINES):
        raise UsageError(f"there is no engine {athena!r} for Athena", expected=f"one of {', '.join(ATHENA_ENGINES)}")
    with_airflow = not no_airflow and chosen == AIRFLOW
    with stderr.status("starting") as spinner:
        lake.up(
            home,
            fresh=fresh,
            airflow=with_airflow,
            orchestrator=chosen,
            athena=athena,
            say=lambda text: spinner.update(styled(text)),
        )
    stdout.print("The lake is up.")
    describe_aws(home)
    if with_airflow:
        describe_airflow(home)
    elif chosen != AIRFLOW:
        stdout.print(f"Step Functions run the pipeline, {names.STATE_MACHINE}; see: ledgerlake executions")


def _confirm(home: Home, *, fresh: bool, asked: bool) -> None:
    """Say of a lake that compose runs that it is up, and where; starting it is not ours.

    Raises:
        UsageError: an option of `asked` needs a lake that this command has started.
        LakeUnavailable: it does not answer.
    """
    if asked:
        wipe = "docker compose down --volumes && " if fresh else ""
        raise _of_compose(home, "up", remedy=wipe + connection.up_command(home))
    connection.connect(connection.Choice())
    stdout.print("The lake is up.")
    describe_aws(home)
    describe_airflow(home)


def _orchestrator(home: Home, wanted: str | None, fresh: bool) -> str:
    """Return the orchestrator of the option, else the one in use; a lake that is wiped begins with the default.

    Raises:
        UsageError: there is none of that name, or the lake that is up has the other one.
    """
    if wanted is not None and wanted not in ORCHESTRATORS:
        raise UsageError(f"there is no orchestrator {wanted!r}", expected=f"one of {', '.join(ORCHESTRATORS)}")
    before = ORCHESTRATORS[0] if fresh else home.orchestrator
    if wanted not in (None, before) and not fresh and (home.folder / "aws").exists():
        raise UsageError(
            f"{before} consumes the queue of the lake in {home.folder}",
            expected="one orchestrator at a time",
            remedy=f"ledgerlake orchestrator use {wanted}; or with --fresh, which wipes the lake",
        )
    return wanted or before


def down(
    ctx: typer.Context,
    purge: Annotated[bool, typer.Option("--purge", help="Also remove the lake's folder, with all its data.")] = False,
) -> None:
    """Stop everything that `up` started. Data stays, unless you purge it.

    Example: ledgerlake down --purge
    """
    from local import lake

    home = _local_home(ctx, "down")
    if home.addresses:
        raise _of_compose(home, "down", remedy=f"docker compose down{' --volumes' if purge else ''}")
    lake.down(home, purge=purge, say=lambda text: stderr.print(text))
    stdout.print("The lake is down.")


def status(ctx: typer.Context, style: FormatOption = Format.TABLE) -> None:
    """Show what runs, what waits, and which run is at work.

    Example: ledgerlake status --format json
    """
    rows = _components() if connection.environment(ctx) == "local" else []
    rows += _away(ctx)
    try:
        rows += _state(connection.of(ctx))
    except LakeUnavailable as error:
        show(Rows(("what", "state"), rows), style)
        raise error from None
    show(Rows(("what", "state"), rows), style)


def _components() -> list[tuple[str, str]]:
    from local import lake, parts

    home = Home.current()
    down = {each.name for each in parts.down(home)}
    return [(name, state) for name, state in lake.status(home).items() if name not in down]


def _away(ctx: typer.Context) -> list[tuple[str, str]]:
    """Parts of a local lake that should run and do not; of another one Airflow's API names them."""
    if connection.environment(ctx) != "local":
        return []
    home = Home.current()
    return list(outages.processes_down(home).items())


def _state(lake: connection.Connection) -> list[tuple[str, str]]:
    airflow = airflow_of(lake)
    current = read_status(lake, airflow)
    files = ", ".join(f"{count} of {name}" for name, count in current.waits.items())
    rows = [
        ("waiting in raw/", files or "nothing"),
        ("open batches", ", ".join(current.open_batches) or "none"),
        ("in quarantine", ", ".join(current.quarantined) or "none"),
        ("lease", describe(lake, airflow)),
        (names.QUEUE, _messages(lake)),
        (names.DEAD_LETTER_QUEUE, f"{DeadLetterQueue.of(lake).count()} messages"),
    ]
    if current.waits and current.gate_waits_for:
        rows.append(("the gate waits for", ", ".join(current.gate_waits_for)))
    rows += _unread(current.unread)
    rows += [(f"check {each.check} of {each.dataset}", each.still_open) for each in open_failures(lake.s3, lake.bucket)]
    rows += [_unledgered(*each) for each in unledgered(lake.s3, lake.bucket).items()]
    rows += [(f"execution {each.name}", "at work") for each in current.executions if each.active]
    rows += _airflow(lake, airflow, current)
    return rows


def _unread(unread: Unread) -> list[tuple[str, str]]:
    """Return the files that no job reads, the first ten of each kind."""
    kinds = (
        ("read by no job", unread.strays, describe_stray),
        ("ignored in raw/", unread.ignored, display_text),
    )
    return [
        (kind, f"{len(keys):,}: {', '.join(map(describe, keys[:10]))}{', …' if len(keys) > 10 else ''}")
        for kind, keys, describe in kinds
        if keys
    ]


def _unledgered(batch_id: str, deliveries: Sequence[Delivery]) -> tuple[str, str]:
    """Deliveries that are archived and in no table: that a batch was closed so, an earlier release let happen."""
    days = sorted(str(date_of(each)) for each in deliveries)
    keys = ", ".join(display_text(each.key) for each in deliveries[:_NAMED])
    more = f" and {len(deliveries) - _NAMED} more" if len(deliveries) > _NAMED else ""
    return (
        f"not in the ledger: batch {batch_id}",
        f"{keys}{more}; to load them: ledgerlake backfill --from {days[0]} --to {days[-1]}",
    )


def _messages(lake: connection.Connection) -> str:
    queue = lake.client("sqs").get_queue_attributes(QueueUrl=lake.places.queue_url, AttributeNames=["All"])
    found = queue["Attributes"]
    return (
        f"{found['ApproximateNumberOfMessages']} messages, "
        f"{found['ApproximateNumberOfMessagesNotVisible']} being worked on"
    )


def _airflow(lake: connection.Connection, airflow: Airflow | None, current: LakeStatus) -> list[tuple[str, str]]:
    """Where it is, and what its by-date runs do; a failed one is named until its day is done."""
    if airflow is None:
        return [("Airflow", "cannot be asked")]
    known = outages.processes_down(lake.home) if lake.home else {}
    rows = [("Airflow", airflow.name)]
    rows += [(name, what) for name, what in current.down.items() if name not in known]
    rows += [(name, f"paused; to unpause it: {outages.unpause_command(lake, name)}") for name in current.paused]
    rows += [(f"run {run.run_id}", progress(run)) for run in current.runs or () if run.ahead]
    for run in reversed(current.by_date):
        if run.active or run.state == "failed":
            rows.append((f"by date {run.day or run.run_id}", progress(run, current.holder) if run.active else "failed"))
    return rows


def airflow(ctx: typer.Context) -> None:
    """Run Airflow's own command for the local lake: all that follows is Airflow's.

    Example: ledgerlake airflow backfill create --dag-id ecommerce_lakehouse_by_date
    --from-date 2025-04-01 --to-date 2025-04-15
    """
    from local.airflow import components as local_airflow

    home = _local_home(ctx, "airflow")
    if home.addresses:
        raise _of_compose(home, "airflow", remedy=f"docker compose exec scheduler airflow {shlex.join(ctx.args)}")
    raise typer.Exit(local_airflow.command(home, ctx.args))


def describe_airflow(home: Home) -> None:
    """Print where Airflow's UI is, and its login."""
    user, password = home.airflow_login()
    stdout.print(f"Airflow: {home.browser_url}  (user {user}, password {password})", soft_wrap=True)


def describe_aws(home: Home) -> None:
    """Print where the local AWS is, and the access key id without which it refuses every request."""
    where = f"{home.endpoint_url}  (access key id {home.access_key}, any secret, region {REGION})"
    stdout.print(f"AWS: {where}", soft_wrap=True)


def _local_home(ctx: typer.Context, command: str) -> Home:
    if connection.environment(ctx) != "local":
        raise UsageError(
            f"`{command}` is for the local lake, not for {connection.environment(ctx)}",
            expected="--env local; a real account is deployed from the template in infra/templates/",
        )
    return Home.current()


def _of_compose(home: Home, command: str, remedy: str) -> UsageError:
    return UsageError(
        f"`{command}` is for a lake that this command runs",
        expected=f"Docker compose to do it, which runs the lake at {home.endpoint_url}",
        remedy=remedy,
    )
