from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledgerlake.contracts import DATASETS
from ledgerlake.intake import raw_keys

NO_DELIVERIES = [
    "_SUCCESS", "_temporary/0/task_1/part-0.csv", "_temporary/0/_temporary/attempt_1/part-0.csv", ".part-0.csv.crc",
    "_started_4711", "_committed_4711", "part-0.csv.crc", "_delta_log/00000000000000000000.json", ".DS_Store",
    "date=2025-04-01/_SUCCESS", "date=2025-04-01/.part-0.csv.crc", "_metadata", ".spark-staging-1/date=1/part-0.csv",
    "orders.csv._COPYING_", "_orders.csv", "..csv", ".hive-staging_hive_2025/x.csv", "a/_b/c.csv", "._orders.csv",
]  # fmt: skip
DELIVERIES = [
    "part-00000-6f1c2d3e-0001-4a5b-9c7d-aabbccddeeff-c000.csv", "date=2025-04-01/part-0.csv", "_hour=07/part-0.csv",
    "a_b.csv", "a.b.csv", "2025/04/01/x.csv.gz", "orders_$folder$.csv", "=.csv", "a/b_/c..csv",
]  # fmt: skip


@pytest.mark.parametrize("name", NO_DELIVERIES)
@pytest.mark.parametrize("dataset", DATASETS)
def test_markers_hidden_and_uncommitted_files_are_no_deliveries(dataset, name):
    assert raw_keys.is_ignored(f"raw/{dataset}/{name}")
    assert raw_keys.is_ignored(f"raw/wrong/{name}"), "of a stray folder neither"


@pytest.mark.parametrize("name", DELIVERIES)
def test_partitions_and_other_names_are_deliveries(name):
    assert not raw_keys.is_ignored(f"raw/order_items/{name}")


def test_a_folder_marker_of_emr_is_ignored_only_without_content():
    assert raw_keys.is_ignored("raw/orders/2025_$folder$", 0)
    assert not raw_keys.is_ignored("raw/orders/2025_$folder$", 7)


@pytest.mark.parametrize(
    ("key", "folder"),
    [
        ("raw/Orders/alone.csv", "raw/orders/"),
        ("raw/order/x.csv", "raw/orders/"),
        ("raw//orders/x.csv", "raw/orders/"),
        ("raw/ORDERS/2025/x.csv", "raw/orders/"),
        ("raw/odrers/x.csv", "raw/orders/"),
        ("raw/orders /x.csv", "raw/orders/"),
        ("raw/incoming/orders/x.csv", "raw/orders/"),
        ("raw/order-items/x.csv", "raw/order_items/"),
        ("raw/OrderItems/x.csv", "raw/order_items/"),
        ("raw/order_item/x.csv", "raw/order_items/"),
        ("raw/product/x.csv", "raw/products/"),
        ("raw/orders.csv", "raw/orders/"),
        ("raw/pictures/cat.png", ""),
        ("raw/x.csv", ""),
        ("raw//", ""),
    ],
)
def test_the_folder_that_was_meant_is_suggested(key, folder):
    assert raw_keys.suggested_folder(key) == folder


def test_a_stray_is_described_with_what_was_meant_and_safe_to_print():
    assert raw_keys.describe_stray("raw/Orders/a.csv") == "raw/Orders/a.csv (did you mean raw/orders/?)"
    every = "one of raw/products/, raw/orders/, raw/order_items/"
    assert raw_keys.describe_stray("raw/x.csv") == f"raw/x.csv (did you mean {every}?)"
    assert "\x1b" not in raw_keys.describe_stray("raw/\x1b[31m.csv")
    assert "longer than 974 bytes" in raw_keys.describe_stray("raw/orders/" + "x" * 1000)


BETWEEN = st.text(alphabet="abcxyz_.T", max_size=5)
DAYS = st.dates(date(1900, 1, 1), date(2199, 12, 31))


@given(DAYS, st.sampled_from(["{:%Y-%m-%d}", "{:%Y/%m/%d}", "{:%Y%m%d}", "date={:%Y-%m-%d}"]), BETWEEN, BETWEEN)
def test_a_date_between_other_words_is_found(day, form, before, after):
    assert raw_keys.named_date(f"raw/orders/{before}{form.format(day)}{after}") == day


@given(DAYS, st.booleans(), st.sampled_from(["", "region=eu/"]), st.sampled_from(["", "hour=07/"]))
def test_a_date_in_hive_folders_is_found(day, padded, between, after):
    width = 2 if padded else 1
    path = f"year={day.year}/month={day.month:0{width}}/{between}day={day.day:0{width}}/{after}part-0.csv"
    assert raw_keys.named_date(f"raw/orders/{path}") == day


@given(st.integers(0, 9999), st.integers(0, 99), st.integers(0, 99), st.sampled_from(["{}-{}-{}", "{}{}{}"]))
def test_digits_that_are_no_day_of_the_calendar_are_no_date(year, month, day, form):
    name = form.format(f"{year:04}", f"{month:02}", f"{day:02}")
    try:
        expected = date(year, month, day) if "-" in form or 1900 <= year < 2200 else None
    except ValueError:
        expected = None
    assert raw_keys.named_date(f"raw/orders/{name}") == expected


@given(DAYS, st.integers(0, 9), st.booleans())
def test_a_digit_beside_the_digits_makes_them_no_date(day, digit, first):
    name = f"{digit}{day:%Y%m%d}" if first else f"{day:%Y%m%d}{digit}"
    assert raw_keys.named_date(f"raw/orders/{name}.csv") is None


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("date=2025-04-03/part-0.csv", {"date": ["2025-04-03"]}),
        ("DATE=2025-04-03/x.csv", {"date": ["2025-04-03"]}),
        ("date=2025-04-03%20x/x.csv", {"date": ["2025-04-03 x"]}),
        ("date=__HIVE_DEFAULT_PARTITION__/x.csv", {"date": [None]}),
        ("date=a=b/x.csv", {"date": ["a=b"]}),
        ("date=1/date=2/x.csv", {"date": ["1", "2"]}),
        ("hour=7/x.csv", {}),
        ("2025-04-03/date=1.csv", {}),
    ],
)
def test_values_are_taken_from_the_folders_that_name_them(path, values):
    assert raw_keys.path_values(f"raw/orders/{path}", {"date"}) == values
