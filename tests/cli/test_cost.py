"""`ledgerlake cost`: runs as their records say, prices, and an arithmetic that can be followed."""

import json
import re
import shlex

import pytest

from cli import failures
from cli.views import growth
from cli.views.growth import GB, Load
from infra.stacks.data_plane.limits import SCANNED_AT_MOST
from ledgerlake.tables.runs import COLUMNS
from local.home import ROOT

NAMES = [name for name, _ in COLUMNS]
BATCH = "20250401T080000Z-1a2b3c4d"
PAGE = ROOT / "docs" / "cost.md"


def run(batch=BATCH, **more):
    """A record as Athena gives it: texts, doubles as Java writes them."""
    known = {
        "run_id": "manual__1",
        "workflow": "ecommerce_lakehouse",
        "batch_id": batch,
        "started_at": "2025-04-01 08:00:00.000",
        "finished_at": "2025-04-01 08:05:00.000",
        "deliveries": "31",
        "job_runs": "3",
        "dpu_seconds": "352.0",
        "billed_dpu_seconds": "412.0",
        "glue_dollars": "0.050356",
        "crawls": "0",
        "crawler_dpu_seconds": "0.0",
        "crawler_billed_dpu_seconds": "0.0",
        "crawler_dollars": "0.0",
        "queries": "6",
        "scanned_bytes": str(21 * 1024**2),
        "billed_bytes": str(71 * 1024**2),
        "athena_dollars": "3.39E-4",
        "requests": "145",
        "s3_writes": "100",
        "s3_reads": "43",
        "requests_dollars": "5.28E-4",
        "function_calls": "1",
        "function_gb_seconds": "0.9",
        "functions_dollars": "1.5E-5",
        "state_transitions": "0",
        "states_dollars": "0.0",
        "total_dollars": "0.051238",
        "unknown": "",
        "prices_of": "2026-11-21",
    }
    return [(known | more)[name] for name in NAMES]


@pytest.fixture
def runs(lake):
    """runs(record, …): the table `runs`."""

    def holds(*records):
        lake.athena.columns, lake.athena.pages = NAMES, [list(records)]
        kinds = {"bigint": "bigint", "double": "double", "timestamp": "timestamp"}
        lake.athena.types = {name: kinds.get(kind, "varchar") for name, kind in COLUMNS}
        return lake.athena.asked

    return holds


def cells(line):
    return [cell.strip() for cell in re.split("[│┃]", line)[1:-1]]


def test_every_run_is_a_row_and_the_total_is_their_sum(ledgerlake, runs):
    runs(run(), run("20250402T080000Z-1a2b3c4d", crawler_dollars="0.146667", total_dollars="0.197905"))
    result = ledgerlake("cost")
    assert result.exit_code == 0
    assert "What each run cost, in US dollars at prices of 2026-11-21" in result.stdout
    lines = [cells(line) for line in result.stdout.splitlines() if "2025040" in line or "total" in line]
    assert lines[1] == [
        BATCH, "2025-04-01 08:05", "31", "412",
        "0.0504", "0.0000", "71", "0.0003", "0.0005", "0.0000", "0.0000", "0.0512",
    ]  # fmt: skip
    assert lines[-1] == [
        "total", "", "62", "824", "0.1007", "0.1467", "142", "0.0007", "0.0011", "0.0000", "0.0000", "0.2491"
    ]  # fmt: skip


def test_what_is_not_known_is_called_so_and_the_total_is_a_lower_bound(ledgerlake, runs):
    runs(run(glue_dollars=None, billed_dpu_seconds=None, unknown="glue", total_dollars="0.000882"))
    lines = [cells(line) for line in ledgerlake("cost").stdout.splitlines() if "│" in line]
    assert lines[0][3:5] == ["unknown", "unknown"]
    assert (lines[-1][0], lines[-1][-1]) == ("at least", "0.0009")


def test_without_a_record_the_table_says_so(ledgerlake, runs):
    runs()
    assert "no rows" in ledgerlake("cost").stdout


def test_since_asks_for_runs_that_ended_since_then(ledgerlake, runs):
    asked = runs(run())
    assert ledgerlake("cost", "--since", "2025-04-01").exit_code == 0
    sql = asked[0]["QueryString"]
    assert sql.endswith("FROM runs WHERE finished_at >= TIMESTAMP '2025-04-01 00:00:00' ORDER BY finished_at, batch_id")


def test_a_batch_is_told_service_by_service(ledgerlake, runs):
    asked = runs(run())
    out = ledgerlake("cost", BATCH).stdout
    assert f"WHERE batch_id = '{BATCH}'" in asked[0]["QueryString"]
    rows = {cells(line)[0]: cells(line)[1:] for line in out.splitlines() if "│" in line}
    assert rows["Glue jobs"] == ["3 runs, 352 DPU-s", "412 DPU-s", "0.0504"]
    assert rows["Athena"] == ["6 queries, 21 MB", "71 MB", "0.0003"]
    assert rows["requests"] == ["100 writes, 43 reads of S3", "145 with those of SQS, SNS and CloudWatch", "0.0005"]
    assert rows["Lambda"] == ["1 calls", "about 0.9 GB-s", "0.0000"]
    assert rows["total"][-1] == "0.0512"


def test_of_a_batch_too_it_is_said_what_is_not_known(ledgerlake, runs):
    runs(run(glue_dollars=None, job_runs=None, dpu_seconds=None, billed_dpu_seconds=None, unknown="glue"))
    rows = {cells(line)[0]: cells(line)[1:] for line in ledgerlake("cost", BATCH).stdout.splitlines() if "│" in line}
    assert rows["Glue jobs"] == ["unknown", "", "unknown"]
    assert "at least" in rows


def test_json_has_the_record_as_it_is(ledgerlake, runs):
    runs(run(glue_dollars=None))
    (record,) = json.loads(ledgerlake("cost", "-f", "json").stdout)
    assert list(record) == NAMES
    assert (record["deliveries"], record["athena_dollars"], record["glue_dollars"]) == (31, 0.000339, None)


def test_a_batch_without_a_record_is_an_error_that_names_what_lists_them(ledgerlake, runs):
    runs()
    result = ledgerlake("cost", BATCH)
    assert result.exit_code == failures.USAGE
    assert f"no record of a run that finished batch {BATCH}" in result.stderr
    assert "ledgerlake cost lists them; ledgerlake ledger lists all batches" in result.stderr


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["b'; DROP"], "is not a batch"),
        (["--since", "yesterday"], "Invalid value for '--since'"),
        ([BATCH, "--since", "2025-04-01"], "expected: one of them"),
        (["--prices", "--estimate-gb-per-day", "1"], "expected: one of them"),
        (["--estimate-gb-per-day", "0"], "greater than or"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_nobody_is_asked(ledgerlake, runs, argv, said):
    asked = runs(run())
    result = ledgerlake("cost", *argv)
    assert result.exit_code == failures.USAGE
    assert said in result.stderr
    assert asked == []


def test_every_price_is_shown_with_its_page_and_whether_it_is_confirmed(ledgerlake):
    rows = json.loads(ledgerlake("cost", "--prices", "-f", "json").stdout)
    prices = {row["service"]: row for row in rows}
    assert prices["Glue job"]["dollars"] == "0.44"
    assert prices["Athena"] | {"read in": ""} == {
        "service": "Athena",
        "dollars": "5",
        "for a": "TB scanned",
        "AWS's page": "aws.amazon.com/athena/pricing/",
        "read in": "",
        "confirmed": "not confirmed",
    }


# --- the estimate


def test_a_gigabyte_a_day_by_hand():
    load = Load(gb_per_day=1, batches_per_day=10, days=100)
    assert load.batch_bytes == 100_000_000
    assert round(load.rows) == 1_408_451
    assert load.files == 3
    # 86 MB by 50 MB/s
    assert load.one_file_seconds == pytest.approx(1.72)
    # 100 GB x 0.86 x 0.37
    assert load.table_bytes() == pytest.approx(31.82 * GB)
    # 1,408,451 rows x 0.86 by 55,000 a core; 31.82 GB x 1.3 by 60 MB/s
    assert load.work == pytest.approx(22.02 + 689.4, abs=0.1)
    # 22 s, and that by the four cores of one executor
    assert load.seconds(2) == pytest.approx(22 + 711.4 / 4, abs=0.1)
    assert load.workers == 2
    # 10, 6 and 26 % of 100 GB
    assert sum(load.usage.scanned) == 42 * GB


def test_workers_are_added_for_the_time_or_for_the_disks():
    assert Load(1, days=1).workers == 2
    disks = Load(10, days=365)
    assert disks.table_bytes() / (disks.workers - 1) <= growth.WORKER_DISK < disks.table_bytes() / (disks.workers - 2)
    time = Load(5000, batches_per_day=1, days=1)
    assert time.seconds(time.workers) <= growth.BATCH_SECONDS < time.seconds(time.workers - 1)


def test_the_price_of_an_estimate_is_that_of_a_run():
    load = Load(1, batches_per_day=10, days=100)
    glue = (2 * 2 * 60 + 2 * load.seconds(2)) / 3600 * 0.44  # two small jobs for a minute each, and the large one
    assert load.cost.glue == pytest.approx(glue, abs=1e-6)
    parts = (load.cost.glue, load.cost.athena, load.cost.requests, load.cost.functions)
    assert load.cost.total == pytest.approx(sum(parts))


def test_a_limit_is_met_on_the_day_that_is_said():
    load = Load(1)
    scanned = load.limits["a check scans 50 GiB"] * GB * max(growth.SCANNED_SHARES.values())
    assert scanned == pytest.approx(SCANNED_AT_MOST)
    assert load.table_bytes(load.limits["the shuffle fills 1 disk"]) == pytest.approx(growth.WORKER_DISK)
    (job,) = [days for what, days in load.limits.items() if what.startswith("a job takes")]
    assert Load(1, days=round(job)).seconds(2) == pytest.approx(3600, rel=0.01)
    assert list(load.limits.values()) == sorted(load.limits.values())


def test_more_data_is_never_cheaper_nor_lasts_longer():
    costs = [Load(size).cost.total for size in (0.1, 1, 10, 100, 1000)]
    assert costs == sorted(costs)
    first = [min(Load(size).limits.values()) for size in (0.1, 1, 10, 100, 1000)]
    assert first == sorted(first, reverse=True)


def test_the_constants_say_what_was_measured_and_what_is_assumed():
    source = (ROOT / "cli" / "views" / "growth.py").read_text()
    stated = {
        "ROWS_PER_SECOND": "make bench NAME=batch",
        "BYTES_PER_ROW": "354 MB",
        "FILE_BYTES_PER_SECOND": "make bench NAME=memory",
        "START_SECONDS": "the same batch",
        "TABLE_BYTES_PER_SECOND": "Assumed",
    }
    for name, words in stated.items():
        said = source.partition(f"\n{name}")[2].partition('"""')[2].partition('"""')[0]
        assert words in said, name


def test_no_command_is_named_that_is_not_there():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {
        name
        for file in (PAGE, ROOT / "cli" / "views" / "growth.py")
        for name in re.findall(r"`make ([a-z-]+)", file.read_text())
    }
    assert named <= targets


def blocks():
    """(arguments, output) of every command of the page that has its output below it."""
    found = re.findall(r"```bash\nledgerlake (cost [^\n]*)\n```\n+```\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return [(arguments, output) for arguments, output in found if "--estimate" in arguments or "--prices" in arguments]


@pytest.mark.parametrize(("arguments", "output"), blocks(), ids=lambda each: each[:60].strip())
def test_every_figure_of_the_page_is_what_its_command_says(ledgerlake, arguments, output):
    said = ledgerlake(*shlex.split(arguments)).stdout
    assert [line.rstrip() for line in said.splitlines()] == [line.rstrip() for line in output.splitlines()]


def test_the_page_has_figures():
    assert len(blocks()) >= 3
