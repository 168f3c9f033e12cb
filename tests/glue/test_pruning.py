"""Of a large table only that is read which a batch can touch, and nothing of it is missed."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledgerlake_glue import pruning
from ledgerlake_glue.pruning import merged, within

ORDERS = "order_num,order_id,user_id,order_timestamp,total_amount,date\n"


def order(number: int, day: int, amount: int = 10) -> str:
    return f"1,{number},5,2025-04-{day:02}T08:00:00,{amount},2025-04-{day:02}\n"


@given(st.lists(st.tuples(st.integers(-1000, 1000), st.integers(0, 50)).map(lambda pair: (pair[0], sum(pair)))))
def test_merged_ranges_hold_every_value_rise_and_do_not_overlap(pairs):
    found = merged(pairs)
    assert all(any(low <= pair[0] and pair[1] <= high for low, high in found) for pair in pairs)
    assert all(one[1] < other[0] for one, other in itertools.pairwise(found))
    assert sum(high - low for low, high in found) <= sum(high - low for low, high in pairs), "few are not widened"


def test_too_many_ranges_become_two_hundred_wider_ones():
    found = merged((number * 10, number * 10 + 1) for number in range(1000))
    assert len(found) == 200
    assert found[0] == (0, 41)
    assert found[-1][1] == 9991


@pytest.mark.slow
def test_a_day_reads_of_a_large_table_only_the_files_with_its_keys(lake, monkeypatch):
    for day in (1, 2, 3):
        lake.deliver("orders", f"{day}.csv", ORDERS + "".join(order(day * 100 + n, day) for n in range(50)))
    lake.run()
    table = lake.table("orders")
    assert len(table.read().inputFiles()) == 3
    assert len(table.read().where(within("order_id", [(200, 249)])).inputFiles()) == 1
    monkeypatch.setattr(pruning, "LARGE", 0)
    lake.deliver("orders", "late.csv", ORDERS + order(260, 2) + order(201, 2, 99) + order(101, 3))
    lake.run()
    rows = {row.order_id: (row.total_amount, row.date.day) for row in table.read().collect()}
    assert len(rows) == 151
    assert (rows[260], rows[201], rows[101]) == ((10, 2), (99, 2), (10, 3)), "new, corrected, and moved to another day"


@pytest.mark.slow
def test_a_small_table_of_many_files_is_searched_too_and_its_plans_stay_interpreted(lake, monkeypatch):
    monkeypatch.setattr(pruning, "MANY", 3)
    for day in (1, 2, 3):
        lake.deliver("orders", f"{day}.csv", ORDERS + order(day * 100, day))
    lake.run()
    assert lake.table("orders").is_large
    found = []
    monkeypatch.setattr("ledgerlake_glue.candidates.within", lambda *at: found.append(at) or within(*at))
    monkeypatch.setattr("ledgerlake_glue.job.expect", lambda *_, **tables: found.append(tables))
    lake.deliver("orders", "late.csv", ORDERS + order(200, 2, 99))
    lake.run()
    assert {"large_tables": False} in found
    assert ("order_id", [(200, 200)]) in found


@pytest.mark.slow
def test_children_find_their_parents_in_a_large_table(lake, monkeypatch):
    monkeypatch.setattr(pruning, "LARGE", 0)
    lake.deliver("orders", "1.csv", ORDERS + "".join(order(n, 1 + n % 3) for n in range(1, 60)))
    lake.deliver("products", "p.csv", "product_id,department_id,department,product_name\n3,1,Home,Lamp\n")
    items = "id,order_id,user_id,days_since_prior_order,product_id,add_to_cart_order,reordered,order_timestamp,date\n"
    lines = [f"{n},{n},5,,3,1,0,2025-04-01T08:00:00,2025-04-01\n" for n in (1, 30, 59, 60)]
    lake.deliver("order_items", "1.csv", items + "".join(lines))
    counts = lake.run()["order_items"]
    assert (counts["inserted"], counts["parked"]) == (3, 1)
