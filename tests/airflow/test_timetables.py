"""Date of a run by hand: the requested one, and none in the future."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from airflow.sdk.api.datamodels._generated import DagRun, DagRunState, DagRunType
from airflow.utils.types import DagRunType as RunType

from ledgerlake_airflow.form import selection
from ledgerlake_airflow.timetables import Always, EveryDay, FutureRun, OnRequest

TIMETABLES = [Always(), OnRequest(), EveryDay("@daily", timezone="UTC")]
NOW = datetime.now(UTC)


def dag_run(timetable, logical_date, *, run_type=DagRunType.MANUAL, interval=None, run_after=NOW):
    """What a task is given of a run that the API makes of a logical date."""
    if interval is None and logical_date:
        interval = timetable.infer_manual_data_interval(run_after=logical_date)
    start, end = interval or (None, None)
    return DagRun(
        dag_id="ecommerce_lakehouse_by_date",
        run_id="manual__x",
        logical_date=logical_date,
        data_interval_start=start,
        data_interval_end=end,
        run_after=run_after,
        start_date=NOW,
        run_type=run_type,
        state=DagRunState.RUNNING,
        conf={},
        end_date=None,
        partition_key=None,
        consumed_asset_events=[],
    )


def days(run):
    chosen = selection(run, {})
    return chosen.first, chosen.last


@pytest.mark.parametrize(
    "logical_date",
    [
        datetime(2025, 6, 2, tzinfo=UTC),
        datetime(2025, 6, 2, 23, 59, 59, tzinfo=UTC),
        datetime(2025, 6, 3, 1, 0, tzinfo=timezone(timedelta(hours=2))),
    ],
)
def test_a_run_by_hand_with_a_logical_date_is_for_its_utc_day(logical_date):
    run = dag_run(TIMETABLES[2], logical_date)
    assert days(run) == (date(2025, 6, 2), date(2025, 6, 2))
    assert (run.data_interval_start, run.data_interval_end) == (
        datetime(2025, 6, 2, tzinfo=UTC),
        datetime(2025, 6, 3, tzinfo=UTC),
    )


def test_the_logical_date_counts_although_the_interval_says_otherwise():
    interval = (datetime(2025, 6, 1, tzinfo=UTC), datetime(2025, 6, 2, tzinfo=UTC))
    run = dag_run(TIMETABLES[2], datetime(2025, 6, 2, tzinfo=UTC), interval=interval)
    assert days(run) == (date(2025, 6, 2), date(2025, 6, 2))


def test_a_run_by_hand_without_a_date_is_for_the_day_before():
    run = dag_run(TIMETABLES[2], None, run_after=datetime(2025, 6, 3, 0, 1, tzinfo=UTC))
    assert days(run) == (date(2025, 6, 2), date(2025, 6, 2))


def test_scheduled_and_backfilled_runs_are_for_the_start_of_their_interval():
    interval = (datetime(2025, 6, 1, tzinfo=UTC), datetime(2025, 6, 2, tzinfo=UTC))
    for run_type in (DagRunType.SCHEDULED, DagRunType.BACKFILL):
        run = dag_run(TIMETABLES[2], interval[0], run_type=run_type, interval=interval)
        assert days(run) == (date(2025, 6, 1), date(2025, 6, 1))


@pytest.mark.parametrize("timetable", TIMETABLES)
@pytest.mark.parametrize("ahead", [timedelta(minutes=5), timedelta(days=1), timedelta(days=4000)])
def test_a_logical_date_in_the_future_is_rejected_with_a_message(timetable, ahead):
    with pytest.raises(FutureRun, match=r"the logical date .* UTC is in the future; expected one until now, ") as no:
        timetable.infer_manual_data_interval(run_after=datetime.now(UTC) + ahead)
    assert str(no.value).endswith("next step: trigger it with an earlier date, or without one")
    assert isinstance(no.value, ValueError), "the API answers 400 to it, with its text"


@pytest.mark.parametrize("timetable", TIMETABLES)
def test_a_browser_whose_clock_is_ahead_is_no_future(timetable):
    assert timetable.infer_manual_data_interval(run_after=datetime.now(UTC) + timedelta(seconds=20))


@pytest.mark.parametrize("timetable", TIMETABLES)
def test_a_run_by_hand_that_may_begin_only_in_the_future_is_rejected(timetable):
    later = NOW + timedelta(days=1)
    with pytest.raises(FutureRun, match="time to run after"):
        timetable.generate_run_id(run_type=RunType.MANUAL, run_after=later, data_interval=None)
    assert timetable.generate_run_id(run_type=RunType.SCHEDULED, run_after=later, data_interval=None)


def test_the_dags_are_stored_with_their_timetables_and_read_back(dag, by_date_dag):
    from airflow.serialization.serialized_objects import DagSerialization

    for each, kind in ((dag, "Always"), (by_date_dag, "EveryDay")):
        back = DagSerialization.from_dict(DagSerialization.to_dict(each)).timetable
        assert type(back).__name__ == kind
        with pytest.raises(ValueError, match="in the future"):
            back.infer_manual_data_interval(run_after=NOW + timedelta(days=1))
    assert back.summary == "0 0 * * *"
