"""`deliver`, `run`, `wait`: bring files, make the lake look, wait until it has come to rest."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import track

from cli.clients import connection
from cli.clients.connection import Connection
from cli.clients.executions import Executions
from cli.commands.orchestrator import STEP_FUNCTIONS, check_chosen
from cli.console import stderr, stdout
from cli.failures import UsageError
from cli.views.waiting import wait as wait_for
from ledgerlake.contracts import DATASETS
from ledgerlake.intake import messages
from ledgerlake.intake.deliveries import iso
from ledgerlake.intake.raw_keys import is_ignored, suggested_dataset
from ledgerlake.keys import raw_prefix
from ledgerlake.settings import ORCHESTRATORS

TimeoutOption = Annotated[float, typer.Option("--timeout", min=0, help="Seconds after which to give up (exit code 4).")]


def deliver(
    ctx: typer.Context,
    dataset: Annotated[str, typer.Argument(help=f"One of {', '.join(DATASETS)}.")],
    files: Annotated[list[Path], typer.Argument(help="CSV files (.csv or .csv.gz).", metavar="FILE…")],
    name: Annotated[str | None, typer.Option("--as", help="Deliver one file under another name.")] = None,
) -> None:
    """Put files into raw/DATASET/, which wakes the pipeline.

    Example: ledgerlake deliver orders april/orders/*.csv
    """
    keys = keys_for(dataset, files, name)
    lake = connection.of(ctx)
    upload(lake, keys)
    for key in keys:
        stdout.print(lake.places.uri(key), soft_wrap=True)


def keys_for(dataset: str, files: Sequence[Path], name: str | None = None) -> dict[str, Path]:
    """Return the raw key of each file.

    Raises:
        UsageError: unknown dataset, missing file, or two files that would have one key.
    """
    if dataset not in DATASETS:
        meant = suggested_dataset(dataset)
        raise UsageError(
            f"there is no dataset {dataset!r}{meant and f'; did you mean {meant}?'}",
            expected=f"one of {', '.join(DATASETS)}",
        )
    if missing := [str(path) for path in files if not path.is_file()]:
        raise UsageError(f"{', '.join(missing)}: no such file", expected="files that exist")
    if name is not None and len(files) > 1:
        raise UsageError(f"--as gives one name, but {len(files)} files were named", expected="one file")
    names = [name or path.name for path in files]
    if doubled := [each for each, count in Counter(names).items() if count > 1]:
        raise UsageError(
            f"more than one file is called {', '.join(doubled)}",
            expected="different names, as they are delivered into one folder",
            remedy="deliver them one by one, with --as 2025/04/01.csv",
        )
    keys = {raw_prefix(dataset) + each.strip("/"): path for each, path in zip(names, files, strict=True)}
    if ignored := [key for key, path in keys.items() if is_ignored(key, path.stat().st_size)]:
        raise UsageError(
            f"{', '.join(ignored)} would be ignored, as a marker or a hidden file",
            expected="names that do not begin with _ or .",
            remedy="--as NAME",
        )
    return keys


def upload(lake: Connection, keys: dict[str, Path]) -> None:
    """Put the files, with a progress bar when there are many."""
    entries = track(keys.items(), "delivering", console=stderr, transient=True, disable=len(keys) < 3)
    for key, path in entries:
        lake.s3.upload_file(str(path), lake.bucket, key)


def run(
    ctx: typer.Context,
    wait: Annotated[bool, typer.Option("--wait", help="Then wait until the lake has come to rest.")] = False,
    timeout: TimeoutOption = 1800,
    orchestrator: Annotated[
        str | None, typer.Option(metavar="NAME", help="step_functions: start an execution and name it.")
    ] = None,
    first: Annotated[str | None, typer.Option("--from", metavar="DAY", help="The first day, then.")] = None,
    last: Annotated[str | None, typer.Option("--to", metavar="DAY", help="The last; the first, if not given.")] = None,
) -> None:
    """Make the pipeline look into raw/ now.

    A message wakes it, whoever consumes the queue. It finds what waits, or resumes the batch that a
    failed run left open. With --orchestrator step_functions an execution is started instead; given days, it
    processes their deliveries again, as a backfill does.

    Example: ledgerlake run --wait
    """
    if (first or last) and orchestrator != STEP_FUNCTIONS:
        raise UsageError("--from and --to are for Step Functions", remedy="ledgerlake backfill --from DAY --to DAY")
    if last and not first:
        raise UsageError("--to without --from", expected="both, or the first day alone")
    if orchestrator not in (None, *ORCHESTRATORS):
        raise UsageError(f"there is no orchestrator {orchestrator!r}", expected=f"one of {', '.join(ORCHESTRATORS)}")
    lake = connection.of(ctx)
    if orchestrator and not first:
        check_chosen(lake, orchestrator)
    if orchestrator == STEP_FUNCTIONS:
        days = {"from": first, "to": last or first} if first else {}
        stdout.print(f"Execution {Executions(lake).start(days)} has begun.", soft_wrap=True)
    else:
        wake(lake)
        stdout.print("The pipeline is woken and looks into raw/.")
    if wait:
        wait_here(lake, timeout)


def wake(lake: Connection) -> None:
    """Send the message that ends a sensor's wait; any message does."""
    body = messages.wake(f"ledgerlake run at {iso(datetime.now(UTC))}")
    lake.client("sqs").send_message(QueueUrl=lake.places.queue_url, MessageBody=json.dumps(body))


def wait(ctx: typer.Context, timeout: TimeoutOption = 1800) -> None:
    """Wait until nothing waits in raw/ and no run is at work.

    Fails when a run fails meanwhile, and says in which task, why, and what to do next.

    Example: ledgerlake wait --timeout 600
    """
    wait_here(connection.of(ctx), timeout)


def wait_here(lake: Connection, timeout: float) -> None:
    """Wait with a display on stderr; Ctrl-C ends the waiting, not the work."""
    try:
        wait_for(lake, timeout=timeout, console=stderr)
    except KeyboardInterrupt:
        stderr.print("The pipeline continues without this command; see: ledgerlake status")
        raise
    stdout.print("Nothing waits, and no run is at work.")
