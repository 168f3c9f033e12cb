"""Which column of a file is which of the contract: by header name, by alias, or by a folder of the key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ledgerlake.contracts import Column, Dataset
from ledgerlake.contracts.columns import plain_header
from ledgerlake.display import display_text
from ledgerlake.intake.raw_keys import path_values
from ledgerlake_glue.csv_header import BrokenFile

_UNKNOWN_NAMED = 50
"""So many unknown columns are named: the names travel in the job's answer, into messages and logs."""


@dataclass(frozen=True)
class Matched:
    """How a file's columns were matched.

    Args:
        positions: where each column of the contract is in the file.
        unknown: the file's columns that the contract does not know, safe to display.
        absent: optional columns that the file does not have; its rows hold NULL there.
    """

    positions: dict[str, int]
    unknown: list[str]
    absent: list[str]


def match_header(header: Sequence[str], dataset: Dataset, path: Mapping[str, str | None]) -> Matched:
    """Find each column of the contract in the header, in any order and case.

    Args:
        path: values that the key gives to columns which the file does not have.

    Raises:
        BrokenFile: a required column is missing, a column is there twice, or an optional one is absent beside an
            unknown one, which may well be the same under another name: its values would be lost without a word.
    """
    names = [plain_header(name) for name in header]
    places = {column.name: [n for n, name in enumerate(names) if name in column.headers] for column in dataset.columns}
    if doubled := [_found(column, header, places) for column in dataset.columns if len(places[column.name]) > 1]:
        raise BrokenFile(f"doubled_column: the header has {', '.join(doubled)} more than once")
    absent = [name for name, found in places.items() if not found and name not in path]
    if missing := [name for name in absent if name in dataset.required]:
        seen = display_text(",".join(header), 500)
        raise BrokenFile(f"missing_column: no {', '.join(missing)} in the header {seen}")
    known = {n for found in places.values() for n in found}
    ignored = set(map(plain_header, dataset.ignored))
    unknown = _named([n for n, name in enumerate(names) if n not in known and name not in ignored], header)
    if absent and unknown:
        raise BrokenFile(
            f"renamed_column: no {', '.join(absent)} in the header, but the unknown {', '.join(unknown)}; if it is the "
            f"same, name it in header= of the column in the contract of {dataset.name}, if not, in ignored= there"
        )
    return Matched({name: found[0] for name, found in places.items() if found}, unknown, absent)


def path_of(key: str, dataset: Dataset) -> dict[str, str | None]:
    """Return the values that the folders of the key give to the contract's `path_columns`.

    Raises:
        BrokenFile: two folders give different ones.
    """
    aliases = {name: column for column in dataset.path_columns for name in dataset.column(column).headers}
    found: dict[str, str | None] = {}
    for name, values in path_values(key, aliases).items():
        column = aliases[name]
        for value in values:
            if found.setdefault(column, value) != value:
                both = f"{display_text(found[column])} and as {display_text(value)}"
                raise BrokenFile(f"path_contradicts: the path names {column} as {both}")
    return found


def _found(column: Column, header: Sequence[str], places: Mapping[str, Sequence[int]]) -> str:
    """Return the column and the headers that it has in the file, where these are not just its name."""
    seen = {display_text(header[n].strip()) for n in places[column.name]}
    others = {name for name in seen if plain_header(name) != column.name}
    return f"{column.name} ({', '.join(sorted(seen))})" if others else column.name


def _named(numbers: Sequence[int], header: Sequence[str]) -> list[str]:
    named = [display_text(header[n].strip()) or f"(column {n + 1}, without a name)" for n in numbers[:_UNKNOWN_NAMED]]
    more = len(numbers) - _UNKNOWN_NAMED
    return [*named, f"(and {more} more)"] if more > 0 else named
