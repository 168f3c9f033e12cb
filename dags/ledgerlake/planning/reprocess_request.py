"""What a person asks for, days, datasets, waiting or archived, made a `Selection`, or refused.

The same words refuse a form of Airflow, a backfill's conf and the input of an execution.
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


def asked(given: Mapping[str, Any], first: date, last: date) -> Selection:
    """The selection of those days and of what `given` says in `datasets` and `reprocess`; an empty field means all.

    Raises:
        SelectionError: says what was asked for, and what can be.
    """
    return Selection(first, last, _datasets(given.get("datasets")), **_what(given.get("reprocess")))


def days(given: Mapping[str, Any], otherwise: date) -> tuple[date, date]:
    """The first and the last day, out of `from` and `to`; the first alone is that day, none is `otherwise`.

    Raises:
        SelectionError: one is no day, or the last stands alone.
    """
    found = {name: day(name, given[name]) for name in ("from", "to") if given.get(name)}
    if not found:
        return otherwise, otherwise
    if "from" not in found:
        raise SelectionError(f"a last day ({found['to']}) without a first one", expected="both, or the first alone")
    return found["from"], found.get("to", found["from"])


def day(name: str, text: Any) -> date:
    """The day that field `name` gives as text.

    Raises:
        SelectionError: it is none.
    """
    try:
        return date.fromisoformat(str(text))
    except ValueError as error:
        raise SelectionError(f"{name} is {text!r}", expected="a day such as 2025-04-01") from error


def check_known_fields(given: Collection[str], known: Collection[str], what: str) -> None:
    """Refuse a field that nobody reads: it may be a misspelt one.

    Raises:
        SelectionError: names them.
    """
    if unknown := sorted(set(given) - set(known)):
        raise SelectionError(f"{what} names {', '.join(unknown)}", expected=f"some of {', '.join(known)}")


def _datasets(given: Any) -> tuple[str, ...]:
    """None chosen means all; a single one may be given as text."""
    names = [given] if isinstance(given, str) and given else given or []
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise SelectionError(f"datasets is {given!r}", expected=f"a list of some of {', '.join(DATASETS)}")
    return tuple(names)


def _what(given: Any) -> dict[str, bool]:
    given = given or BOTH
    if not isinstance(given, str) or given not in REPROCESS:
        raise SelectionError(f"reprocess is {given!r}", expected=f"one of {', '.join(REPROCESS)}")
    return {"waiting": given != ARCHIVED, "archived": given != WAITING}
