"""Keys that people have reported to other projects because a loader took them for what they are not, or missed them."""

from datetime import date

import pytest

from ledgerlake.intake import raw_keys

PART = "part-00000-4f0c-c000.csv"


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(
            "raw/orders/year=2020/month=01/day=20/hour=00/1580297687716/auction/_SUCCESS",
            id="https://github.com/apache/druid/issues/9411",
        ),
        pytest.param(
            "raw/orders/_temporary/0/_temporary/attempt_1/part-0.csv", id="https://github.com/apache/spark/pull/1924"
        ),
        pytest.param("raw/orders/.impala_insert_staging/8f/part-0.csv", id="https://github.com/apache/spark/pull/1691"),
        pytest.param("raw/orders/date=2016-03-14/_SUCCESS", id="https://github.com/apache/spark/pull/11697"),
        pytest.param("raw/orders/_started_4711", id="https://github.com/springml/spark-sftp/pull/62"),
        pytest.param("raw/orders/_committed_vacuum_4711", id="https://github.com/springml/spark-sftp/pull/62 vacuum"),
        f"raw/orders/.{PART}.crc",
        f"raw/orders/{PART}._COPYING_",
        "raw/orders/_delta_log/00000000000000000000.json",
        "raw/orders/.DS_Store",
        "raw/orders/._2025-04-01.csv",  # macOS writes it beside the file
        "raw/orders/.2025-04-01.csv.filepart",
    ],
)
def test_what_a_writer_leaves_beside_its_data_is_no_delivery(key):
    assert raw_keys.is_ignored(key)


@pytest.mark.parametrize(
    "key",
    [
        f"raw/orders/{PART}",
        "raw/orders/_hour=07/part-0.csv",  # a partition whose column begins with _
        "raw/orders/2025_04_01.csv",
        "raw/orders/a_SUCCESS.csv",
        "raw/orders/date=2025-04-01/a.b.csv",
    ],
)
def test_what_only_looks_like_a_marker_is_a_delivery(key):
    assert not raw_keys.is_ignored(key)


@pytest.mark.parametrize(
    ("key", "day"),
    [
        pytest.param(
            "raw/orders/year=2020/month=01/day=20/hour=00/1580297687716/a.csv",
            date(2020, 1, 20),
            id="https://github.com/apache/druid/issues/9411",
        ),
        pytest.param(
            "raw/orders/dt=2018-05-04/part-0.csv", date(2018, 5, 4), id="https://github.com/aws/aws-sam-cli/issues/379"
        ),
        pytest.param(
            "raw/orders/files/2017-11-15 14:22:21_file.csv",
            date(2017, 11, 15),
            id="https://github.com/localstack/localstack/issues/465",
        ),
        ("raw/orders/20250401.csv", date(2025, 4, 1)),
        ("raw/orders/orders_20250401T0800.csv", date(2025, 4, 1)),
        ("raw/orders/2025/04/01/orders.csv", date(2025, 4, 1)),
        ("raw/orders/year=2025/month=4/day=1/part-0.csv", date(2025, 4, 1)),
        ("raw/orders/1743494400000.csv", None),  # milliseconds
        ("raw/orders/20250230.csv", None),
        ("raw/orders/year=2025/month=13/day=01/a.csv", None),
        ("raw/orders/4915123456789_20250401.csv", date(2025, 4, 1)),  # beside a number of a telephone
        ("raw/orders/part-00000-20250401-c000.csv", date(2025, 4, 1)),
    ],
)
def test_the_date_of_a_key_is_the_one_that_its_producer_meant(key, day):
    assert raw_keys.named_date(key) == day


@pytest.mark.parametrize(
    ("key", "values"),
    [
        pytest.param(
            "raw/orders/date=2025-04-01/part-0.csv",
            {"date": ["2025-04-01"]},
            id="https://github.com/pola-rs/polars/issues/12036",
        ),
        ("raw/orders/date=__HIVE_DEFAULT_PARTITION__/part-0.csv", {"date": [None]}),
        ("raw/orders/date=2025-04-01/date=2025-04-02/part-0.csv", {"date": ["2025-04-01", "2025-04-02"]}),
        ("raw/orders/date=2025-04-01.csv", {}),  # a file's name is no folder
        ("raw/orders/other=1/part-0.csv", {}),
    ],
)
def test_columns_are_found_in_the_folders_of_a_path_alone(key, values):
    assert raw_keys.path_values(key, {"date"}) == values


@pytest.mark.parametrize(
    ("key", "folder"),
    [
        ("raw/Orders/alone.csv", "raw/orders/"),
        ("raw/order/x.csv", "raw/orders/"),
        ("raw//orders/x.csv", "raw/orders/"),
        ("raw/orders.csv", "raw/orders/"),
        ("raw/order-items/x.csv", "raw/order_items/"),
        ("raw/OrderItems/x.csv", "raw/order_items/"),
        ("raw/raw/orders/x.csv", "raw/orders/"),
        ("raw/x.csv", ""),
        ("raw/weather/x.csv", ""),
    ],
)
def test_of_a_stray_the_folder_is_named_that_was_most_likely_meant(key, folder):
    assert raw_keys.dataset_of(key) is None
    assert raw_keys.suggested_folder(key) == folder
