"""A row that gets lost between reader and ledger stops the job before anything is published."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ledgerlake.errors import ConservationError
from ledgerlake_glue import candidates

sys.path.insert(0, str(Path(__file__).parents[1]))
from shop import order, orders

pytestmark = pytest.mark.slow


def test_a_lost_row_stops_the_job_and_nothing_is_published(lake, monkeypatch):
    lake.deliver("orders", "day.csv", orders(order(1), order(2), order(3)))
    planned = lake.plan()
    whole = candidates.validate
    monkeypatch.setattr(candidates, "validate", lambda *given: whole(*given).where("order_id is null or order_id <> 2"))
    with pytest.raises(ConservationError, match="3 rows were read"):
        lake.job("orders", planned.batch_id)
    assert lake.rows("orders", "order_id") == []
    assert lake.ledger() == []
    monkeypatch.undo()
    assert lake.job("orders", planned.batch_id)["inserted"] == 3


@pytest.mark.long
def test_a_stage_is_made_anew_when_another_batch_came_between(lake, monkeypatch):
    lake.deliver("orders", "day.csv", orders(order(1, 1)))
    first = lake.plan()
    with monkeypatch.context() as broken:
        broken.setattr("ledgerlake_glue.job.publish", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            lake.job("orders", first.batch_id)
    lake.s3.delete_object(Bucket=lake.bucket, Key=f"batches/open/{first.batch_id}.json")
    lake.deliver("orders", "newer.csv", orders(order(1, 2)))
    second = lake.plan()
    assert lake.job("orders", second.batch_id)["inserted"] == 1
    assert lake.job("orders", first.batch_id)["superseded"] == 1
    assert lake.rows("orders", "order_id", "total_amount") == [(1, 2.0)]
