"""Timetables of the DAGs: a run by hand keeps its requested date, which must not be in the future.

Airflow begins no task of a run before its logical date, and counts the run as active until then. One run of the live
DAG with a date in the future would delay every delivery, so it is rejected when it is triggered.

Scheduler, API server and triggerer import this module without the DAG folder on their path, so it must not import
the kernel.
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
    """A requested run could not begin yet; the API responds with the message."""


def check_begun(when: datetime, label: str, now: datetime | None = None) -> None:
    """Check that a date of a run by hand is not in the future.

    Raises:
        FutureRun: it is; the message says what to enter instead.
    """
    now = now or datetime.now(UTC)
    if when <= now + _SKEW:
        return
    raise FutureRun(
        f"the {label} {when.astimezone(UTC):%Y-%m-%d %H:%M} UTC is in the future; expected one until now, "
        f"{now:%Y-%m-%d %H:%M} UTC, since Airflow begins no task of a run before its date; "
        "next step: trigger it with an earlier date, or without one"
    )


class _NeverAhead:
    """Mixin of a timetable that rejects runs by hand in the future."""

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
        """Return the UTC day of the logical date."""
        check_begun(run_after, "logical date")
        start = datetime.combine(run_after.astimezone(UTC).date(), time(), UTC)
        return DataInterval(start, start + timedelta(days=1))  # type: ignore[arg-type]
