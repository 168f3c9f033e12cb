"""What a lake at rest must hold, worked out from the delivered files alone, and how it differs from what it holds.

The judge is the reference model of `tests/laws`, which shares no line with the product. Of the product's own words only
the names of the archive's keys are believed, and only after each of them was compared with what was delivered.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from datetime import date, datetime
from typing import Any

import deltalake
import pyarrow as pa
import pyarrow.parquet as pq
from laws.model import DATASETS, FATES, KEYS, Delivered, Truth, names, truth
from laws.schedules import OLD
from whole_lake import Lake

from ledgerlake import keys
from local.aws_clients import storage_options

Put = tuple[str, str, str]
"""A delivery as its producer knows it: raw key, version id, body."""


def differences(lake: Lake, puts: list[Put]) -> list[str]:
    """One line for each fact in which the lake is not what its deliveries make of it."""
    archived, lines = _archived(lake, puts)
    if lines:
        return lines
    expected = truth((each, OLD) for each in archived)
    found = [*_of_tables(lake, expected), *_of_rows_apart(lake, expected), *_of_ledger(lake, archived, expected)]
    return [*found, *_left_over(lake)]


def _archived(lake: Lake, puts: list[Put]) -> tuple[list[Delivered], list[str]]:
    """The deliveries with the times at which they landed; and which are missing, doubled or changed."""
    s3 = lake.client("s3")
    wanted = {_id(key, version): (key, body) for key, version, body in puts}
    found, lines = [], []
    for key in lake.keys(keys.ARCHIVED):
        raw_key, landed_at, delivery_id = keys.archived_from(key) or ("", "", "")
        body = s3.get_object(Bucket=lake.bucket, Key=key)["Body"].read().decode()
        if wanted.pop(delivery_id, None) != (raw_key, body):
            lines.append(f"archive: {key} is no delivery, or is there twice, or is not what was delivered")
            continue
        found.append(Delivered(raw_key.split("/")[1], landed_at, raw_key, body))
    lines += [f"archive: {key} is missing" for key, _ in wanted.values()]
    return found, lines


def _id(key: str, version: str) -> str:
    return hashlib.sha256(f"{key}\n{version}".encode()).hexdigest()[:20]


def _of_tables(lake: Lake, expected: Truth) -> list[str]:
    lines = []
    for dataset in DATASETS:
        where = f"s3://{lake.bucket}/{keys.table_prefix(dataset)}"
        table = deltalake.DeltaTable(where, storage_options=storage_options(lake.home)).to_pyarrow_table()
        held = Counter(
            (row[KEYS[dataset]], _version(row), tuple(_plain(row[name]) for name in names(dataset)))
            for row in table.to_pylist()
        )
        wanted = Counter(
            (key, tuple(row.version), tuple(map(_plain, row.content))) for key, row in expected.tables[dataset].items()
        )
        lines += _compared(f"table {dataset}", held, wanted)
    return lines


def _of_rows_apart(lake: Lake, expected: Truth) -> list[str]:
    """Parked and rejected rows."""
    lines = []
    for dataset in DATASETS:
        parked = Counter((row[KEYS[dataset]], _version(row)) for row in _parquet(lake, keys.parked_prefix(dataset)))
        wanted = Counter((key, tuple(version)) for key, version in expected.parked[dataset])
        lines += _compared(f"parked {dataset}", parked, wanted)
        rejected = Counter(
            (row["source_file"], _plain(row["landed_at"]), row["source_row"], row["original"])
            for row in _parquet(lake, keys.rejected_prefix(dataset))
        )
        wanted = Counter(
            (file, landed_at, reject.row, reject.original)
            for (landed_at, file), rejects in expected.rejects.items()
            for reject in rejects
            if file.split("/")[1] == dataset
        )
        lines += _compared(f"rejected {dataset}", rejected, wanted)
    return lines


def _of_ledger(lake: Lake, archived: list[Delivered], expected: Truth) -> list[str]:
    """Every delivery is accounted for, each sum holds, and the sums are what tables hold."""
    entries = [
        {**row, "dataset": key.split("dataset=")[1].split("/")[0]}
        for key in lake.keys(keys.LEDGER)
        for row in pq.read_table(pa.BufferReader(_body(lake, key))).to_pylist()
    ]
    lines = [
        f"ledger: {entry['source_file']} of {entry['batch_id']}: {came} rows came, {went} are accounted for"
        for entry in entries
        if (came := entry["rows_read"] + entry["released"]) != (went := sum(entry[fate] for fate in FATES))
    ]
    last: dict[tuple[str, str], dict[str, Any]] = {}
    held: dict[str, int] = defaultdict(int)
    for entry in sorted(entries, key=lambda each: each["finished_at"]):
        held[entry["dataset"]] += entry["inserted"] - entry["withdrawn"]
        if not entry["restored"] and not entry["released"]:
            last[_plain(entry["landed_at"]), entry["source_file"]] = entry
    for delivered in archived:
        entry, rejects = last.get(delivered.name), expected.rejects[delivered.name]
        if entry is None or entry["rejected"] != len(rejects):
            lines.append(f"ledger: {delivered.file} of {delivered.landed_at}: {entry}, rejects {len(rejects)}")
    for dataset in DATASETS:
        if held[dataset] != len(expected.tables[dataset]):
            lines.append(f"ledger: {held[dataset]} rows of {dataset}, but {len(expected.tables[dataset])} are due")
    return lines


def _left_over(lake: Lake) -> list[str]:
    """What a lake at rest does not have."""
    prefixes = (keys.OPEN_BATCHES, keys.QUARANTINED, "control/publishing/")
    return [f"left over: {key}" for prefix in prefixes for key in lake.keys(prefix)]


def _compared(where: str, held: Counter[Any], wanted: Counter[Any]) -> list[str]:
    return [
        *(f"{where}: only the lake has {fact}" for fact in sorted(held - wanted, key=repr)),
        *(f"{where}: missing is {fact}" for fact in sorted(wanted - held, key=repr)),
    ]


def _parquet(lake: Lake, prefix: str) -> list[dict[str, Any]]:
    return [row for key in lake.keys(prefix) for row in pq.read_table(pa.BufferReader(_body(lake, key))).to_pylist()]


def _body(lake: Lake, key: str) -> bytes:
    body: bytes = lake.client("s3").get_object(Bucket=lake.bucket, Key=key)["Body"].read()
    return body


def _version(row: dict[str, Any]) -> tuple[str, str, int]:
    return _plain(row["_landed_at"]), row["_source_file"], row["_source_row"]


def _plain(value: Any) -> Any:
    """Times and days as text, times as landing times are."""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return str(value) if isinstance(value, date) else value
