"""Form of a run by date, and the request that it, a backfill or the schedule makes.

Dates come from the run's logical date, never from its id, which carries the moment after the interval.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from airflow.sdk import Param
from airflow.sdk.exceptions import AirflowFailException

from ledgerlake.contracts import DATASETS
from ledgerlake.errors import SelectionError
from ledgerlake.planning import reprocess_request
from ledgerlake.planning.by_date import Selection
from ledgerlake.planning.reprocess_request import BOTH, REPROCESS


class FormError(AirflowFailException):
    """The request of the run is invalid; not retried, since a run keeps its form."""


def fields() -> dict[str, Param]:
    """Return the form of a run by hand; a backfill also uses its `datasets`, `reprocess` and `reason`.

    Airflow validates dates and choices; `selection` validates the rest.
    """
    day: dict[str, Any] = {"type": ["null", "string"], "format": "date"}
    leave = "Leave it empty in a backfill: each of its runs is for one day."
    return {
        "from": Param(
            None,
            **day,
            title="First day",
            description="Empty: the UTC day of the run's logical date (today, as the form proposes it); "
            f"without one, yesterday. {leave}",
        ),
        "to": Param(None, **day, title="Last day", description=f"Included. Empty: the first day only. {leave}"),
        "datasets": Param(
            list(DATASETS),
            type=["null", "array", "string"],
            examples=list(DATASETS),
            title="Datasets",
            description="Rows whose parents are not among them, nor in their tables, are parked.",
        ),
        "reprocess": Param(
            BOTH,
            enum=[*REPROCESS, None],
            values_display=REPROCESS,
            title="What to process",
            description="Processing a file again replaces what it made before; nothing is doubled.",
        ),
        "reason": Param("", type=["null", "string"], title="Why", description="Shown in the report of the run."),
    }


def selection(run: Any, params: Mapping[str, Any]) -> Selection:
    """Return what the run is to process.

    Args:
        run: the DagRun of a task's context.
        params: the form's fields, overridden by the run's conf.

    Raises:
        FormError: the request is invalid.
    """
    day = day_of(run)
    if run.run_type == "scheduled":
        return Selection(day, day, archived=False, older=True)
    try:
        reprocess_request.check_known_fields(run.conf or {}, fields(), "the conf")
        return reprocess_request.parse(params, *_days(run, params, day))
    except SelectionError as error:
        raise FormError(f"{error}; next step: start another run, since this one keeps its form") from error


def day_of(run: Any) -> date:
    """Return the UTC day of the run's logical date; without one, the last whole day before it was to run.

    The data interval may differ: in earlier releases that of a run by hand was the day before.
    """
    when: datetime | None = run.logical_date or run.data_interval_start
    return when.astimezone(UTC).date() if when else run.run_after.astimezone(UTC).date() - timedelta(days=1)


def _days(run: Any, params: Mapping[str, Any], day: date) -> tuple[date, date]:
    named = [name for name in ("from", "to") if params.get(name)]
    if run.run_type == "backfill" and named:
        raise SelectionError(
            f"the backfill's conf names {' and '.join(named)}", expected=f"neither: this run is for {day}"
        )
    return reprocess_request.parse_days(params, day)
