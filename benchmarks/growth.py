"""One day's MERGE into tables of growing size, and the same delivery once more."""

from __future__ import annotations

from pathlib import Path

from benchmarks import samples
from benchmarks.lab import Lab
from benchmarks.lake import Lake
from benchmarks.measuring import Spread
from benchmarks.report import Goal, Result

ROWS = 100_000
SIZES = (1, 10, 100)
TIMES = 2
NEXT, LATE, CORRECTED = "2025-05-01", "2025-04-15", "2025-04-20"
"""Days of the sample: after all that the table holds; missing in it; in it, and moved to another day."""


def run(lab: Lab) -> list[Result]:
    """A day in order, a late one, and a corrected one whose rows change partition."""
    rows_a_day = 1_000 if lab.smoke else ROWS
    sizes = SIZES[:2] if lab.smoke else SIZES
    days = _days(lab, rows_a_day)
    times: dict[str, dict[str, Spread]] = {name: {} for name in days}
    tables = {size: _grown(lab, size, rows_a_day) for size in sizes}
    for size, base in tables.items():
        for name, seconds in _loaded(lab, base, days).items():
            times[name][f"{size} days"] = seconds
    commits = 20 if lab.smoke else 1000
    base = _grown(lab, sizes[0], rows_a_day, commits)
    times["in order"] |= {f"{commits:,} commits": _loaded(lab, base, {"in order": days["in order"]})["in order"]}
    return [
        _table(times, rows_a_day, sizes, commits),
        _replay(lab, tables[sizes[0]], days["in order"]),
    ]


def _days(lab: Lab, rows: int) -> dict[str, Path]:
    """The deliveries, by what they are."""
    sample = samples.made(lab, items=31 * rows, days=31, dirt=0.0).folder / "order_items"
    moved = lab.folder / "moved.csv"
    text = (sample / f"{CORRECTED}.csv").read_text()
    moved.write_text(text.replace(f",{CORRECTED}\n", ",2025-04-21\n"))
    return {"in order": sample / f"{NEXT}.csv", "late": sample / f"{LATE}.csv", "moved to another day": moved}


def _grown(lab: Lab, days: int, rows: int, commits: int = 1) -> Lake:
    lab.say(f"a table of {days} days, {rows:,} rows each, {commits:,} commits …")
    lake = Lake(lab, f"grown-{days}-{commits}-{len(lab.s3.list_buckets()['Buckets'])}")
    lab.spark("grown", lake.bucket, str(days), str(rows), *(["rows"] if commits > 1 else []))
    if commits > 1:
        lab.python("commits", lake.bucket, str(commits))
    return lake


def _loaded(lab: Lab, base: Lake, days: dict[str, Path]) -> dict[str, Spread]:
    """The seconds of each day's job into a copy of the table, in one session that has loaded a day before."""
    names = [next(iter(days)), *(list(days) * (1 if lab.smoke else TIMES))]
    lakes = [Lake(lab, f"{base.bucket}-{number}") for number in range(len(names))]
    for lake, name in zip(lakes, names, strict=True):
        lake.copy_tables(base, "products", "orders", "order_items")
        lake.deliver("order_items", [days[name]])
    before = lakes[0].checksum("lakehouse-dwh/order_items")[0]
    lab.say(f"{', '.join(days)}; a first day and {len(names) - 1} more …")
    plans = ",".join(lake.planned() for lake in lakes)
    runs = lab.spark("ours", plans, "order_items", job_like_local=True).answer["runs"]
    for lake, run in zip(lakes, runs, strict=True):
        counts = run["counts"]["order_items"]
        rows, keys, *_ = lake.checksum("lakehouse-dwh/order_items")
        assert rows == keys == before + counts["inserted"], f"{rows} rows with {keys} keys after {before} and {counts}"
        assert counts["rows_read"] == counts["inserted"] + counts["updated"] + counts["superseded"], counts
    warm = list(zip(names, runs, strict=True))[1:]
    return {day: Spread(tuple(run["seconds"]["job"] for name, run in warm if name == day)) for day in days}


def _table(times: dict[str, dict[str, Spread]], rows: int, sizes: tuple[int, ...], commits: int) -> Result:
    first, last = f"{sizes[0]} days", f"{sizes[-1]} days"
    columns = [*(f"{size} days" for size in sizes), f"{commits:,} commits"]
    in_order, late = ({each: found.median for each, found in times[name].items()} for name in ("in order", "late"))
    return Result(
        f"A day of {rows:,} order items into a larger and larger table, in seconds of the job",
        ["", *columns],
        [[name, *(str(found.get(each, "")) for each in columns)] for name, found in times.items()],
        [
            Goal("in order, largest by smallest", in_order[last] / in_order[first], 1.3),
            Goal("late, largest by smallest", late[last] / late[first], 2),
            Goal(f"in order, after {commits:,} commits", in_order[f"{commits:,} commits"] / in_order[first], 1.5),
        ],
        [
            "One session for each column, warm: a first day that it loads is not counted.",
            "After each run the table holds each key once, and the rows that the ledger says.",
        ],
    )


def _replay(lab: Lab, lake: Lake, file: Path) -> Result:
    lake.deliver("order_items", [file])
    planned = lake.planned()
    lab.say("the same batch once more …")
    first, again = lab.spark("ours", f"{planned},{planned}", "order_items").answer["runs"]
    assert first["versions"] == again["versions"], "the second time must not commit"
    rows = [[name, f"{run['seconds']['job']:.1f}"] for name, run in (("first", first), ("again", again))]
    goal = Goal("seconds of the second time", again["seconds"]["job"], 1)
    note = "No file is rewritten and no commit made."
    return Result("The same batch once more, in seconds of the job", ["", "s"], rows, [goal], [note])
