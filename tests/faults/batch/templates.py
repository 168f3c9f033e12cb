"""A lake in which one batch is done and a second one is planned that gives every step something to do.

It is made once, and copied for each test, so that every copy begins at the same moment.
"""

from __future__ import annotations

import dataclasses
import gzip
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from datetime import date

from shop import item, items, order, orders, product, products
from spark_lake import Lake, later

from ledgerlake.keys import RAW
from ledgerlake.planning import batch, by_date
from ledgerlake.planning.by_date import Selection

ALL_DAYS = Selection(date(2025, 4, 1), date(2025, 4, 28))


def prepared(lake: Lake) -> batch.Batch:
    """Do the first batch by a laxer contract of order_items, and plan the second one.

    To `order_items` the second batch does everything there is: rows that are read again and come out the
    same, rows to insert, update, supersede, reject, park, release, withdraw and restore, and a broken file.
    """
    strict = lake.contracts["order_items"]
    lake.contracts["order_items"] = dataclasses.replace(strict, rules=())
    lake.deliver("products", "2025-04-01.csv", products(product(1), product(2)))
    lake.deliver("orders", "2025-04-01.csv", orders(order(10), order(11), order(12, 5)))
    lake.deliver("order_items", "2025-03-31.csv", items(item(105, 10), item(107, 77), item(108, 78)))
    lake.deliver("order_items", "2025-04-01-a.csv", items(item(100, 10), item(101, 11), item(102, 77), item(103, 78)))
    lake.deliver("order_items", "2025-04-01-b.csv", items(item(104, 77), _early(105), item(106, 10)))
    lake.run()
    lake.contracts["order_items"] = strict
    lake.deliver("products", "2025-04-02.csv", products(product(2, name="Chair"), "x,1,Home,Sofa"))
    lake.deliver("orders", "2025-04-02.csv", orders(order(77), order(12, 6), "7,,500,,1,"))
    lake.deliver("order_items", "2025-04-02-a.csv", items(item(100, 11), item(110, 10), item(120, 99), "x,,,,,,,,"))
    lake.deliver("order_items", "2025-04-02-b.csv", items(item(110, 77), item(121, 98), "y,z,,,,,,,"))
    whole = items(*(item(number, 10) for number in range(200, 4000))).encode()
    lake.deliver("order_items", "2025-04-02-c.csv.gz", gzip.compress(whole)[:-100])
    lake.deliver("order_items", "2025-04-02-d.csv", items(item(130, 10)))
    planned = by_date.plan(lake.s3, lake.bucket, lake.settings, ALL_DAYS, "test", later()).batch
    assert planned is not None
    return planned


def _early(number: int) -> str:
    """An item that only the lax contract accepts."""
    return item(number, 10).replace(",3,", ",-3,")


def copy_of(original: Lake) -> Lake:
    """A lake with the same objects in a bucket of its own, and the same versions of what was delivered."""
    copy = Lake(original.spark, original.settings)
    _copy_raw(original, copy)
    pages = original.s3.get_paginator("list_objects_v2").paginate(Bucket=original.bucket)
    keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
    rest = [key for key in keys if not key.startswith(RAW)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: _copy(original, copy, key), rest))
    return copy


def _copy(original: Lake, copy: Lake, key: str) -> None:
    copy.s3.copy_object(CopySource={"Bucket": original.bucket, "Key": key}, Bucket=copy.bucket, Key=key)


def _copy_raw(original: Lake, copy: Lake) -> None:
    """Every version of everything in `raw/`, in the order in which it landed."""
    pages = original.s3.get_paginator("list_object_versions").paginate(Bucket=original.bucket, Prefix=RAW)
    by_key: dict[str, list[str]] = defaultdict(list)
    for page in pages:
        for entry in page.get("Versions", []):
            by_key[entry["Key"]].insert(0, entry["VersionId"])
    for key, versions in by_key.items():
        for version in versions:
            body = original.s3.get_object(Bucket=original.bucket, Key=key, VersionId=version)["Body"].read()
            copy.s3.put_object(Bucket=copy.bucket, Key=key, Body=body, Metadata={"version-of-the-test": version})
