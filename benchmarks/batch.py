"""A whole batch of order items: ours, the usual way, and the least it can cost."""

from __future__ import annotations

from pathlib import Path

from benchmarks import samples
from benchmarks.lake import COLUMNS, Lake
from benchmarks.measuring import Measured, interleaved, spread
from benchmarks.report import Goal, Result
from benchmarks.sandbox import Sandbox

ITEMS, SMALL = 5_000_000, 20_000
LAPS = {"1 file": 3, "30 files": 1}
"""So often each way loads the files, all in one process: the first time it is cold, then it is warm.

The ways alternate, load by load, so that an hour in which the machine is slow is slow for all of them.
"""
_UNDECIDED = "add_to_cart_order"
"""The column in which versions of one key differ: which of them the usual way keeps is chance."""


def run(sandbox: Sandbox) -> list[Result]:
    """Measure the same deliveries as one file and as thirty."""
    sample = samples.made(sandbox, items=SMALL if sandbox.smoke else ITEMS)
    base = parents(sandbox, sample)
    shapes = {"30 files": sample.items} if sandbox.smoke else {"1 file": [sample.whole], "30 files": sample.items}
    lakes = {
        name: [_lake(sandbox, base, files, number) for number in range(LAPS[name])] for name, files in shapes.items()
    }
    every = [lake for laps in lakes.values() for lake in laps]
    buckets = [lake.bucket for lake in every]
    planned = ",".join(lake.planned() for lake in every)
    ways = interleaved(
        {
            "Ledgerlake": lambda: sandbox.start_spark("ledgerlake_jobs", planned, "order_items"),
            "the usual way": lambda: sandbox.start_spark("baselines.naive_spark", *buckets),
            "DuckDB + delta-rs": lambda: sandbox.start_python("baselines.duckdb_floor", str(sandbox.folder), *buckets),
        },
        len(every),
        sandbox.say,
    )
    for lake in every:
        check_equal(lake)
    megabytes = sample.whole.stat().st_size / 1e6
    return [_table(name, ways, [every.index(lake) for lake in laps], megabytes) for name, laps in lakes.items()]


def _lake(sandbox: Sandbox, base: Lake, files: list[Path], number: int) -> Lake:
    lake = Lake(sandbox, f"lake-{len(files)}-{number}")
    lake.copy_tables(base, "products", "orders")
    lake.deliver("order_items", files)
    return lake


def parents(sandbox: Sandbox, sample: samples.Made, name: str = "base") -> Lake:
    """Return a lake with the sample's products and orders loaded."""
    sandbox.say("loading products and orders …")
    base = Lake(sandbox, name)
    base.deliver("products", [sample.folder / "products.csv"])
    base.deliver("orders", sample.orders)
    sandbox.spark("ledgerlake_jobs", base.planned(), "products", "orders")
    return base


def check_equal(lake: Lake) -> None:
    """Check that the three tables hold the same rows, apart from what the usual way leaves to chance."""
    ours = lake.checksum("lakehouse-dwh/order_items")
    floor = lake.checksum("floor/order_items")
    assert ours == floor, f"Ledgerlake has {ours}, DuckDB {floor}"
    decided = ", ".join(name for name in COLUMNS.split(", ") if name != _UNDECIDED)
    ours, usual = lake.checksum("lakehouse-dwh/order_items", decided), lake.checksum("seeds/order_items", decided)
    assert ours == usual, f"Ledgerlake has {ours}, the usual way {usual}"


def _table(shape: str, ways: dict[str, Measured], laps: list[int], megabytes: float) -> Result:
    """Of one shape.

    Args:
        laps: which of each way's laps were of that shape; lap 0 was cold.
        megabytes: of CSV.
    """
    runs = [ways["Ledgerlake"].answer["runs"][lap] for lap in laps]
    first, *others = (run["counts"]["order_items"] for run in runs)
    assert all(other == first for other in others), "the same deliveries must have the same ledger"
    numbers = {"cold": [lap for lap in laps if lap == 0], "warm": [lap for lap in laps if lap > 0]}
    kinds = {
        kind: {name: tuple(measured.laps[lap] for lap in found) for name, measured in ways.items()}
        for kind, found in numbers.items()
        if found
    }
    figures = ("wall", "cpu")
    rows = [
        [
            name,
            *(str(spread(laps[name], figure)) for laps in kinds.values() for figure in figures),
            f"{measured.memory / 1e9:.1f}",
            f"{first['rows_read'] / spread(measured.laps[laps[-1] :][:1], 'wall').median:,.0f}",
        ]
        for name, measured in ways.items()
    ]
    phases = (
        f"{kind} {', '.join(f'{name} {seconds:.1f}' for name, seconds in run['seconds'].items())}"
        for kind, run in zip(kinds, runs, strict=False)
    )
    return Result(
        f"{first['rows_read']:,} order items in {shape}, {megabytes:,.0f} MB",
        ["", *(f"{kind}: {text}" for kind in kinds for text in ("wall s", "CPU s")), "memory GB", "rows/s, at last"],
        rows,
        [goal for kind, laps in kinds.items() for goal in _goals(kind, laps)],
        [
            f"{first['inserted']:,} rows inserted, {first['rejected']:,} rejected with all reasons, number and "
            f"text, {first['parked']:,} parked, {first['superseded']:,} superseded; the tables are equal.",
            f"Ledgerlake's seconds: {'; '.join(phases)}.",
        ],
    )


def _goals(kind: str, laps: dict[str, tuple[Measured, ...]]) -> list[Goal]:
    ours, usual, floor = (spread(each, "wall").median for each in laps.values())
    return [
        Goal(f"{kind}: the usual way's time by ours", usual / ours, 3, at_least=True),
        Goal(f"{kind}: our time by that of DuckDB + delta-rs", ours / floor, 3),
    ]
