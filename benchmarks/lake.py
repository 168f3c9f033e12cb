"""A lake in a bucket of the lab: deliveries, plans, and what its tables hold."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
from deltalake import DeltaTable

from benchmarks.sandbox import Sandbox
from ledgerlake import keys
from ledgerlake.intake import deliveries
from ledgerlake.planning import batch
from ledgerlake.planning.batch import Batch
from ledgerlake.settings import Settings

COLUMNS = (
    "id, order_id, user_id, days_since_prior_order, product_id, add_to_cart_order, reordered, order_timestamp, date"
)


class Lake:
    """One bucket."""

    def __init__(self, sandbox: Sandbox, name: str) -> None:
        self.sandbox, self.s3, self.bucket = sandbox, sandbox.s3, sandbox.bucket(name)

    def deliver(self, dataset: str, files: Iterable[Path]) -> None:
        """Upload the files in their order."""
        for file in files:
            self.s3.upload_file(str(file), self.bucket, f"{keys.raw_prefix(dataset)}{file.name}")

    def put(self, dataset: str, name: str, body: str) -> None:
        """One delivery of that text."""
        self.s3.put_object(Bucket=self.bucket, Key=f"{keys.raw_prefix(dataset)}{name}", Body=body.encode())

    def waiting(self) -> list[str]:
        """Return the raw keys of what waits."""
        return [each.key for each in deliveries.waiting(self.s3, self.bucket).deliveries]

    def plan(self) -> Batch:
        """Return a batch of everything that waits."""
        planned = batch.plan(self.s3, self.bucket, Settings(gate="any"), datetime.now(UTC) + timedelta(seconds=5)).batch
        assert planned is not None, "nothing waits"
        return planned

    def planned(self) -> str:
        """Such a batch, as `benchmarks.ledgerlake_jobs` takes it."""
        return f"{self.bucket}/{self.plan().batch_id}"

    def plan_only(self, name: str) -> Batch:
        """Return a batch of its own of the one file of order items with that name."""
        waiting = deliveries.waiting(self.s3, self.bucket).deliveries
        found = [each for each in waiting if each.key.endswith(f"/order_items/{name}")]
        loaded = batch.loaded_tables(self.s3, self.bucket)
        return batch.make(self.s3, self.bucket, tuple(found), "benchmark", loaded, datetime.now(UTC))

    def copy_tables(self, other: Lake, *datasets: str) -> None:
        """Take over the tables of another lake, as they are."""

        def copy(key: str) -> None:
            self.s3.copy_object(CopySource={"Bucket": other.bucket, "Key": key}, Bucket=self.bucket, Key=key)

        for dataset in datasets:
            pages = self.s3.get_paginator("list_objects_v2").paginate(
                Bucket=other.bucket, Prefix=keys.table_prefix(dataset)
            )
            with ThreadPoolExecutor(12) as pool:
                list(pool.map(copy, [entry["Key"] for page in pages for entry in page.get("Contents", [])]))

    def checksum(self, prefix: str, columns: str = COLUMNS) -> tuple[Any, ...]:
        """Rows, sums and a checksum over `columns` of a Delta table of order items."""
        options = {
            "AWS_ENDPOINT_URL": self.sandbox.endpoint_url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1",
            "AWS_ALLOW_HTTP": "true",
        }
        rows = DeltaTable(f"s3://{self.bucket}/{prefix.rstrip('/')}", storage_options=options).to_pyarrow_dataset()
        with duckdb.connect() as connection:
            connection.register("rows", rows)
            connection.execute("set timezone = 'UTC'")
            typed = ", ".join(
                "cast(order_timestamp as timestamp) as order_timestamp" if name == "order_timestamp" else name
                for name in columns.split(", ")
            )
            found = connection.execute(
                f"select count(*), count(distinct id), sum(id), sum(product_id), bit_xor(hash(row({columns}))) "
                f"from (select {typed} from rows)"
            ).fetchone()
        assert found is not None
        return found
