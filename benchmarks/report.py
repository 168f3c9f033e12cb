"""Results as tables: on the screen, kept for the next run, and in docs/performance.md."""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version

import psutil

from benchmarks.sandbox import FOLDER, ROOT

PAGE = ROOT / "docs" / "performance.md"


@dataclass(frozen=True)
class Goal:
    """What a figure is held against.

    Args:
        figure: as measured now.
        limit: the most it may be, or the least, if `at_least`.
    """

    name: str
    figure: float
    limit: float
    at_least: bool = False

    @property
    def holds(self) -> bool:
        """Return whether the figure is within the limit."""
        return self.figure >= self.limit if self.at_least else self.figure <= self.limit

    def __str__(self) -> str:
        word = "at least" if self.at_least else "at most"
        return f"{self.name}: {self.figure:.2f} ({word} {self.limit:g}: {'holds' if self.holds else 'MISSED'})"


@dataclass(frozen=True)
class Result:
    """One benchmark's table.

    Args:
        title: of the table.
        header: of its columns.
        rows: as many cells each.
        goals: what the issue of speed asks for.
        notes: what a reader has to know about the comparison.
    """

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    goals: Sequence[Goal] = ()
    notes: Sequence[str] = field(default_factory=list)

    def markdown(self) -> str:
        """Return the table with its goals and notes."""
        lines = [f"### {self.title}", ""]
        lines += [_row(self.header), _row(["---"] * len(self.header)), *map(_row, self.rows), ""]
        lines += [f"- {goal}" for goal in self.goals]
        lines += [f"- {note}" for note in self.notes]
        return "\n".join(lines)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def machine() -> str:
    """Return the machine and the versions, in one line."""
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()}, "
        f"Spark 3.5.6, Delta 3.3.2, DuckDB {version('duckdb')}, delta-rs {version('deltalake')}"
    )


def keep(name: str, results: Sequence[Result]) -> None:
    """Remember the results, and write them into the page, between the marks of that name.

    Raises:
        ValueError: the page has no such marks.
    """
    (FOLDER / "results").mkdir(parents=True, exist_ok=True)
    (FOLDER / "results" / f"{name}.json").write_text(json.dumps([asdict(result) for result in results], indent=1))
    PAGE.write_text(placed(PAGE.read_text(), name, [*(result.markdown() for result in results), f"*{machine()}*"]))


def placed(page: str, name: str, parts: Sequence[str]) -> str:
    """`page` with `parts` between the marks `<!-- bench:name -->` and `<!-- /bench:name -->`."""
    marks = re.compile(f"(<!-- bench:{name} -->\n).*?(<!-- /bench:{name} -->)", re.DOTALL)
    found, times = marks.subn(lambda match: f"{match[1]}\n" + "\n\n".join(parts) + f"\n\n{match[2]}", page)
    if times != 1:
        raise ValueError(f"{PAGE.name} has the marks of {name} {times} times; expected them once")
    return found
