"""One day's MERGE into tables of growing size, and the same delivery once more."""

from __future__ import annotations

from pathlib import Path

from benchmarks import samples
from benchmarks.lake import Lake
from benchmarks.measuring import Spread
from benchmarks.report import Goal, Result
from benchmarks.sandbox import Sandbox

ROWS = 100_000
SIZES = (1, 10, 100)
TIMES = 2
NEXT, LATE, CORRECTED = "2025-05-01", "2025-04-15", "2025-04-20"
"""Days of the sample: after all that the table holds; missing in it; in it, and moved to another day."""


def run(sandbox: Sandbox) -> list[Result]:
    """Measure a day in order, a late one, and a corrected one whose rows change partition."""
    rows_a_day = 1_000 if sandbox.smoke else ROWS
    sizes = SIZES[:2] if sandbox.smoke else SIZES
    days = _days(sandbox, rows_a_day)
    tables = {f"{size} days": _grown(sandbox, size, rows_a_day) for size in sizes}
    commits = 20 if sandbox.smoke else 1000
    many = f"{commits:,} commits"
    replayed = tables[f"{sizes[0]} days"]
    tables[many] = _grown(sandbox, sizes[0], rows_a_day, commits)
    loads = [(table, day) for day in days for table in tables if table != many or day == "in order"]
    times = _loaded(sandbox, tables, days, loads * (1 if sandbox.smoke else TIMES))
    return [_table(times, rows_a_day, list(tables)), _replay(sandbox, replayed, days["in order"])]


def _days(sandbox: Sandbox, rows: int) -> dict[str, Path]:
    """Return the deliveries, by what they are."""
    sample = samples.made(sandbox, items=31 * rows, days=31, defects=0.0).folder / "order_items"
    moved = sandbox.folder / "moved.csv"
    text = (sample / f"{CORRECTED}.csv").read_text()
    moved.write_text(text.replace(f",{CORRECTED}\n", ",2025-04-21\n"))
    return {"in order": sample / f"{NEXT}.csv", "late": sample / f"{LATE}.csv", "moved to another day": moved}


def _grown(sandbox: Sandbox, days: int, rows: int, commits: int = 1) -> Lake:
    sandbox.say(f"a table of {days} days, {rows:,} rows each, {commits:,} commits …")
    lake = Lake(sandbox, f"grown-{days}-{commits}-{len(sandbox.s3.list_buckets()['Buckets'])}")
    sandbox.spark("grown_tables", lake.bucket, str(days), str(rows), *(["rows"] if commits > 1 else []))
    if commits > 1:
        sandbox.python("commits", lake.bucket, str(commits))
    return lake


def _loaded(
    sandbox: Sandbox, tables: dict[str, Lake], days: dict[str, Path], loads: list[tuple[str, str]]
) -> dict[tuple[str, str], Spread]:
    """Return the seconds of the job that loads a day into a copy of a table, by table and day, in one session."""
    first = loads[0]
    lakes = [Lake(sandbox, f"{tables[table].bucket}-{number}") for number, (table, _) in enumerate([first, *loads])]
    for lake, (table, day) in zip(lakes, [first, *loads], strict=True):
        lake.copy_tables(tables[table], "products", "orders", "order_items")
        lake.deliver("order_items", [days[day]])
    before = {table: base.checksum("lakehouse-dwh/order_items")[0] for table, base in tables.items()}
    sandbox.say(f"a first day, and {len(loads)} more: {', '.join(days)}; into a table of {', '.join(tables)} …")
    plans = ",".join(lake.planned() for lake in lakes)
    _, *runs = sandbox.spark("ledgerlake_jobs", plans, "order_items", job_like_local=True).answer["runs"]
    for lake, (table, _), run in zip(lakes[1:], loads, runs, strict=True):
        counts = run["counts"]["order_items"]
        rows, keys, *_ = lake.checksum("lakehouse-dwh/order_items")
        expected = before[table] + counts["inserted"]
        assert rows == keys == expected, f"{rows} rows with {keys} keys after {before[table]} and {counts}"
        assert counts["rows_read"] == counts["inserted"] + counts["updated"] + counts["superseded"], counts
    return {
        load: Spread(tuple(run["seconds"]["job"] for each, run in zip(loads, runs, strict=True) if each == load))
        for load in loads
    }


def _table(times: dict[tuple[str, str], Spread], rows: int, tables: list[str]) -> Result:
    first, *_, last, many = tables
    days = dict.fromkeys(day for _, day in times)

    def ratio(day: str, table: str) -> float:
        return times[table, day].median / times[first, day].median

    return Result(
        f"A day of {rows:,} order items into a larger and larger table, in seconds of the job",
        ["", *tables],
        [[day, *(str(times.get((table, day), "")) for table in tables)] for day in days],
        [
            Goal("in order, largest by smallest", ratio("in order", last), 1.3),
            Goal("late, largest by smallest", ratio("late", last), 2),
            Goal(f"in order, after {many}", ratio("in order", many), 1.5),
        ],
        [
            "One session loads all, the tables in turn, warm: a first day that it loads is not counted.",
            "After each run the table holds each key once, and the rows that the ledger says.",
        ],
    )


def _replay(sandbox: Sandbox, lake: Lake, file: Path) -> Result:
    lake.deliver("order_items", [file])
    planned = lake.planned()
    sandbox.say("the same batch once more …")
    first, again = sandbox.spark("ledgerlake_jobs", f"{planned},{planned}", "order_items").answer["runs"]
    assert first["versions"] == again["versions"], "the second time must not commit"
    rows = [[name, f"{run['seconds']['job']:.1f}"] for name, run in (("first", first), ("again", again))]
    goal = Goal("seconds of the second time", again["seconds"]["job"], 1)
    note = "No file is rewritten and no commit made."
    return Result("The same batch once more, in seconds of the job", ["", "s"], rows, [goal], [note])
