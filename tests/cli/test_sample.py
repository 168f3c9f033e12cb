"""The sample shop: the same arguments give the same bytes, and the defects are those it counts."""

import csv
import hashlib
from collections import Counter
from datetime import date, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cli.sample import HEADERS, REJECTED_KINDS, Expected, Sample, write
from ledgerlake.contracts import DATASETS

SMALL = {"days": 3, "orders_per_day": 60, "products": 40}
DAYS = ["2025-04-01.csv", "2025-04-02.csv", "2025-04-03.csv"]


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))[1:]


def all_rows(out, dataset):
    return [row for path in sorted((out / dataset).glob("*.csv")) for row in rows(path)]


def digest(out):
    files = sorted(path for path in out.rglob("*") if path.is_file())
    return hashlib.sha256(b"".join(str(p.relative_to(out)).encode() + p.read_bytes() for p in files)).hexdigest()


def assess(out):
    """By hand: the valid rows, the newest per key, and the orphans; by arrival of the files by day."""
    products = {row[0] for row in rows(out / "products.csv") if len(row) == 4 and row[0] and row[1].isdigit()}
    valid = {"orders": [], "order_items": []}
    for dataset, width, key, time, number, amount in (("orders", 6, 1, 3, 2, 4), ("order_items", 9, 0, 7, 4, 3)):
        for row in all_rows(out, dataset):
            fine = len(row) == width and row[key] and row[number].isdigit() and not row[amount].startswith("-")
            if fine and is_time(row[time]):
                valid[dataset].append(row)
    orders = {row[1]: row for row in valid["orders"]}
    items = [row for row in valid["order_items"] if row[1] in orders and row[4] in products]
    return {
        "products": len(products),
        "orders": len(orders),
        "order_items": len({row[0] for row in items}),
        "parked": len(valid["order_items"]) - len(items),
        "cents": sum(round(float(row[4]) * 100) for row in orders.values()),
        "rejected": {name: len(all_rows(out, name)) - len(valid[name]) for name in valid},
    }


def is_time(text):
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def test_headers_are_the_contracts_columns():
    assert {name: tuple(header.split(",")) for name, header in HEADERS.items()} == {
        name: dataset.column_names for name, dataset in DATASETS.items()
    }


def test_same_arguments_give_the_same_bytes_and_another_seed_others(tmp_path):
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        write(Sample(seed=seed, defects=0.1, **SMALL), tmp_path / name)
    assert digest(tmp_path / "a") == digest(tmp_path / "b") != digest(tmp_path / "c")


def test_there_is_a_file_per_day_and_dataset(tmp_path):
    expected = write(Sample(**SMALL), tmp_path)
    for dataset in ("orders", "order_items"):
        assert sorted(path.name for path in (tmp_path / dataset).iterdir()) == DAYS
        assert (tmp_path / dataset / DAYS[0]).read_text().splitlines()[0] == HEADERS[dataset]
    assert expected.files == 7


def test_without_dirt_every_order_is_the_sum_of_its_items_and_every_key_is_unique(tmp_path):
    expected = write(Sample(**SMALL), tmp_path)
    orders, items = all_rows(tmp_path, "orders"), all_rows(tmp_path, "order_items")
    assert not any(expected.defects[name] for name in DATASETS)
    assert len({row[1] for row in orders}) == len(orders) == expected.loaded["orders"]
    assert len({row[0] for row in items}) == len(items) == expected.loaded["order_items"]
    assert Counter(row[1] for row in items).keys() == {row[1] for row in orders}
    prices = prices_from_orders_of_one_line(orders, items)
    assert prices, "no order of one line"
    for order in orders:
        lines = [row[4] for row in items if row[1] == order[1]]
        if all(product in prices for product in lines):
            assert round(float(order[4]) * 100) == sum(prices[product] for product in lines)


def prices_from_orders_of_one_line(orders, items):
    sizes = Counter(row[1] for row in items)
    single = {row[1]: row[4] for row in items if sizes[row[1]] == 1}
    return {single[row[1]]: round(float(row[4]) * 100) for row in orders if row[1] in single}


def test_a_customers_history_is_consistent(tmp_path):
    write(Sample(days=8, orders_per_day=60, products=40), tmp_path)
    last, bought = {}, {}
    by_order = {}
    for row in all_rows(tmp_path, "order_items"):
        by_order.setdefault(row[1], []).append(row)
    for order in all_rows(tmp_path, "orders"):
        user, day = order[2], date.fromisoformat(order[5])
        for item in by_order[order[1]]:
            if user in last:
                assert item[3] == str((day - last[user]).days)
            assert item[6] == "0" or item[3], "reordered by somebody who never ordered"
            assert item[6] == "1" or item[4] not in bought.get(user, set())
        last[user] = day
        bought.setdefault(user, set()).update(item[4] for item in by_order[order[1]])


def test_orders_come_in_the_order_of_the_day_and_more_on_saturdays(tmp_path):
    write(Sample(days=7, start=date(2025, 4, 7), orders_per_day=400, products=40), tmp_path)
    sizes = {}
    for path in (tmp_path / "orders").iterdir():
        times = [row[3] for row in rows(path)]
        assert times == sorted(times)
        sizes[path.stem] = len(times)
    assert max(sizes, key=sizes.get) == "2025-04-12"


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10_000), rate=st.sampled_from([0.0, 0.01, 0.1, 0.5, 1.0]))
def test_what_it_expects_is_what_a_hand_count_of_the_files_says(tmp_path_factory, seed, rate):
    out = tmp_path_factory.mktemp("sample")
    expected: Expected = write(Sample(seed=seed, defects=rate, **SMALL), out)
    judged = assess(out)
    assert judged["products"] == expected.loaded["products"]
    assert judged["orders"] == expected.loaded["orders"]
    assert judged["order_items"] == expected.loaded["order_items"]
    assert judged["parked"] == expected.parked["order_items"]
    assert judged["cents"] == expected.revenue_cents
    assert judged["rejected"] == {name: expected.rejected(name) for name in ("orders", "order_items")}
    assert {name: len(all_rows(out, name)) for name in ("orders", "order_items")} == {
        name: expected.rows[name] for name in ("orders", "order_items")
    }


def test_a_tenth_of_dirt_has_every_kind_in_it(tmp_path):
    expected = write(Sample(days=4, orders_per_day=500, defects=0.1), tmp_path)
    assert set(expected.defects["orders"]) == {
        *REJECTED_KINDS,
        *("duplicate", "duplicate_changed", "late", "missing", "repeated_later", "corrected_later"),
    }
    assert 0.08 < expected.defects["orders"].total() / expected.rows["orders"] < 0.12


def test_a_late_order_comes_in_the_next_days_file(tmp_path):
    expected = write(Sample(days=2, orders_per_day=300, defects=0.2), tmp_path)
    first, second = (rows(tmp_path / "orders" / name) for name in DAYS[:2])
    keys = {row[1] for row in first if len(row) > 1}
    late = [row for row in second if len(row) == 6 and row[3].startswith("2025-04-01") and row[1] not in keys]
    assert len(late) == expected.defects["orders"]["late"] > 0


@pytest.mark.parametrize("start", [date(2024, 2, 28), date(2025, 12, 31)])
def test_days_follow_the_calendar(tmp_path, start):
    write(Sample(days=2, start=start, orders_per_day=5, products=5), tmp_path)
    assert len(list((tmp_path / "orders").iterdir())) == 2
