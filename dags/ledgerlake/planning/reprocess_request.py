"""A reprocessing request: its days, datasets and sources, parsed into a `Selection`.

A form of Airflow, the conf of a backfill and the input of an execution are all parsed here, so that each of them is
rejected with the same message.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from typing import Any

from ledgerlake.contracts import DATASETS
from ledgerlake.errors import SelectionError
from ledgerlake.planning.by_date import Selection

BOTH, WAITING, ARCHIVED = "both", "waiting", "archived"
REPROCESS = {
    BOTH: "both: what waits in raw/, and what was processed before",
    WAITING: "waiting: only what still lies in raw/",
    ARCHIVED: "archived: only what was processed before",
}


def parse(request: Mapping[str, Any], first: date, last: date) -> Selection:
    """Return the selection of these days, with the `datasets` and the `reprocess` of the request.

    An empty field selects everything.

    Raises:
        SelectionError: a field has another value than those that the error names.
    """
    return Selection(first, last, _datasets(request.get("datasets")), **_sources(request.get("reprocess")))


def parse_days(request: Mapping[str, Any], default: date) -> tuple[date, date]:
    """Return the first and the last day from the fields `from` and `to`.

    `from` alone selects that day. Without both of them, `default` is the only day.

    Raises:
        SelectionError: a field is no day, or `to` comes without `from`.
    """
    days = {name: parse_day(name, request[name]) for name in ("from", "to") if request.get(name)}
    if not days:
        return default, default
    if "from" not in days:
        raise SelectionError(f"a last day ({days['to']}) without a first one", expected="both, or the first alone")
    return days["from"], days.get("to", days["from"])


def parse_day(name: str, text: Any) -> date:
    """Return the day in the field `name`.

    Raises:
        SelectionError: the text is no day.
    """
    try:
        return date.fromisoformat(str(text))
    except ValueError as error:
        raise SelectionError(f"{name} is {text!r}", expected="a day such as 2025-04-01") from error


def check_known_fields(fields: Collection[str], known: Collection[str], subject: str) -> None:
    """Reject a request with an unknown field, which may be a misspelt one.

    Args:
        subject: names the request in the error, as in "the conf".

    Raises:
        SelectionError: names the unknown fields.
    """
    if unknown := sorted(set(fields) - set(known)):
        raise SelectionError(f"{subject} names {', '.join(unknown)}", expected=f"some of {', '.join(known)}")


def _datasets(value: Any) -> tuple[str, ...]:
    """Return the chosen datasets; none means all, and text is a single one."""
    names = [value] if isinstance(value, str) and value else value or []
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise SelectionError(f"datasets is {value!r}", expected=f"a list of some of {', '.join(DATASETS)}")
    return tuple(names)


def _sources(value: Any) -> dict[str, bool]:
    value = value or BOTH
    if not isinstance(value, str) or value not in REPROCESS:
        raise SelectionError(f"reprocess is {value!r}", expected=f"one of {', '.join(REPROCESS)}")
    return {"waiting": value != ARCHIVED, "archived": value != WAITING}
