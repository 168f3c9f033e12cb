"""One request in ten meets a fault of S3, all through a batch, and nothing shows it."""

from __future__ import annotations

import gzip
import random
import tracemalloc

import boto3
import pytest
from between import FAULTS, Between, Fate, on_a_bad_day
from pictures import picture
from shop import ORDERS, item, items, order, orders, product, products
from spark_lake import Lake
from victims import start, wait

from ledgerlake.contracts import DATASETS
from ledgerlake.planning import batch
from ledgerlake.settings import Settings
from ledgerlake.storage.objects import client_config
from ledgerlake.storage.resumable import StorageFailed
from ledgerlake_glue import objects, row_files
from ledgerlake_glue.csv_files import Rows


def deliver_two_days(lake: Lake) -> None:
    """With something for every step: rejects, parked and released rows, corrections, a broken file, a long one."""
    lake.deliver("products", "a.csv", products(*(product(number) for number in range(1, 300)), "x,1,Home,Sofa"))
    lake.deliver("orders", "a.csv", orders(*(order(number) for number in range(1, 300)), order(7, 8.0), "z"))
    lake.deliver("order_items", "a.csv", items(*(item(number, 1 + number % 400) for number in range(20_000)), "x"))
    lake.deliver("order_items", "b.csv.gz", gzip.compress(items(item(1, 2), item(2, 999)).encode(), mtime=0))
    lake.deliver("order_items", "c.csv.gz", gzip.compress(items(item(3, 3)).encode(), mtime=0)[:-9])


@pytest.mark.parametrize("seed", [pytest.param(seed, marks=pytest.mark.long) for seed in (1, 2, 3)])
def test_a_batch_comes_out_the_same_on_a_bad_day(spark, s3_endpoint, tmp_path, seed):
    calm, rough = Lake(spark, Settings(gate="any")), Lake(spark, Settings(gate="any"))
    deliver_two_days(calm)
    calm.run()

    deliver_two_days(rough)
    with Between(s3_endpoint, on_a_bad_day(0.1, seed)) as gate:
        rough.s3 = boto3.client("s3", endpoint_url=gate.endpoint, config=client_config())
        planned = rough.plan()
        process = start(",".join(planned.datasets), gate.endpoint, rough.bucket, planned.batch_id, tmp_path)
        said = wait(process, tmp_path)
        assert process.returncode == 0, said
        for step in ("archive", "acknowledge"):
            process = start(step, gate.endpoint, rough.bucket, planned.batch_id, tmp_path)
            said = wait(process, tmp_path)
            assert process.returncode == 0, said
        print({str(fate): count for fate, count in gate.fates.items()})
        assert all(gate.fates[fate] > 3 for fate in FAULTS), gate.fates
    rough.s3 = objects.s3()
    assert batch.open_batches(rough.s3, rough.bucket) == []
    assert picture(rough) == picture(calm)


def large_delivery(lake: Lake, ending: str, rows: int = 200_000):
    """One delivery of some megabytes, also when it is zipped."""
    chance = random.Random(0)
    body = ORDERS.encode() + b"".join(
        f"{chance.getrandbits(30)},{number},1,2025-04-01T08:00:00,{chance.random()},2025-04-01\n".encode()
        for number in range(rows)
    )
    lake.deliver("orders", f"large.csv{ending}", gzip.compress(body, 1) if ending else body)
    return lake.plan().of("orders")[0]


@pytest.fixture
def read_through(s3_endpoint, monkeypatch):
    """`read_through(decide, lake, delivery)`: the ids of its orders, read through a gate."""

    def read(decide, lake, delivery):
        with Between(s3_endpoint, decide) as gate:
            s3 = boto3.client("s3", endpoint_url=gate.endpoint, config=client_config())
            monkeypatch.setattr(objects, "s3", lambda: s3)
            monkeypatch.setattr("time.sleep", lambda _: None)
            rows = Rows(lambda: objects.open_delivery(lake.bucket, delivery), DATASETS["orders"])
            return [number for piece in rows for number in piece["order_id"].to_pylist()], gate

    return read


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_a_file_is_read_row_by_row_however_often_it_breaks_off(s3_endpoint, read_through, ending):
    """Each piece is half of what was left, until little is left."""
    lake = Lake(None, Settings(gate="any"))
    delivery = large_delivery(lake, ending)
    left = iter([Fate.HALVED, Fate.REFUSED, Fate.UNHEARD, Fate.HALVED, Fate.DROPPED, Fate.HALVED, Fate.HALVED])
    numbers, gate = read_through(lambda _: next(left, Fate.PASSED), lake, delivery)
    assert numbers == [str(number) for number in range(200_000)]
    assert gate.fates[Fate.HALVED] == 4


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_a_file_that_s3_does_not_give_is_not_taken_for_a_broken_one(s3_endpoint, read_through, ending):
    lake = Lake(None, Settings(gate="any"))
    delivery = large_delivery(lake, ending)
    fates = iter([Fate.HALVED])
    with pytest.raises(StorageFailed, match=r"raw/orders/large\.csv.* could not be read beyond byte [1-9]"):
        read_through(lambda _: next(fates, Fate.REFUSED), lake, delivery)


def test_a_large_file_is_read_in_constant_memory(s3_endpoint, monkeypatch):
    lake = Lake(None, Settings(gate="any"))
    delivery = large_delivery(lake, "", rows=600_000)
    assert delivery.size > 30_000_000
    tracemalloc.start()
    try:
        with objects.open_delivery(lake.bucket, delivery) as stream:
            while stream.read(1 << 20):
                pass
        assert tracemalloc.get_traced_memory()[1] < 8_000_000
    finally:
        tracemalloc.stop()


class Reluctant:
    """An S3 that removes one object a request, and is too busy for the others."""

    def __init__(self):
        self.removed = []

    def delete_objects(self, Bucket, Delete):  # noqa: N803
        first, *others = [each["Key"] for each in Delete["Objects"]]
        self.removed.append(first)
        return {"Errors": [{"Key": key, "Code": "SlowDown"} for key in others]}


def test_what_s3_did_not_remove_is_removed_again(monkeypatch):
    s3 = Reluctant()
    monkeypatch.setattr(row_files, "s3", lambda: s3)
    monkeypatch.setattr("time.sleep", lambda _: None)
    row_files.remove(["a", "b", "c"], "lake")
    assert s3.removed == ["a", "b", "c"]
    with pytest.raises(StorageFailed, match=r"objects of lake could not be removed: .* \(SlowDown\)"):
        row_files.remove(list("abcdefgh"), "lake")
