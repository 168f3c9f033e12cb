"""What a small batch costs, and on what: the start of Java and Spark, Delta's log, the stage, the MERGE, the ledger."""

from __future__ import annotations

from benchmarks import samples
from benchmarks.batch import parents
from benchmarks.measuring import Measured
from benchmarks.report import Result
from benchmarks.sandbox import Sandbox

PHASES = ("session", "table", "stage", "withdrawal", "rejects", "merge", "parking", "ledger", "job")


def run(sandbox: Sandbox) -> list[Result]:
    """One day's order items, cold and then warm in the same session, by the settings of the local Glue."""
    sizes = (100,) if sandbox.smoke else (100, 100_000)
    rows = [row for size in sizes for row in _rows(sandbox, size)]
    notes = ["`job` is the whole of the job without the session; the phases are parts of it."]
    return [Result("A small batch, in seconds", ["rows", *PHASES, "CPU s"], rows, notes=notes)]


def _rows(sandbox: Sandbox, size: int) -> list[list[str]]:
    sample = samples.made(sandbox, items=2 * size, days=2)
    lake = parents(sandbox, sample, name=f"start-{size}")
    batches = []
    for file in sample.items:
        lake.deliver("order_items", [file])
        batches.append(f"{lake.bucket}/{lake.plan_only(file.name).batch_id}")
    sandbox.say(f"{size:,} rows, cold and warm …")
    measured = sandbox.spark("ledgerlake_jobs", ",".join(batches), "order_items", job_like_local=True)
    return [_row(f"{size:,}, {name}", measured, number) for number, name in enumerate(("cold", "warm"))]


def _row(name: str, measured: Measured, number: int) -> list[str]:
    seconds = measured.answer["runs"][number]["seconds"]
    cells = [f"{seconds[phase]:.1f}" if phase in seconds else "" for phase in PHASES]
    return [name, *cells, f"{measured.cpu:.0f} for both" if number == 0 else ""]
