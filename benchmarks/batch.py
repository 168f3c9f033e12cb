"""A whole batch of order items: ours, the usual way, and the least it can cost."""

from __future__ import annotations

from pathlib import Path

from benchmarks import samples
from benchmarks.lab import Lab
from benchmarks.lake import COLUMNS, Lake
from benchmarks.measuring import Measured, spread
from benchmarks.report import Goal, Result

ITEMS, SMALL = 5_000_000, 20_000
LAPS = {"1 file": 3, "30 files": 1}
"""So often each way loads the files, in one process: the first time it is cold, then it is warm."""
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
    lab.spark("ours", base.planned(), "products", "orders")
    return base


def _shape(lab: Lab, base: Lake, shape: str, files: list[Path]) -> Result:
    laps = 1 if lab.smoke else LAPS[shape]
    lakes = [Lake(lab, f"lake-{len(files)}-{number}") for number in range(laps)]
    for lake in lakes:
        lake.copy_tables(base, "products", "orders")
        lake.deliver("order_items", files)
    buckets = [lake.bucket for lake in lakes]
    lab.say(f"{shape}, {laps} times: Ledgerlake …")
    ours = lab.spark("ours", ",".join(lake.planned() for lake in lakes), "order_items")
    lab.say(f"{shape}, {laps} times: DuckDB and delta-rs …")
    floor = lab.python("baselines.duckdb_floor", str(lab.folder), *buckets)
    lab.say(f"{shape}, {laps} times: the usual way …")
    usual = lab.spark("baselines.seeds_way", *buckets)
    for lake in lakes:
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


def _table(shape: str, ours: Measured, usual: Measured, floor: Measured) -> Result:
    first, *others = (run["counts"]["order_items"] for run in ours.answer["runs"])
    assert all(other == first for other in others), "the same deliveries must have the same ledger"
    ways = {"Ledgerlake": ours, "the usual way": usual, "DuckDB + delta-rs": floor}
    cold = {name: measured.laps[:1] for name, measured in ways.items()}
    warm = {name: measured.laps[1:] for name, measured in ways.items() if measured.laps[1:]}
    kinds = {"cold": cold} | ({"warm": warm} if warm else {})
    figures = ("wall", "cpu")
    rows = [
        [
            name,
            *(str(spread(laps[name], figure)) for laps in kinds.values() for figure in figures),
            f"{measured.memory / 1e9:.1f}",
            f"{first['rows_read'] / spread(measured.laps[-1:], 'wall').median:,.0f}",
        ]
        for name, measured in ways.items()
    ]
    phases = (
        f"{kind} {', '.join(f'{name} {seconds:.1f}' for name, seconds in run['seconds'].items())}"
        for kind, run in zip(kinds, ours.answer["runs"], strict=False)
    )
    return Result(
        f"{first['rows_read']:,} order items in {shape}",
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
