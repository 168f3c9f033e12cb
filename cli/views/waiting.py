"""Waiting for the lake to come to rest, with a live display of what it does."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

from botocore.exceptions import BotoCoreError, ClientError, ConnectionError
from rich.console import Console
from rich.live import Live

from cli.clients.airflow import Airflow, Run
from cli.clients.airflow_transport import LocalAirflow, ManagedAirflow, Refused
from cli.clients.connection import Connection
from cli.clients.executions import Executions
from cli.console import stacked
from cli.failures import Failed, GateClosed, LakeUnavailable, TimedOut
from cli.views import outages
from cli.views.status import LakeStatus, Verdict, assess, describe, failed_execution, failed_run, first_failure
from ledgerlake import names
from ledgerlake.errors import DamagedControlObject
from ledgerlake.intake.deliveries import waiting
from ledgerlake.planning import batch, lease, quarantine
from ledgerlake.planning.unread import Unread
from ledgerlake.runs.endings import CHECK_FAILED, CHECKS

_POLL_SECONDS = 1
_BY_DATE_RUNS = 20
_UNKNOWN = 404
_SERVER_ERROR = 500
_LOOK = "ledgerlake run --wait"


def read_status(lake: Connection, airflow: Airflow | None) -> LakeStatus:
    """Ask S3 and Airflow."""
    # first: a batch opens before its run is seen ended
    executions = tuple(Executions(lake).latest())
    runs = tuple(airflow.latest_runs()) if airflow else None
    by_date = by_date_runs(airflow) if airflow else ()
    set_aside = quarantine.quarantined(lake.s3, lake.bucket)
    held = quarantine.in_quarantine(lake.s3, lake.bucket) if set_aside else frozenset()
    listed = waiting(lake.s3, lake.bucket)
    found = [delivery for delivery in listed.deliveries if delivery.id not in held]
    closed: list[str] = []
    if found:
        closed = batch.closed_by(found, lake.settings, batch.loaded_tables(lake.s3, lake.bucket))
    return LakeStatus(
        waits=dict(Counter(delivery.dataset for delivery in found)),
        open_batches=tuple(batch.open_batches(lake.s3, lake.bucket)),
        gate_waits_for=tuple(closed),
        runs=runs,
        by_date=by_date,
        quarantined=set_aside,
        holder=holder(lake),
        executions=executions,
        unread=Unread.of(listed),
        down=outages.parts_down(lake, airflow),
        paused=outages.paused(airflow),
    )


def holder(lake: Connection) -> str:
    """Who has the lease; empty when it is free."""
    try:
        held = lease.show(lake.s3, lake.bucket)
    except DamagedControlObject:
        return "unknown"
    return held.holder if held else ""


def by_date_runs(airflow: Airflow) -> tuple[Run, ...]:
    """Return the newest runs of the by-date DAG, without those that are queued while it is paused."""
    try:
        runs = airflow.latest_runs(names.BY_DATE_DAG, _BY_DATE_RUNS)
        if any(run.state == "queued" for run in runs) and airflow.is_paused(names.BY_DATE_DAG):
            runs = [run for run in runs if run.state != "queued"]
    except Refused as error:
        if error.status == _UNKNOWN:  # a lake of an earlier release, or one that has only just begun
            return ()
        raise
    return tuple(runs)


def airflow_at(lake: Connection) -> Airflow:
    """Airflow's API, unasked: that of the local lake, or that of the account's MWAA environment."""
    if lake.home is not None:
        return Airflow(LocalAirflow(lake.home))
    return Airflow(ManagedAirflow(lake.client("mwaa"), lake.mwaa_environment))


def airflow_of(lake: Connection, console: Console | None = None) -> Airflow | None:
    """Airflow's API, or None (and a word about it) where it cannot be asked."""
    airflow = airflow_at(lake)
    try:
        airflow.latest_runs(limit=1)
    except (LakeUnavailable, Refused, ClientError, BotoCoreError) as error:
        if console is not None:
            console.print(f"Airflow cannot be asked: {error}")
            console.print("Judging by S3 alone: a run that fails is not seen here; SNS notifies of it.")
        return None
    return airflow


def wait(lake: Connection, *, timeout: float, console: Console, by_date: bool = True) -> None:
    """Return when nothing waits and nothing is at work.

    Args:
        by_date: wait for the runs by date too, which may have to wait for their turn and then find nothing.

    Raises:
        Failed: a run failed meanwhile, or a batch was quarantined; says where, why and what to do next.
        GateClosed: what waits cannot be processed until something else is delivered.
        TimedOut: after `timeout` seconds.
    """
    airflow = airflow_of(lake, console if lake.settings.orchestrator == "airflow" else None)
    since = datetime.now(UTC)
    until = time.monotonic() + timeout
    status: LakeStatus | None = None
    with Display(console) as display:
        while True:
            airflow = airflow or _airflow_again(lake)
            status = _try_status(lake, airflow, status)
            status = status if by_date else replace(status, by_date=())
            display.show(describe(status))
            verdict = assess(status, since)
            if verdict is not Verdict.BUSY:
                break
            if time.monotonic() > until:
                raise _timed_out(status, timeout)
            time.sleep(_POLL_SECONDS)
    _show_unread(status, console)
    if aside := status.quarantined_since(since):
        raise quarantined(status, aside[-1])
    if verdict is Verdict.FAILED:
        raise failure(lake, status, since, airflow)
    if verdict is Verdict.PAUSED:
        raise _paused(lake, status)
    if verdict is Verdict.GATE_CLOSED:
        missing = ", ".join(status.gate_waits_for)
        remedy = f"ledgerlake deliver {status.gate_waits_for[0]} FILE"
        raise GateClosed(f"the gate is closed: no delivery of {missing} has come", remedy=remedy)


def _show_unread(status: LakeStatus, console: Console) -> None:
    """On a terminal the display is gone by now; elsewhere its lines stay."""
    if console.is_terminal:
        for line in status.unread.lines():
            console.print(line)


def _airflow_again(lake: Connection) -> Airflow | None:
    """Airflow's API, when it answers by now; on AWS it was asked once, since that takes long where there is none."""
    return airflow_of(lake) if lake.home and lake.settings.orchestrator == "airflow" else None


def _try_status(lake: Connection, airflow: Airflow | None, before: LakeStatus | None) -> LakeStatus:
    """Read the status; while a part does not answer, only that is known, and the wait continues.

    Raises:
        LakeUnavailable, ConnectionError: it did not answer at the first look either, and its own part is not to blame.
    """
    try:
        return read_status(lake, airflow)
    except (LakeUnavailable, Refused, ConnectionError) as error:
        down = outages.parts_down(lake, None)
        if (isinstance(error, Refused) and error.status < _SERVER_ERROR) or not (before or down):
            raise
        open_batches = before.open_batches if before else ()
        return LakeStatus(
            before.waits if before else {}, open_batches or ("not known",), down=down or {"a part": "not answering"}
        )


def _paused(lake: Connection, status: LakeStatus) -> Failed:
    files = ", ".join(f"{count} of {name}" for name, count in status.waits.items())
    return Failed(
        f"{names.LIVE_DAG} is paused: no task of it begins, and {files or 'an open batch'} waits",
        expected="it to run; nothing is lost meanwhile",
        remedy=outages.unpause_command(lake, names.LIVE_DAG),
    )


def failure(lake: Connection, status: LakeStatus, since: datetime, airflow: Airflow | None) -> Failed:
    """Return the error of the run or the execution that has failed since then."""
    return _failed(status, since, airflow) if failed_run(status, since) else _failed_execution(lake, status, since)


def quarantined(status: LakeStatus, batch_id: str) -> Failed:
    """Return the error of a batch that was set aside."""
    return Failed(
        f"batch {batch_id} is in quarantine: {status.why(batch_id)}",
        expected="fewer rejected rows; nothing of that dataset was changed, and the batch's files wait in raw/",
        remedy=f"ledgerlake quarantined; to let it through as it is: ledgerlake accept {batch_id}",
    )


def _failed(status: LakeStatus, since: datetime, airflow: Airflow | None) -> Failed:
    run = failed_run(status, since)
    assert run is not None
    task = first_failure(run.tasks)
    if task is None or airflow is None:
        return Failed(f"run {run.run_id} failed", remedy="ledgerlake logs")
    seen = f"run {run.run_id} failed in {task.task_id}: {reason(airflow, run)}"
    if task.task_id.startswith(CHECKS) and not status.open_batches:
        return _failed_check(seen)
    again = f"ledgerlake backfill --from {run.day} --to {run.day}" if run.dag_id == names.BY_DATE_DAG else _LOOK
    return Failed(
        seen,
        expected="every task to succeed; nothing is lost, the next run resumes where this one stopped",
        remedy=f"fix the cause (ledgerlake logs shows the jobs), then: {again}",
    )


def _failed_execution(lake: Connection, status: LakeStatus, since: datetime) -> Failed:
    execution = failed_execution(status, since)
    assert execution is not None
    why = Executions(lake).why(execution)
    if why.startswith(f"{CHECK_FAILED}:") and not status.open_batches:
        return _failed_check(f"execution {execution.name} failed: {why}")
    return Failed(
        f"execution {execution.name} failed: {why}",
        expected="every state to succeed; nothing is lost, the next execution resumes where this one stopped",
        remedy=f"fix the cause (ledgerlake executions {execution.name} shows its states), then: {_LOOK}",
    )


def _failed_check(seen: str) -> Failed:
    """Say of a check that failed what follows: its batch is closed, so no run resumes it."""
    return Failed(
        seen,
        expected="every check to pass; its batch is loaded, archived and closed, and newer deliveries are processed",
        remedy="ledgerlake status shows it until a run sees it pass; what to do: docs/trouble/a-check-failed.md",
    )


def reason(airflow: Airflow, run: Run) -> str:
    """Why the run failed, as the log of the task says that failed first."""
    task = first_failure(run.tasks)
    return (task and airflow.why(run, task)) or f"see its log in {airflow.name}"


def _timed_out(status: LakeStatus, timeout: float) -> TimedOut:
    return TimedOut(
        f"after {timeout:.0f} s: {'; '.join(describe(status))}",
        expected="nothing to wait in raw/ and no run at work; the work continues without this command",
        remedy="ledgerlake wait --timeout SECONDS, or ledgerlake status",
    )


class Display:
    """One live region on a terminal; elsewhere a line whenever something changed."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, transient=True, refresh_per_second=4) if console.is_terminal else None
        self._shown: list[str] = []

    def __enter__(self) -> Display:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def show(self, lines: list[str]) -> None:
        """Replace the lines that are shown; print them where the output is no terminal."""
        if self._live:
            self._live.update(stacked(lines))
        else:
            for line in lines:
                if line not in self._shown:
                    self._console.print(line)
        self._shown = lines
