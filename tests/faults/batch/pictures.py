"""Everything that a lake holds, in words that two lakes with the same deliveries have in common."""

from __future__ import annotations

import json
from collections import defaultdict
from hashlib import sha256
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from spark_lake import Lake

from ledgerlake import keys as lake_keys
from ledgerlake.contracts import DATASETS
from ledgerlake.intake.deliveries import Delivery
from ledgerlake.planning import batch
from ledgerlake.tables.catalogue import delta_columns


def picture(lake: Lake) -> dict[str, Any]:
    """Tables with lineage, rejects, parked rows, ledger, archive, what waits, and every marker."""
    names = _Names(lake)
    keys = _keys(lake, "")
    made = batch.loaded_tables(lake.s3, lake.bucket)
    return {
        **{f"table {name}": names.sorted(_table(lake, name)) for name in made},
        **{
            f"{kind} {name}": sorted(names.sorted(_parquet(lake, key)) for key in _keys(lake, prefix))
            for name in DATASETS
            for kind, prefix in (
                ("rejected", lake_keys.rejected_prefix(name)),
                ("parked", lake_keys.parked_prefix(name)),
            )
        },
        "ledger": sorted(
            line
            for key in _keys(lake, lake_keys.LEDGER)
            for line in names.sorted(_parquet(lake, key), key.split("/")[1])
        ),
        "commits": {name: names.sorted(_commits(lake, name)) for name in made},
        "archived": sorted((names.of_archived(key), _digest(lake, key)) for key in keys if key.startswith("archived/")),
        "raw": sorted(_versions(lake)),
        "markers": sorted(
            names.plain(key)
            for key in keys
            if key.startswith((lake_keys.OPEN_BATCHES, "control/publishing/", lake_keys.QUARANTINED))
        ),
    }


class _Names:
    """Names that do not depend on the lake, for its deliveries and batches."""

    def __init__(self, lake: Lake) -> None:
        batches = [batch.load(lake.s3, lake.bucket, name) for name in _batches(lake)]
        self.batches = {each.batch_id: f"batch {number}" for number, each in enumerate(batches)}
        deliveries = sorted({delivery for each in batches for delivery in each.deliveries})
        versions: dict[str, list[Delivery]] = defaultdict(list)
        for delivery in deliveries:
            if delivery.landed_at not in [known.landed_at for known in versions[delivery.key]]:
                versions[delivery.key].append(delivery)
        self.arrivals = {
            (key, delivery.landed_at): f"{key} {number}"
            for key, several in versions.items()
            for number, delivery in enumerate(several)
        }
        self.archive = {each.archive_key: self.arrivals[each.key, each.landed_at] for each in deliveries}

    def sorted(self, rows: list[dict[str, Any]], *more: str) -> list[str]:
        return sorted(json.dumps([*more, {name: self._value(row, name) for name in row}]) for row in rows)

    def _value(self, row: dict[str, Any], name: str) -> Any:
        value = row[name]
        if name == "finished_at":
            return None
        if name in ("landed_at", "_landed_at"):
            text = value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            return self.arrivals[row["source_file" if name == "landed_at" else "_source_file"], text]
        if name in ("batch_id", "_batch_id"):
            return self.batches[value]
        return value if isinstance(value, int | float | list) or value is None else str(value)

    def of_archived(self, key: str) -> str:
        return self.archive[key]

    def plain(self, key: str) -> str:
        for batch_id, name in self.batches.items():
            key = key.replace(batch_id, name)
        return key


def _batches(lake: Lake) -> list[str]:
    """All batches, at the end those whose planner died before it opened them."""
    keys = _keys(lake, "")
    names = [
        key.removeprefix(lake_keys.BATCHES).removesuffix(".json") for key in keys if key.startswith(lake_keys.BATCHES)
    ]
    done = "".join(key for key in keys if key.startswith((lake_keys.OPEN_BATCHES, lake_keys.LEDGER)))
    return sorted((name for name in names if "/" not in name), key=lambda name: (name not in done, name))


def _table(lake: Lake, name: str) -> list[dict[str, Any]]:
    columns = [column for column, _ in delta_columns(DATASETS[name])]
    return [row.asDict() for row in lake.table(name).read().select(*columns).collect()]


def _commits(lake: Lake, name: str) -> list[dict[str, Any]]:
    """Of batches, each with the number of rows that it wrote."""
    history = lake.spark.sql(f"describe history delta.`{lake.table(name).path}`").where("userMetadata is not null")
    return [
        {
            "batch_id": json.loads(row.userMetadata)["batch_id"],
            **{what: row.operationMetrics.get(f"numTargetRows{what}") for what in ("Inserted", "Updated", "Deleted")},
        }
        for row in history.collect()
    ]


def _keys(lake: Lake, prefix: str) -> list[str]:
    pages = lake.s3.get_paginator("list_objects_v2").paginate(Bucket=lake.bucket, Prefix=prefix)
    return sorted(entry["Key"] for page in pages for entry in page.get("Contents", []))


def _versions(lake: Lake) -> list[str]:
    pages = lake.s3.get_paginator("list_object_versions").paginate(Bucket=lake.bucket, Prefix=lake_keys.RAW)
    return [entry["Key"] for page in pages for entry in page.get("Versions", []) + page.get("DeleteMarkers", [])]


def _digest(lake: Lake, key: str) -> str:
    return sha256(lake.s3.get_object(Bucket=lake.bucket, Key=key)["Body"].read()).hexdigest()


def _parquet(lake: Lake, key: str) -> list[dict[str, Any]]:
    body = lake.s3.get_object(Bucket=lake.bucket, Key=key)["Body"].read()
    return pq.read_table(pa.BufferReader(body)).to_pylist()
