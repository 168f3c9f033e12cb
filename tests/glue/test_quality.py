"""A batch that is too dirty is set aside before anything of it is published."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ledgerlake.contracts import QualityLimit
from ledgerlake.errors import ContractError, QualityError, QuarantineError
from ledgerlake.planning import quarantine

sys.path.insert(0, str(Path(__file__).parents[1]))
from shop import order, orders, product, products

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


def test_a_dropped_batch_is_rejected_whole_with_the_reason_and_stays_so(lake):
    limit(lake, 0.25, 2)
    lake.deliver("orders", "bad.csv", orders(order(1), order(2), order(3, -1), order(4, "x")))
    planned = lake.plan()
    with pytest.raises(QualityError, match=rf"ledgerlake drop {planned.batch_id} --reason"):
        lake.job("orders", planned.batch_id)
    for _ in range(2):
        quarantine.drop(lake.s3, lake.bucket, planned.batch_id, "of another\n shop")
    with pytest.raises(QuarantineError, match="was dropped before: of another shop"):
        quarantine.drop(lake.s3, lake.bucket, planned.batch_id, "for fun")
    again = lake.plan()
    assert again.batch_id == planned.batch_id
    assert lake.run(again)["orders"]["rejected"] == 1
    assert lake.job("orders", planned.batch_id)["rejected"] == 1, "a retry changes nothing"
    assert lake.rows("orders", "order_id") == []
    assert [(row["rows_read"], row["rejected"]) for row in lake.ledger()] == [(1, 1)]
    assert lake.rejected("orders") == [("bad.csv", None, None, ["dropped: of another shop"])]


def test_what_a_dropped_batch_has_loaded_of_another_dataset_is_taken_back(lake):
    limit(lake, 0.25, 2)
    lake.deliver("products", "p.csv", products(product(1)))
    lake.deliver("orders", "bad.csv", orders(order(1), order(3, -1), order(4, "x")))
    planned = lake.plan()
    assert lake.job("products", planned.batch_id)["inserted"] == 1
    with pytest.raises(QualityError):
        lake.job("orders", planned.batch_id)
    quarantine.drop(lake.s3, lake.bucket, planned.batch_id, "the wrong day")
    counts = lake.run(lake.plan())
    assert (counts["products"]["withdrawn"], counts["products"]["rejected"]) == (1, 1)
    assert lake.rows("products", "product_id") == []
