"""The public Pollock files, polluted CSV, on the reader alone: what is altered or lost without a reason.

    make bench-pollock CHECKOUT=<checkout of github.com/HPI-Information-Systems/Pollock>

One table was polluted there in some 2,290 ways, and for each of them a clean version is given. Nothing of it is
part of this repository.
"""

from __future__ import annotations

import csv
import io
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ledgerlake.contracts import Column, Dataset
from ledgerlake_glue.csv_files import BrokenFile, Rows
from ledgerlake_glue.originals import originals

KNOWN = {"file_multitable_same.csv": "a second table of the same width: its header and rows look like any others"}
"""Alterations that a reader cannot see from one file and one contract."""

NAMES = ("date", "time", "qty", "productid", "price", "producttype", "productdescription", "url", "comments")
TABLE = Dataset(
    name="pollock",
    job="pollock_etl",
    doc="The table of the benchmark; every value is text, so that no type hides a shift.",
    columns=tuple(Column(name, "string", required=name != "comments", doc=f"The {name}.") for name in NAMES),
    key=("date", "time"),
)
_LINE = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True)
class Finding:
    """The outcome of reading one polluted file.

    Args:
        outcome: `loaded right`, `rejected with a reason`, or what went wrong.
        why: the rules that rejected, or the first row that is altered or lost.
    """

    outcome: str
    why: str = ""


def judged(body: bytes, clean: set[tuple[str, ...]]) -> Finding:
    """Compare the rows loaded from a file with the clean rows, and count every line as loaded or rejected."""
    rows = Rows(lambda: io.BytesIO(body), TABLE)
    loaded: list[tuple[str, ...]] = []
    rejected: dict[int, str] = {}
    try:
        for batch in rows:
            for row in batch.to_pylist():
                problem = row["_problem"] or _required(row)
                if problem:
                    rejected[row["_source_row"]] = problem
                else:
                    loaded.append(tuple(row[name] or "" for name in NAMES))
    except BrokenFile as error:
        return Finding("rejected with a reason", str(error).partition(":")[0])
    if altered := [row for row in loaded if row not in clean]:
        return Finding("altered", ",".join(altered[0])[:200])
    texts = originals(io.BytesIO(body), rejected)
    seen = len(loaded) + rows.blank_rows + sum(_lines(text) for text in texts.values())
    there = max(_lines(body.decode(errors="replace")) - 1, 0)  # but for the header
    if seen != there:
        return Finding("lost", f"{there} lines after the header, {seen} of them loaded or rejected")
    reasons = sorted({problem.partition(":")[0] for problem in rejected.values()})
    return Finding("rejected with a reason", ", ".join(reasons)) if reasons else Finding("loaded right")


def _required(row: dict[str, str]) -> str | None:
    return next((f"required: {name} is empty" for name in NAMES[:-1] if not (row[name] or "").strip()), None)


def _lines(text: str) -> int:
    return sum(line != "" for line in _LINE.split(text))


def findings(checkout: Path) -> Iterator[tuple[str, Finding]]:
    """Yield the name of every polluted file, and its outcome."""
    folder = checkout / "polluted_files"
    source = _clean(folder / "clean" / "source.csv")
    for file in sorted((folder / "csv").glob("*.csv")):
        yield file.name, judged(file.read_bytes(), source | _clean(folder / "clean" / file.name))


def _clean(file: Path) -> set[tuple[str, ...]]:
    text = file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""
    return {tuple(row) for row in list(csv.reader(io.StringIO(text)))[1:]}


def main(checkout: Path) -> int:
    """Print the outcomes and their kinds; 1 when something was altered or lost without a reason."""
    kinds: dict[str, Counter[str]] = defaultdict(Counter)
    faults = []
    for name, finding in findings(checkout):
        known = name in KNOWN and finding.outcome in ("altered", "lost")
        outcome = f"{finding.outcome}, as known" if known else finding.outcome
        kinds[outcome][f"{re.sub('[0-9]+', 'N', name)}: {finding.why}" if not known else KNOWN[name]] += 1
        if finding.outcome in ("altered", "lost") and not known:
            faults.append(f"  {name}: {finding.outcome}: {finding.why}")
    for outcome, names in sorted(kinds.items()):
        print(f"{sum(names.values()):6,}  {outcome}")
        for kind, count in names.most_common(12):
            print(f"{count:12,}  {kind}")
    print(*faults[:50], sep="\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
