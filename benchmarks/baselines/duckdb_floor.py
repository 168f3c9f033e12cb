"""Order items with DuckDB and delta-rs: the least that the same checks can cost on this machine.

    python -m benchmarks.baselines.duckdb_floor FOLDER BUCKET…

The rules are written out by hand. There is no ledger, no retry, no parking, no second delivery of a key from an
earlier batch; a rejected row has its reasons, and its number among the rows of the right width of its file.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import boto3
import duckdb
from deltalake import DeltaTable, write_deltalake

from benchmarks.timings import end_lap

_OPTIONS = {"AWS_ALLOW_HTTP": "true", "AWS_S3_ALLOW_UNSAFE_RENAME": "true"}
_READ = """
create table raw as
select *, row_number() over () as source_row
from read_csv({files}, header = true, all_varchar = true, filename = true, ignore_errors = true, store_rejects = true,
    rejects_limit = 0)"""
_TYPED = """
create view typed as
select source_row, filename,
    try_cast(trim(id) as bigint) as id,
    try_cast(trim(order_id) as bigint) as order_id,
    try_cast(trim(user_id) as bigint) as user_id,
    try_cast(nullif(trim(days_since_prior_order), '') as int) as days_since_prior_order,
    nullif(trim(days_since_prior_order), '') as days_text,
    try_cast(trim(product_id) as bigint) as product_id,
    try_cast(trim(add_to_cart_order) as int) as add_to_cart_order,
    case trim(reordered) when '1' then true when '0' then false end as reordered,
    try_cast(trim(order_timestamp) as timestamp) as order_timestamp,
    try_cast(trim(date) as date) as date,
    raw.id as t_id, raw.order_id as t_order_id, raw.user_id as t_user_id, raw.product_id as t_product_id,
    raw.order_timestamp as t_order_timestamp
from raw"""
_JUDGED = """
create table judged as
select *, list_filter([
    if(id is null, 'id: ' || coalesce(t_id, 'empty'), null),
    if(order_id is null, 'order_id: ' || coalesce(t_order_id, 'empty'), null),
    if(user_id is null, 'user_id: ' || coalesce(t_user_id, 'empty'), null),
    if(product_id is null, 'product_id: ' || coalesce(t_product_id, 'empty'), null),
    if(days_text is not null and days_since_prior_order is null, 'days: ' || days_text, null),
    if(days_since_prior_order < 0, 'days_not_negative: ' || days_text, null),
    if(add_to_cart_order is null, 'add_to_cart_order', null),
    if(add_to_cart_order < 1, 'cart_position_from_one', null),
    if(reordered is null, 'reordered', null),
    if(order_timestamp is null, 'order_timestamp: ' || coalesce(t_order_timestamp, 'empty'), null),
    if(date is null, 'date', null)], lambda x: x is not null) as reasons
from typed"""
_ACCEPTED = """
select {columns} from judged
where len(reasons) = 0 and order_id in (from orders) and product_id in (from products)
qualify row_number() over (partition by id order by source_row desc) = 1"""
_COLUMNS = (
    "id, order_id, user_id, days_since_prior_order, product_id, add_to_cart_order, reordered, order_timestamp, date"
)


def main(folder: str, *buckets: str) -> dict[str, Any]:
    """Load one bucket after the other in one process."""
    done = {}
    for bucket in buckets:
        own = Path(folder, bucket)
        own.mkdir()
        done[bucket] = load(bucket, str(own))
        end_lap()
    return done


def load(bucket: str, folder: str) -> dict[str, Any]:
    """Return rows read, rejected and accepted, and the seconds of each step."""
    seconds, clock = {}, time.monotonic()

    def step(name: str) -> None:
        nonlocal clock
        seconds[name], clock = time.monotonic() - clock, time.monotonic()

    files = _download(bucket, Path(folder))
    step("download")
    connection = duckdb.connect()
    connection.execute("set memory_limit = '8GB'")
    connection.execute(_READ.format(files=[str(file) for file in files]))
    step("read")
    for parent, key in (("orders", "order_id"), ("products", "product_id")):
        table = DeltaTable(f"s3://{bucket}/lakehouse-dwh/{parent}", storage_options=_OPTIONS)
        connection.register(f"{parent}_rows", table.to_pyarrow_dataset())
        connection.execute(f"create table {parent} as select distinct {key} from {parent}_rows")
    step("parents")
    connection.execute(_TYPED)
    connection.execute(_JUDGED)
    rejects = "select filename, source_row, reasons from judged where len(reasons) > 0"
    torn = "select file_path, line, [error_message] from reject_errors join reject_scans using (scan_id, file_id)"
    connection.execute(f"copy ({rejects} union all {torn}) to '{folder}/rejected.parquet' (compression zstd)")
    boto3.client("s3").upload_file(f"{folder}/rejected.parquet", bucket, "floor/rejected.parquet")
    step("judge")
    accepted = connection.execute(_ACCEPTED.format(columns=_COLUMNS)).to_arrow_reader(100_000)
    write_deltalake(  # type: ignore[call-overload]  # a reader of Arrow batches
        f"s3://{bucket}/floor/order_items", accepted, partition_by=["date"], mode="append", storage_options=_OPTIONS
    )
    step("write")
    counts = {
        "read": _count(connection, "raw"),
        "torn": _count(connection, "(select distinct file_id, line from reject_errors)"),
        "broken": _count(connection, "judged where len(reasons) > 0"),
    }
    return {"counts": counts, "seconds": seconds}


def _download(bucket: str, folder: Path) -> list[Path]:
    s3 = boto3.client("s3")
    keys = [
        entry["Key"]
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="raw/order_items/")
        for entry in page["Contents"]
    ]
    files = []
    for key in sorted(keys):
        files.append(folder / Path(key).name)
        s3.download_file(bucket, key, str(files[-1]))
    return files


def _count(connection: duckdb.DuckDBPyConnection, what: str) -> int:
    found = connection.execute(f"select count(*) from {what}").fetchone()
    assert found is not None
    return int(found[0])


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
