"""Waiting for the lake to come to rest, with a live display of what it does."""

from __future__ import annotations

import time
from collections import Counter
from datetime import UTC, datetime

import requests
from rich.console import Console
from rich.live import Live
from rich.text import Text

from cli.airflow_api import Airflow
from cli.connection import Connection
from cli.failures import Failed, GateClosed, NotUp, TimedOut
from cli.look import Look, Verdict, describe, failed_run, first_failure, judge
from ledgerlake import batch
from ledgerlake.deliveries import waiting

_POLL_SECONDS = 2


def look_at(lake: Connection, airflow: Airflow | None) -> Look:
    """Ask S3 and Airflow."""
    runs = tuple(airflow.latest_runs()) if airflow else None  # first: a batch opens before its run is seen ended
    found = waiting(lake.s3, lake.bucket)
    closed: list[str] = []
    if found.deliveries:
        closed = batch.closed_by(found, lake.settings, batch.loaded_tables(lake.s3, lake.bucket))
    return Look(
        waits=dict(Counter(delivery.dataset for delivery in found.deliveries)),
        open_batches=tuple(batch.open_batches(lake.s3, lake.bucket)),
        gate_waits_for=tuple(closed),
        runs=runs,
    )


def airflow_of(lake: Connection, console: Console) -> Airflow | None:
    """Airflow's API, or None (and a word about it) where it cannot be asked."""
    if lake.home is None:
        console.print("Access to Airflow is not configured for a real account yet: judging by S3 alone,")
        console.print("so a failed run is not seen here; it is told by SNS.")
        return None
    airflow = Airflow(lake.home)
    try:
        airflow.latest_runs(1)
    except (NotUp, requests.RequestException):
        console.print("Airflow does not run: judging by S3 alone. To start it: ledgerlake up")
        return None
    return airflow


def wait(lake: Connection, *, timeout: float, console: Console) -> None:
    """Return when nothing waits and nothing is at work.

    Raises:
        Failed: a run failed meanwhile; says where, why and how to go on.
        GateClosed: what waits cannot be processed until something else is delivered.
        TimedOut: after `timeout` seconds.
    """
    airflow = airflow_of(lake, console)
    since = datetime.now(UTC)
    until = time.monotonic() + timeout
    with _Display(console) as display:
        while True:
            look = look_at(lake, airflow)
            display.show(describe(look))
            verdict = judge(look, since)
            if verdict is not Verdict.BUSY:
                break
            if time.monotonic() > until:
                raise _timed_out(look, timeout)
            time.sleep(_POLL_SECONDS)
    if verdict is Verdict.FAILED:
        raise _failed(look, since, airflow)
    if verdict is Verdict.GATE_CLOSED:
        missing = ", ".join(look.gate_waits_for)
        remedy = f"ledgerlake deliver {look.gate_waits_for[0]} FILE"
        raise GateClosed(f"the gate is closed: no delivery of {missing} has come", remedy=remedy)


def _failed(look: Look, since: datetime, airflow: Airflow | None) -> Failed:
    run = failed_run(look, since)
    assert run is not None
    task = first_failure(run.tasks)
    if task is None or airflow is None:
        return Failed(f"run {run.run_id} failed", remedy="ledgerlake logs")
    reason = airflow.why(run.run_id, task) or "its log gives no reason"
    return Failed(
        f"run {run.run_id} failed in {task.task_id}: {reason}",
        expected="every task to succeed; nothing is lost, the next run goes on where this one stopped",
        remedy="mend the cause (ledgerlake logs shows the jobs), then: ledgerlake run --wait",
    )


def _timed_out(look: Look, timeout: float) -> TimedOut:
    return TimedOut(
        f"after {timeout:.0f} s: {'; '.join(describe(look))}",
        expected="nothing to wait in raw/ and no run at work; the work goes on without this command",
        remedy="ledgerlake wait --timeout SECONDS, or ledgerlake status",
    )


class _Display:
    """One live region on a terminal; elsewhere a line whenever something changed."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, transient=True, refresh_per_second=4) if console.is_terminal else None
        self._shown: list[str] = []

    def __enter__(self) -> _Display:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def show(self, lines: list[str]) -> None:
        if self._live:
            self._live.update(Text("\n".join(lines)))
        else:
            for line in lines:
                if line not in self._shown:
                    self._console.print(line, markup=False)
        self._shown = lines
