"""Timetables of the DAGs: the date of a run by hand is the date that was asked for, and never one in the future.

Airflow begins no task of a run before its logical date, and counts the run as active until then: one run of the
live DAG with a date in the future would hold back every delivery. So it is refused where it is triggered.

Scheduler, API server and triggerer import this module, and none of them has the DAG folder on its path: nothing
of the kernel is imported here.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any

from airflow.timetables.base import DataInterval
from airflow.timetables.interval import CronDataIntervalTimetable
from airflow.timetables.simple import ContinuousTimetable, NullTimetable

_SKEW = timedelta(minutes=1)
"""The form's date is the browser's clock, which may be ahead of the server's."""


class FutureRun(ValueError):
    """A run was asked for that could not begin yet; the API answers with its text."""


def check_begun(when: datetime, what: str, now: datetime | None = None) -> None:
    """Check that a date of a run by hand is not in the future.

    Raises:
        FutureRun: it is; says what to enter instead.
    """
    now = now or datetime.now(UTC)
    if when <= now + _SKEW:
        return
    raise FutureRun(
        f"the {what} {when.astimezone(UTC):%Y-%m-%d %H:%M} UTC is in the future; expected one until now, "
        f"{now:%Y-%m-%d %H:%M} UTC, since Airflow begins no task of a run before its date; "
        "next step: trigger it with an earlier date, or without one"
    )


class _NeverAhead:
    """What a timetable says of runs by hand."""

    def infer_manual_data_interval(self, *, run_after: datetime) -> DataInterval:
        check_begun(run_after, "logical date")
        return super().infer_manual_data_interval(run_after=run_after)  # type: ignore[misc,no-any-return]

    def generate_run_id(self, *, run_type: Any, run_after: datetime, **more: Any) -> str:
        interval = more.get("data_interval")
        if run_type == "manual":
            check_begun(run_after, "time to run after")
            if interval is not None:
                check_begun(interval.start, "data interval from")
        return super().generate_run_id(run_type=run_type, run_after=run_after, **more)  # type: ignore[misc,no-any-return]


class Always(_NeverAhead, ContinuousTimetable):
    """One run is always active."""


class OnRequest(_NeverAhead, NullTimetable):
    """Runs are started by hand only."""


class EveryDay(_NeverAhead, CronDataIntervalTimetable):
    """A run a day for the day before; a run by hand is for the UTC day of its logical date."""

    def infer_manual_data_interval(self, *, run_after: datetime) -> DataInterval:
        check_begun(run_after, "logical date")
        start = datetime.combine(run_after.astimezone(UTC).date(), time(), UTC)
        return DataInterval(start, start + timedelta(days=1))  # type: ignore[arg-type]
