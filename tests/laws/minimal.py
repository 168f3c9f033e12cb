"""From a schedule that fails to the smallest part of it that still does, many tries in one lake."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any

from laws.schedules import Schedule
from laws.world import World

Atom = tuple[Any, ...]
"""What can be left out: ("file", number), ("row", file, number), ("turn", round, file), ("header", file)."""


def failing(new_lake: Callable[[], Any], schedules: list[Schedule]) -> set[int]:
    """Which of the schedules differ from the model after any round, or stop a job."""
    if not schedules:
        return set()
    world = World(new_lake(), schedules)
    found: set[int] = set()
    try:
        for _, differences in world.rounds():
            found |= differences.keys()
    except Exception:  # noqa: BLE001  # whatever it is, it stops a job for all schedules: whose fault is it?
        if len(schedules) == 1:
            return {0}
        half = len(schedules) // 2
        second = {index + half for index in failing(new_lake, schedules[half:])}
        return found | failing(new_lake, schedules[:half]) | second
    return found


def smallest(new_lake: Callable[[], Any], schedule: Schedule) -> Schedule:
    """Leave out what can be left out, until everything that is left is needed for the failure."""
    while True:
        atoms = _atoms(schedule)
        without = [_without(schedule, [atom]) for atom in atoms]
        spare = [atoms[index] for index in sorted(failing(new_lake, without))]
        if not spare:
            return schedule
        together = [_without(schedule, spare[:count]) for count in range(1, len(spare) + 1)]
        schedule = together[max(failing(new_lake, together), default=0)]


def _atoms(schedule: Schedule) -> list[Atom]:
    files = [("file", index) for index in range(len(schedule.files))]
    rounds = [("turn", number, index) for number, batch in enumerate(schedule.rounds) for index in batch]
    rows = [("row", index, row) for index, file in enumerate(schedule.files) for row in range(len(file.rows))]
    headers = [("header", index) for index, file in enumerate(schedule.files) if file.header == "reversed"]
    return [*files, *rounds, *rows, *headers]


def _without(schedule: Schedule, atoms: Collection[Atom]) -> Schedule:
    kept = [index for index in range(len(schedule.files)) if ("file", index) not in atoms]
    files = tuple(
        replace(
            file,
            rows=tuple(row for number, row in enumerate(file.rows) if ("row", index, number) not in atoms),
            header="plain" if ("header", index) in atoms else file.header,
        )
        for index, file in enumerate(schedule.files)
        if index in kept
    )
    rounds = tuple(
        tuple(kept.index(index) for index in batch if index in kept and ("turn", number, index) not in atoms)
        for number, batch in enumerate(schedule.rounds)
    )
    return Schedule(files, rounds)


def describe(new_lake: Callable[[], Any], schedule: Schedule) -> str:
    """The smallest part of the schedule that fails, and how."""
    least = smallest(new_lake, schedule)
    world = World(new_lake(), [least])
    try:
        for number, differences in world.rounds():
            if differences:
                return "\n".join([f"differs after round {number}:", *map(str, differences[0]), "of", str(least)])
    except Exception as error:  # noqa: BLE001
        return f"a job fails: {error}\nof\n{least}"
    return f"fails, but not alone:\n{least}"
