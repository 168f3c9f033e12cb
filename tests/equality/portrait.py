"""Contents and notifications of a lake, in a form that does not depend on time and orchestrator."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from typing import Any

import deltalake
import pyarrow as pa
import pyarrow.parquet as pq
from whole_lake import Lake

from ledgerlake import keys, names
from ledgerlake.contracts import DATASETS
from ledgerlake.tables.checks import checks
from local.aws_clients import storage_options

_RUN_OF_ITS_OWN = {"batch_id", "_batch_id", "landed_at", "_landed_at", "finished_at"}
_COST = re.compile(r"^Cost: (at least )?\$.*$", re.MULTILINE)
"""The cost of a run depends on the orchestrator: only the presence of its line is the same."""
_COMPARED_OF_RUNS = ("deliveries", "crawls", "queries", "unknown", "prices_of")
"""Not how often a job or a request was tried, which a busy machine decides."""
_BATCH = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{8}")
Part = Counter[tuple[Any, ...]]


def portrait(lake: Lake) -> dict[str, Part]:
    """By part of the lake, its facts and how often each is there."""
    batches = {name: f"batch {number}" for number, name in enumerate(_batches(lake), 1)}
    parts: dict[str, Part] = {
        "ledger": Counter(_rows(lake, keys.LEDGER, batches)),
        "archive": Counter(_archived(lake)),
        "raw": Counter((key,) for key in lake.keys(keys.RAW)),
        "open batches": Counter((key,) for key in lake.keys(keys.OPEN_BATCHES)),
        "messages": Counter({(names.QUEUE,): lake.messages_in_queue()}),
        "catalogue": Counter(_catalogue(lake)),
        "checks": Counter(_checks(lake)),
        "notifications": Counter(_notifications(lake, batches)),
        "runs": Counter(_runs(lake, batches)),
    }
    for name in DATASETS:
        parts[f"table {name}"], parts[f"partitions of {name}"] = _table(lake, name, batches)
        parts[f"rejected_{name}"] = Counter(_rows(lake, keys.rejected_prefix(name), batches))
        parts[f"parked_{name}"] = Counter(_rows(lake, keys.parked_prefix(name), batches))
    return parts


def differences(one: dict[str, Part], other: dict[str, Part], names: tuple[str, str]) -> list[str]:
    """One line for each fact that only one of two lakes has."""
    lines = []
    for part in sorted(one.keys() | other.keys()):
        for name, more, less in ((names[0], one, other), (names[1], other, one)):
            only = more.get(part, Counter()) - less.get(part, Counter())
            lines += [f"{part}: only by {name}: {' | '.join(map(str, fact))}" for fact in sorted(only, key=str)]
    return lines


def _batches(lake: Lake) -> list[str]:
    manifests = [key for key in lake.keys(keys.BATCHES) if key.count("/") == 1]
    return sorted(key.removeprefix(keys.BATCHES).removesuffix(".json") for key in manifests)


def _table(lake: Lake, dataset: str, batches: dict[str, str]) -> tuple[Part, Part]:
    where = f"s3://{lake.bucket}/{keys.table_prefix(dataset)}"
    table = deltalake.DeltaTable(where, storage_options=storage_options(lake.home))
    partition = DATASETS[dataset].partition_by[0]
    rows = table.to_pyarrow_table().to_pylist()
    return Counter(_fact(row, batches) for row in rows), Counter((str(row[partition]),) for row in rows)


def _rows(lake: Lake, prefix: str, batches: dict[str, str]) -> list[tuple[Any, ...]]:
    s3 = lake.client("s3")
    found = []
    for key in lake.keys(prefix):
        body = s3.get_object(Bucket=lake.bucket, Key=key)["Body"].read()
        part = re.search(r"dataset=(\w+)/", key)
        found += [
            _fact(row, batches) + ((part[1],) if part else ())
            for row in pq.read_table(pa.BufferReader(body)).to_pylist()
        ]
    return found


def _fact(row: dict[str, Any], batches: dict[str, str]) -> tuple[Any, ...]:
    """The row's values with the number of its batch, without times."""
    batch = batches.get(str(row.get("batch_id") or row.get("_batch_id")), "?")
    return (batch, *(f"{name}={row[name]}" for name in sorted(row) if name not in _RUN_OF_ITS_OWN))


def _archived(lake: Lake) -> list[tuple[str, str, str]]:
    """Folder, name and content; what stands between them is the moment of landing and the version."""
    s3 = lake.client("s3")
    found = []
    for key in lake.keys(keys.ARCHIVED):
        body = s3.get_object(Bucket=lake.bucket, Key=key)["Body"].read()
        original = keys.archived_from(key)
        assert original is not None, key
        found.append((original[0], str(len(body)), hashlib.sha256(body).hexdigest()[:12]))
    return found


def _catalogue(lake: Lake) -> list[tuple[str, ...]]:
    pages = lake.client("glue").get_paginator("get_tables").paginate(DatabaseName=names.DATABASE)
    return [
        (table["Name"], table["StorageDescriptor"]["Location"], f"{column['Name']} {column['Type']}")
        for page in pages
        for table in page["TableList"]
        for column in (*table["StorageDescriptor"]["Columns"], *table.get("PartitionKeys", []))
    ]


def _checks(lake: Lake) -> list[tuple[str, str]]:
    """How each check ended, once for every time it was asked."""
    athena = lake.client("athena")
    known = {check.sql: check.name for check in checks()}
    pages = athena.get_paginator("list_query_executions").paginate(WorkGroup=names.WORKGROUP)
    found = []
    for page in pages:
        for query_id in page["QueryExecutionIds"]:
            asked = athena.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]
            if asked["Query"] in known:
                answer = athena.get_query_results(QueryExecutionId=query_id)["ResultSet"]["Rows"][1:]
                found.append((known[asked["Query"]], f"{asked['Status']['State']}, {len(answer)} rows"))
    return found


def _runs(lake: Lake, batches: dict[str, str]) -> list[tuple[str, ...]]:
    """What of each run's record does not depend on who ran it."""
    s3 = lake.client("s3")
    bodies = (s3.get_object(Bucket=lake.bucket, Key=key)["Body"].read() for key in lake.keys(keys.RUNS))
    records = [json.loads(body) for body in bodies]
    return [
        (batches.get(record["batch_id"], "?"), *(f"{name}={record[name]}" for name in _COMPARED_OF_RUNS))
        for record in records
    ]


def _notifications(lake: Lake, batches: dict[str, str]) -> list[tuple[str, str]]:
    def plain(text: str) -> str:
        return _COST.sub("Cost: its own", _BATCH.sub(lambda found: batches.get(found[0], "?"), text))

    return [(plain(notification["Subject"]), plain(notification["Message"])) for notification in lake.notifications()]
