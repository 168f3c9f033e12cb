"""What a very large file, a very long row and a zipped file need of a worker with 2 GB for its driver."""

from __future__ import annotations

import gzip
import statistics
from pathlib import Path

from benchmarks import samples
from benchmarks.batch import ITEMS, SMALL, parents
from benchmarks.lake import Lake
from benchmarks.report import Result
from benchmarks.sandbox import Sandbox

TIMES = 4
"""So often the sample is in the file: all but the last rows of a key are superseded."""


def run(sandbox: Sandbox) -> list[Result]:
    """Twenty million rows in one file, a row of a megabyte, and five million rows in a file that one task reads."""
    sample = samples.made(sandbox, items=SMALL if sandbox.smoke else ITEMS)
    base = parents(sandbox, sample)
    large = sandbox.folder / "large.csv"
    with large.open("wb") as out, sample.whole.open("rb") as file:
        header = file.readline()
        out.write(header)
        for _ in range(TIMES):
            file.seek(len(header))
            while block := file.read(1 << 24):
                out.write(block)
    long_row = sandbox.folder / "long.csv"
    long_row.write_text(
        f"product_id,department_id,department,product_name\n1,1,Home,{'x' * (1 << 20)}\n2,1,Home,Lamp\n"
    )
    rows = [_run(sandbox, base, "order_items", large), _run(sandbox, base, "products", long_row)]
    columns = ["", "rows", "MB", "wall s", "CPU s", "memory GB"]
    return [Result("Large things in a driver of 2 GB", columns, rows), _zipped(sandbox, sample.whole)]


def _run(sandbox: Sandbox, base: Lake, dataset: str, file: Path) -> list[str]:
    lake = Lake(sandbox, f"memory-{dataset.replace('_', '-')}")
    lake.copy_tables(base, "products", "orders")
    lake.deliver(dataset, [file])
    sandbox.say(f"{file.name}, {file.stat().st_size >> 20:,} MB …")
    measured = sandbox.spark("ledgerlake_jobs", lake.planned(), dataset, memory="2g")
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


def _zipped(sandbox: Sandbox, file: Path) -> Result:
    zipped = sandbox.folder / f"{file.name}.gz"
    text = file.read_bytes()
    zipped.write_bytes(gzip.compress(text, 6))
    lake = Lake(sandbox, "one-task")
    lake.deliver("order_items", [zipped])
    sandbox.say(f"{zipped.name}, {len(text) / 1e6:,.0f} MB of text …")
    answer = sandbox.spark("one_task", lake.planned(), "order_items", memory="2g").answer
    assert answer["problem"] is None
    assert answer["rows"] == text.count(b"\n") - 1
    cold, *warm = answer["seconds"]
    figures = [cold, statistics.median(warm)]
    row = [
        f"{answer['rows']:,}",
        f"{zipped.stat().st_size / 1e6:,.0f}",
        f"{len(text) / 1e6:,.0f}",
        *(f"{seconds:.1f}" for seconds in figures),
        *(f"{len(text) / 1e6 / seconds:.0f}" for seconds in figures),
    ]
    header = ["rows", "zipped MB", "MB of text", "cold s", "warm s", "cold MB/s", "warm MB/s"]
    notes = ["From the zipped bytes to typed rows with their reasons; what follows is done by several tasks again."]
    return Result("A zipped file, which one task reads", header, [row], notes=notes)
