"""A batch that is too dirty is set aside before anything of it is published."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ledgerlake import quarantine
from ledgerlake.contracts import QualityLimit
from ledgerlake.errors import ContractError, QualityError

sys.path.insert(0, str(Path(__file__).parents[1]))
from shop import order, orders

pytestmark = pytest.mark.slow


def limit(lake, share: float, rows: int) -> None:
    lake.contracts["orders"] = replace(lake.contracts["orders"], quality=QualityLimit(share, rows))


def test_too_many_rejects_stop_the_batch_before_its_merge_until_a_person_accepts_it(lake):
    limit(lake, 0.25, 2)
    lake.deliver("orders", "bad.csv", orders(order(1), order(2), order(3, -1), order(4, "x")))
    planned = lake.plan()
    with pytest.raises(QualityError) as stopped:
        lake.job("orders", planned.batch_id)
    assert "2 of 4 rows" in str(stopped.value)
    assert "total_not_negative: total_amount (1)" in str(stopped.value)
    assert f"ledgerlake accept {planned.batch_id}" in str(stopped.value)
    assert (lake.rows("orders", "order_id"), lake.rejected("orders"), lake.ledger()) == ([], [], [])
    assert list(quarantine.quarantined(lake.s3, lake.bucket)) == [planned.batch_id]
    lake.deliver("orders", "good.csv", orders(order(9)))
    assert lake.run()["orders"]["inserted"] == 1
    quarantine.accept(lake.s3, lake.bucket, planned.batch_id)
    assert lake.plan().batch_id == planned.batch_id
    assert lake.job("orders", planned.batch_id)["rejected"] == 2
    assert lake.rows("orders", "order_id") == [(1,), (2,), (9,)]


@pytest.mark.parametrize(("share", "rows"), [(0.5, 2), (0.25, 3), (1.0, 1)])
def test_as_many_rejects_as_the_contract_allows_are_an_everyday_matter(lake, share, rows):
    limit(lake, share, rows)
    lake.deliver("orders", "day.csv", orders(order(1), order(2), order(3, -1), order(4, "x")))
    assert lake.run()["orders"]["rejected"] == 2


def test_a_limit_that_makes_no_sense_is_refused():
    for wrong in ((-0.1, 1), (1.1, 1), (0.5, 0)):
        with pytest.raises(ContractError, match="share"):
            QualityLimit(*wrong)
