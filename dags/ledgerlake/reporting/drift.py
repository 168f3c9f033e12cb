"""Lines of a notification about files that differ from their contract."""

from __future__ import annotations

from collections.abc import Mapping

from ledgerlake.display import display_text

_NAMED = 10  # files of a kind in one notification
_REASON = 300  # characters


def loaded(deliveries: int, rejected: int, days: str = "") -> str:
    """Return how many of the deliveries were loaded, and how many were rejected whole.

    Args:
        days: the days of a run by date, as ` of 2025-04-01`.
    """
    count = "1 delivery" if deliveries == 1 else f"{deliveries} deliveries"
    if not rejected:
        return f"{count}{days} loaded"
    return f"{max(0, deliveries - rejected)} of {count}{days} loaded, {rejected} rejected whole"


def rejected_lines(rejected: Mapping[str, str]) -> list[str]:
    """Return which files were rejected whole, each with its reason.

    Args:
        rejected: by raw key, the reason.
    """
    named = sorted(rejected.items())[:_NAMED]
    lines = [f"{display_text(key)}: {display_text(reason, _REASON)}" for key, reason in named]
    if len(lines) == 1:
        return [f"1 file rejected whole: {lines[0]}"]
    more = [f"  … and {len(rejected) - _NAMED:,} more"] if len(rejected) > _NAMED else []
    return [f"{len(rejected):,} files rejected whole:", *(f"  {line}" for line in lines), *more] if lines else []


def absent_lines(absent: Mapping[str, Mapping[str, Mapping[str, int]]]) -> list[str]:
    """Return which optional columns were absent, and how many rows of the table lost a value.

    Args:
        absent: by dataset, raw key and column, rows that had a value there before.
    """
    lines = []
    for dataset, files in absent.items():
        by_column: dict[str, dict[str, int]] = {}
        for key, columns in files.items():
            for column, lost in columns.items():
                by_column.setdefault(column, {})[key] = lost
        lines += [_absent(dataset, column, lost) for column, lost in sorted(by_column.items())]
    return lines


def _absent(dataset: str, column: str, lost: Mapping[str, int]) -> str:
    first, rows = display_text(min(lost)), sum(lost.values())
    files = f"{len(lost):,} files, {first} first" if len(lost) > 1 else first
    loss = f"{rows:,} row{'' if rows == 1 else 's'} lost a value that the table had" if rows else "no row lost a value"
    return f"{dataset}: {column} was absent in {files}: its rows hold NULL there, and {loss}"
