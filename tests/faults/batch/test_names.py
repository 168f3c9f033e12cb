"""A delivery may have any name that S3 takes, and keeps it to the archive and back."""

from __future__ import annotations

from datetime import date

import pytest
from shop import product, products
from spark_lake import Lake

from ledgerlake.keys import LONGEST_RAW_KEY, raw_prefix, rejected_prefix
from ledgerlake.planning import by_date
from ledgerlake.planning.by_date import Selection
from ledgerlake.settings import Settings

NAMES = (
    "with a space.csv",
    " leading and trailing .csv",
    "plus+and%20percent%.csv",
    "quotes 'single' \"double\" `back`.csv",
    "Frühling–日本語-😀.csv",
    "e\u0301 composed and é.csv",
    "a&b=c;d?e#f@g:h,i$j!k.csv",
    "(round)[square]{curly}<angle>*~^|\\.csv",
    "two//slashes.csv",
    "a./dots../and/not..hidden.csv",
    "20250401T080000.000000Z-0123456789abcdef0123/like the archive.csv",
    "tab\tin it.csv",
    "UPPER.CSV",
    "long-" + "ü" * 440 + ".csv",
    "long-" + "x" * (LONGEST_RAW_KEY - len("raw/products/long-.csv")) + ".csv",
)
DAY = "2025-04-01 "  # so that all of them are found by their date


@pytest.mark.slow
def test_every_name_goes_from_the_plan_through_the_jobs_into_the_archive_and_back(spark):
    lake = Lake(spark, Settings(gate="any"))
    names = [name if name.startswith("long-x") else DAY + name for name in NAMES]
    for number, name in enumerate(names, 1):
        lake.deliver("products", name, products(product(number), f"{name[:5]!r},1,Home,Lamp"))
    keys = [raw_prefix("products") + name for name in names]
    planned = lake.plan()
    assert sorted(each.key for each in planned.deliveries) == sorted(keys)

    counts = lake.run(planned)["products"]
    assert (counts["inserted"], counts["rejected"]) == (len(NAMES), len(NAMES))
    assert lake.rows("products", "product_id", "_source_file") == list(enumerate(keys, 1))
    rejected = lake.parquet(rejected_prefix("products"))
    assert {row["source_file"]: row["original"] for row in rejected} == {
        raw_prefix("products") + name: f"{name[:5]!r},1,Home,Lamp" for name in names
    }
    assert sorted(row["source_file"] for row in lake.ledger()) == sorted(keys)

    assert lake.s3.list_objects_v2(Bucket=lake.bucket, Prefix="raw/")["KeyCount"] == 0
    found = by_date.find(lake.s3, lake.bucket, Selection(date(2025, 4, 1), date(2025, 4, 1), waiting=False))
    dated = tuple(each for each in planned.deliveries if "2025-04-01" in each.key)
    assert len(dated) == len(NAMES) - 1
    assert [(each.id, each.key, each.landed_at) for each in found] == [
        (each.id, each.key, each.landed_at) for each in dated
    ]
