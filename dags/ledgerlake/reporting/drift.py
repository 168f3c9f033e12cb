"""What a notification says of files that do not look as their contract expects."""

from __future__ import annotations

from collections.abc import Mapping

from ledgerlake.display import display_text

_NAMED = 10  # files of a kind in one notification
_REASON = 300  # characters


def loaded(deliveries: int, rejected: int, days: str = "") -> str:
    """Say how many of the deliveries were loaded, and how many rejected whole.

    Args:
        days: of a run by date, as ` of 2025-04-01`.
    """
    count = "1 delivery" if deliveries == 1 else f"{deliveries} deliveries"
    if not rejected:
        return f"{count}{days} loaded"
    return f"{max(0, deliveries - rejected)} of {count}{days} loaded, {rejected} rejected whole"


def rejected_lines(rejected: Mapping[str, str]) -> list[str]:
    """Say which files were rejected whole, and why.

    Args:
        rejected: by raw key, the reason.
    """
    lines = [f"{display_text(key)}: {display_text(why, _REASON)}" for key, why in sorted(rejected.items())[:_NAMED]]
    if len(lines) == 1:
        return [f"1 file rejected whole: {lines[0]}"]
    more = [f"  … and {len(rejected) - _NAMED:,} more"] if len(rejected) > _NAMED else []
    return [f"{len(rejected):,} files rejected whole:", *(f"  {line}" for line in lines), *more] if lines else []


def absent_lines(absent: Mapping[str, Mapping[str, Mapping[str, int]]]) -> list[str]:
    """Say which optional columns were absent, and how many rows of the table lost a value by that.

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
    took = f"{rows:,} row{'' if rows == 1 else 's'} lost a value that the table had" if rows else "no row lost a value"
    return f"{dataset}: {column} was absent in {files}: its rows hold NULL there, and {took}"
