"""What a very large file and a very long row need of a worker with 2 GB for its driver."""

from __future__ import annotations

from pathlib import Path

from benchmarks import samples
from benchmarks.batch import ITEMS, SMALL, parents
from benchmarks.lab import Lab
from benchmarks.lake import Lake
from benchmarks.report import Result

TIMES = 4
"""So often the sample is in the file: all but the last rows of a key are superseded."""


def run(lab: Lab) -> list[Result]:
    """Twenty million rows in one file; and a row of a megabyte."""
    sample = samples.made(lab, items=SMALL if lab.smoke else ITEMS)
    base = parents(lab, sample)
    large = lab.folder / "large.csv"
    with large.open("wb") as out, sample.whole.open("rb") as file:
        header = file.readline()
        out.write(header)
        for _ in range(TIMES):
            file.seek(len(header))
            while block := file.read(1 << 24):
                out.write(block)
    long_row = lab.folder / "long.csv"
    long_row.write_text(
        f"product_id,department_id,department,product_name\n1,1,Home,{'x' * (1 << 20)}\n2,1,Home,Lamp\n"
    )
    rows = [_run(lab, base, "order_items", large), _run(lab, base, "products", long_row)]
    return [Result("Large things in a driver of 2 GB", ["", "rows", "MB", "wall s", "CPU s", "memory GB"], rows)]


def _run(lab: Lab, base: Lake, dataset: str, file: Path) -> list[str]:
    lake = Lake(lab, f"memory-{dataset.replace('_', '-')}")
    lake.copy_tables(base, "products", "orders")
    lake.deliver(dataset, [file])
    lab.say(f"{file.name}, {file.stat().st_size >> 20:,} MB …")
    measured = lab.spark("ours", lake.planned(), dataset, memory="2g")
    counts = measured.answer["counts"][dataset]
    assert counts["rows_read"] == sum(
        counts[name] for name in ("inserted", "superseded", "rejected", "parked", "updated")
    )
    return [
        "one file" if dataset == "order_items" else "a row of 1 MB",
        f"{counts['rows_read']:,}",
        f"{file.stat().st_size >> 20:,}",
        f"{measured.wall:.0f}",
        f"{measured.cpu:.0f}",
        f"{measured.memory / 1e9:.1f}",
    ]
