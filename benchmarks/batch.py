"""A whole batch of order items: ours, the usual way, and the least it can cost."""

from __future__ import annotations

from pathlib import Path

from benchmarks import samples
from benchmarks.lab import Lab
from benchmarks.lake import COLUMNS, Lake
from benchmarks.measuring import Measured, spread
from benchmarks.report import Goal, Result

ITEMS, SMALL = 5_000_000, 20_000
_UNDECIDED = "add_to_cart_order"
"""The column in which versions of one key differ: which of them the usual way keeps is chance."""


def run(lab: Lab) -> list[Result]:
    """The same deliveries as one file and as thirty."""
    sample = samples.made(lab, items=SMALL if lab.smoke else ITEMS)
    base = parents(lab, sample)
    shapes = {"1 file": [sample.whole], "30 files": sample.items}
    return [_shape(lab, base, name, files) for name, files in shapes.items() if not (lab.smoke and name == "1 file")]


def parents(lab: Lab, sample: samples.Made, name: str = "base") -> Lake:
    """A lake with the sample's products and orders loaded."""
    lab.say("loading products and orders …")
    base = Lake(lab, name)
    base.deliver("products", [sample.folder / "products.csv"])
    base.deliver("orders", sample.orders)
    lab.spark("ours", base.bucket, base.plan().batch_id, "products", "orders")
    return base


def _shape(lab: Lab, base: Lake, shape: str, files: list[Path]) -> Result:
    times = 1 if lab.smoke else 2
    ours, floor, usual = [], [], []
    for number in range(times):
        lake = Lake(lab, f"lake-{len(files)}-{number}")
        lake.copy_tables(base, "products", "orders")
        lake.deliver("order_items", files)
        batch_id = lake.plan().batch_id
        lab.say(f"{shape}, {number + 1} of {times}: Ledgerlake …")
        ours.append(lab.spark("ours", lake.bucket, batch_id, "order_items"))
        lab.say(f"{shape}, {number + 1} of {times}: DuckDB and delta-rs …")
        folder = lab.folder / lake.bucket
        folder.mkdir()
        floor.append(lab.python("baselines.duckdb_floor", lake.bucket, str(folder)))
        lab.say(f"{shape}, {number + 1} of {times}: the usual way …")
        usual.append(lab.spark("baselines.seeds_way", lake.bucket))
        refuse_difference(lake)
    return _table(shape, ours, usual, floor)


def refuse_difference(lake: Lake) -> None:
    """The three tables hold the same rows, apart from what the usual way leaves to chance."""
    ours = lake.checksum("lakehouse-dwh/order_items")
    floor = lake.checksum("floor/order_items")
    assert ours == floor, f"Ledgerlake has {ours}, DuckDB {floor}"
    decided = ", ".join(name for name in COLUMNS.split(", ") if name != _UNDECIDED)
    ours, usual = lake.checksum("lakehouse-dwh/order_items", decided), lake.checksum("seeds/order_items", decided)
    assert ours == usual, f"Ledgerlake has {ours}, the usual way {usual}"


def _table(shape: str, ours: list[Measured], usual: list[Measured], floor: list[Measured]) -> Result:
    counts = ours[0].answer["counts"]["order_items"]
    rows = [
        [
            name,
            str(spread(runs, "wall")),
            str(spread(runs, "cpu")),
            f"{spread(runs, 'memory').median:.1f}",
            f"{counts['rows_read'] / spread(runs, 'wall').median:,.0f}",
        ]
        for name, runs in (("Ledgerlake", ours), ("the usual way", usual), ("DuckDB + delta-rs", floor))
    ]
    wall = spread(ours, "wall").median
    slower, least = spread(usual, "wall").median, spread(floor, "wall").median
    phases = ", ".join(f"{name} {seconds:.1f}" for name, seconds in ours[0].answer["seconds"].items())
    return Result(
        f"{counts['rows_read']:,} order items in {shape}",
        ["", "wall s", "CPU s", "memory GB", "rows/s"],
        rows,
        [
            Goal("the usual way's time by ours", slower / wall, 3, at_least=True),
            Goal("our time by that of DuckDB + delta-rs", wall / least, 3),
        ],
        [
            f"{counts['inserted']:,} rows inserted, {counts['rejected']:,} rejected with all reasons, number and "
            f"text, {counts['parked']:,} parked, {counts['superseded']:,} superseded; the tables are equal.",
            f"Ledgerlake's first run, in seconds: {phases}.",
        ],
    )
