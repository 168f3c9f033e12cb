"""A listing of many pages."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from spark_lake import Lake

from ledgerlake.planning import batch
from ledgerlake.settings import Settings


@pytest.mark.long
@pytest.mark.slow
def test_ten_thousand_objects_are_planned_whole_in_one_manifest_in_seconds(s3_endpoint, tmp_path):
    """More than ten pages of a listing."""
    lake = Lake(None, Settings(gate="any"))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: lake.deliver("orders", f"{number:05}.csv", "x"), range(10_001)))
    began = time.monotonic()
    planned = lake.plan()
    took = time.monotonic() - began
    assert sorted(each.key for each in planned.deliveries) == [
        f"raw/orders/{number:05}.csv" for number in range(10_001)
    ]
    assert batch.load(lake.s3, lake.bucket, planned.batch_id) == planned
    print(f"{took:.1f} seconds")
    assert took < 30
