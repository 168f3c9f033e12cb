"""The record of a run: its object, its columns, and its line in the notification."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from ledgerlake import keys
from ledgerlake.costs import run_records
from ledgerlake.costs.cost import Calls, DpuTime, Requests, Usage
from ledgerlake.costs.usage import ObservedRun
from ledgerlake.tables import runs

BATCH = "20250401T080000Z-1a2b3c4d"
SEEN = ObservedRun("ecommerce_lakehouse", "manual__1", BATCH, "2025-04-01T08:00:00+00:00", 31)
ENDED = datetime(2025, 4, 1, 8, 5, 0, 123456, tzinfo=UTC)
USED = Usage(
    jobs=(DpuTime(86, 2), DpuTime(60, 2), DpuTime(30, 2)),
    crawls=(DpuTime(61, 2),),
    scanned=(1, 2, 3, 4, 5, 21 * 1024**2),
    requests=Requests(100, 43, 0, 1, 1),
    calls=Calls(1, 0.9),
)


def test_a_record_has_usage_dollars_and_the_day_of_the_prices():
    found = json.loads(run_records.record(SEEN, USED, ENDED).as_line())
    assert found == {
        "run_id": "manual__1",
        "workflow": "ecommerce_lakehouse",
        "batch_id": BATCH,
        "started_at": "2025-04-01 08:00:00.000",
        "finished_at": "2025-04-01 08:05:00.123",
        "deliveries": 31,
        "job_runs": 3,
        "dpu_seconds": 352.0,
        "billed_dpu_seconds": 412.0,
        "glue_dollars": 0.050356,
        "crawls": 1,
        "crawler_dpu_seconds": 122.0,
        "crawler_billed_dpu_seconds": 1200.0,
        "crawler_dollars": 0.146667,
        "queries": 6,
        "scanned_bytes": 21 * 1024**2 + 15,
        "billed_bytes": 71 * 1024**2,
        "athena_dollars": 0.000339,
        "requests": 145,
        "s3_writes": 100,
        "s3_reads": 43,
        "requests_dollars": 0.000528,
        "function_calls": 1,
        "function_gb_seconds": 0.9,
        "functions_dollars": 1.5e-05,
        "state_transitions": 0,
        "states_dollars": 0.0,
        "total_dollars": 0.197905,
        "unknown": "",
        "prices_of": "2026-11-21",
    }


def test_the_columns_of_the_table_are_the_fields_of_a_record_with_their_types():
    kinds = {"string": str, "timestamp": str, "bigint": int, "double": float}
    found = json.loads(run_records.record(SEEN, USED, ENDED).as_line())
    assert [name for name, _ in runs.COLUMNS] == list(found)
    assert all(type(found[name]) is kinds[kind] for name, kind in runs.COLUMNS)
    assert dict(runs.COLUMNS)["started_at"] == "timestamp"


def test_a_record_is_one_line():
    assert run_records.record(SEEN, USED, ENDED).as_line().count("\n") == 1


def test_the_line_of_the_notification_says_amounts_and_dollars_of_each_service():
    assert run_records.said(run_records.record(SEEN, USED, ENDED)) == (
        "Cost: $0.1979 (Glue 412 DPU-s $0.0504, crawler 1,200 DPU-s $0.1467, Athena 71 MB $0.0003, "
        "requests 145 $0.0005, Lambda 0.9 GB-s $0.0000) at prices of 2026-11"
    )


def test_a_service_that_was_not_used_is_not_said():
    assert "crawler" not in run_records.said(run_records.record(SEEN, Usage(jobs=(DpuTime(60, 2),)), ENDED))


def test_what_is_not_known_is_null_in_the_record_and_unknown_in_the_notification():
    found = run_records.record(SEEN, Usage(jobs=None, crawls=None, scanned=None, requests=None, transitions=4), ENDED)
    for name in ("job_runs", "dpu_seconds", "glue_dollars", "crawls", "scanned_bytes", "s3_writes", "requests"):
        assert getattr(found, name) is None, name
    assert found.unknown == "glue, crawler, athena, requests"
    assert run_records.said(found) == (
        "Cost: at least $0.0001 (Glue unknown, crawler unknown, Athena unknown, requests unknown, "
        "Step Functions 4 transitions $0.0001) at prices of 2026-11"
    )


# --- written


def body(s3):
    return s3.get_object(Bucket="lake", Key=f"runs/{BATCH}.json")["Body"].read().decode()


def test_it_is_written_below_the_tables_prefix_under_the_batchs_name(s3):
    run_records.write(s3, "lake", run_records.record(SEEN, USED, ENDED))
    assert json.loads(body(s3))["batch_id"] == BATCH
    assert keys.run_record(BATCH).startswith(keys.RUNS)


def test_a_report_that_is_repeated_writes_what_is_there(s3):
    run_records.write(s3, "lake", run_records.record(SEEN, USED, ENDED))
    first = body(s3)
    run_records.write(s3, "lake", run_records.record(SEEN, USED, ENDED.replace(hour=9)))
    assert body(s3) == first


def test_another_run_of_the_batch_writes_its_own_end(s3):
    run_records.write(s3, "lake", run_records.record(SEEN, USED, ENDED))
    again = ObservedRun("ecommerce_lakehouse", "manual__2", BATCH, "2025-04-01T08:00:00+00:00", 31)
    run_records.write(s3, "lake", run_records.record(again, USED, ENDED.replace(hour=9)))
    assert json.loads(body(s3))["finished_at"] == "2025-04-01 09:05:00.123"


# --- and whatever goes wrong, the run is as it is


def test_a_run_is_accounted_for_with_what_can_be_learnt(s3):
    def connect(service):
        return s3 if service == "s3" else SimpleNamespace()

    line = run_records.record_run(SEEN, connect, "lake")
    assert re.match(r"Cost: at least \$0\.0\d+ \(Glue unknown, Athena unknown, requests unknown, Lambda", line)
    assert json.loads(body(s3))["unknown"] == "glue, athena, requests"


def test_a_record_that_cannot_be_written_is_said(caplog):
    line = run_records.record_run(SEEN, lambda _: SimpleNamespace(), "lake")
    assert line.startswith("Cost: at least")
    assert line.endswith("(not recorded)")
    assert "The run's record was not written" in caplog.text


@pytest.mark.parametrize("started", ["", "yesterday"])
def test_a_run_whose_cost_cannot_be_worked_out_says_just_that(started):
    seen = ObservedRun("w", "r", BATCH, started, 1)
    assert run_records.record_run(seen, lambda _: None, "lake") == "Cost: unknown."
