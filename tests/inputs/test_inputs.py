"""Every kind of file and of value, judged by the real jobs as `cases/` says."""

from __future__ import annotations

import json

import pytest
from inputs import cases, outcome
from pyspark.sql import functions as F

pytestmark = pytest.mark.slow
CASES = cases.load()


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.contract}/{case.dataset}/{case.path}")
def test_a_delivery_is_judged_as_its_verdict_says(case, judged):
    got = outcome.seen(case, judged[case.contract][case.dataset][case.path])
    expected = case.expected()
    superseded = [number for number in expected["rows"] if number not in got["rows"]]
    assert not superseded or expected["file"] or got["file"], f"rows {superseded}: does another case use their keys?"
    assert _exactly(got) == _exactly(expected), case.why


def test_no_row_hides_another(lakes):
    """Two cases that used one key would: each row is in the table, in the parking or among the rejects."""
    for _, answers in lakes.values():
        for answer in answers.values():
            assert answer["rows_read"] == answer["inserted"] + answer["rejected"] + answer["parked"] > 0


def test_another_reader_than_spark_finds_the_same_instants(lakes):
    """Spark's default form of timestamps comes out wrong elsewhere in the first and the last years."""
    lake, _ = lakes["shop"]
    parts = [name for (name,) in set(lake.rows("orders", "_metadata.file_path"))]
    rows = [row for part in parts for row in lake.parquet(part.partition(f"{lake.bucket}/")[2])]
    elsewhere = {row["order_id"]: row["order_timestamp"].isoformat(" ", "microseconds")[:26] for row in rows}
    text = "date_format(order_timestamp, 'yyyy-MM-dd HH:mm:ss.SSSSSS')"
    assert elsewhere == dict(lake.rows("orders", "order_id", F.expr(text)))
    assert "0001-01-01 00:00:00.000000" in elsewhere.values()


def _exactly(verdict):
    """As text, in which -0.0 is not 0.0, nor 1 True."""
    return json.dumps(verdict, indent=1, sort_keys=True, ensure_ascii=False)
