"""Ten thousand small files in one batch: planned, read by the job, archived."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from benchmarks import samples
from benchmarks.batch import parents
from benchmarks.lake import Lake
from benchmarks.report import Goal, Result
from benchmarks.sandbox import Sandbox

FILES, ROWS = 10_000, 50


def run(sandbox: Sandbox) -> list[Result]:
    """Measure the time and the memory of each step, at a tenth of the files and at all of them."""
    files = 40 if sandbox.smoke else FILES
    sample = samples.made(sandbox, items=files * ROWS, days=1)
    base = None if sandbox.smoke else parents(sandbox, sample)
    measured = {number: _steps(sandbox, base, sample, number) for number in (files // 10, files)}
    rows = [
        [
            step,
            *(f"{found[step][0]:.1f}" if step in found else "" for found in measured.values()),
            *(f"{found[step][1] / 1e6:.0f}" if step in found else "" for found in measured.values()),
        ]
        for step in ("plan", "job", "archive")
    ]
    few, many = measured
    header = ["", f"{few:,} files, s", f"{many:,} files, s", f"{few:,} files, MB", f"{many:,} files, MB"]
    goals = [Goal(f"seconds to {step}", measured[many][step][0], 60) for step in ("plan", "archive")]
    return [Result(f"Files of {ROWS} rows each", header, rows, goals)]


def _steps(sandbox: Sandbox, base: Lake | None, sample: samples.Made, files: int) -> dict[str, tuple[float, int]]:
    lake = Lake(sandbox, f"files-{files}")
    if base:
        lake.copy_tables(base, "products", "orders")
    sandbox.say(f"delivering {files:,} files …")
    header, *lines = sample.whole.read_text().splitlines(keepends=True)
    lines = lines[: files * ROWS]
    bodies = [header + "".join(lines[start : start + ROWS]) for start in range(0, len(lines), ROWS)]
    with ThreadPoolExecutor(12) as pool:
        list(pool.map(lambda each: lake.put("order_items", f"{each[0]:05}.csv", each[1]), enumerate(bodies)))
    sandbox.say("planning, reading, archiving …")
    planned = sandbox.python("steps", lake.bucket, "plan")
    batch_id = planned.answer["batch_id"]
    found = {"plan": (planned.answer["seconds"]["plan"], planned.memory)}
    if base and files == FILES:
        job = sandbox.spark("ledgerlake_jobs", f"{lake.bucket}/{batch_id}", "order_items")
        found["job"] = (job.answer["seconds"]["job"], job.memory)
        assert job.answer["counts"]["order_items"]["rows_read"] == len(lines)
    archived = sandbox.python("steps", lake.bucket, "archive", batch_id)
    assert (archived.answer["moved"], planned.answer["deliveries"]) == (len(bodies), len(bodies))
    assert not lake.waiting()
    return found | {"archive": (archived.answer["seconds"]["archive"], archived.memory)}
