"""What became of delivered files, as the lake's readers see it: tables, rejects, parking, job answers."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from inputs.cases import Case

from ledgerlake import keys
from ledgerlake.contracts import DATASETS, Dataset, QualityLimit, Rule

ANYTHING = QualityLimit(reject_share=1.0, file_share=1.0)  # a folder full of bad files is no reason to stop here


def _changed(dataset: Dataset, columns: dict[str, dict[str, Any]] | None = None, **changes: Any) -> Dataset:
    mine = tuple(dataclasses.replace(column, **(columns or {}).get(column.name, {})) for column in dataset.columns)
    return dataclasses.replace(dataset, columns=mine, quality=ANYTHING, **changes)


_ORDERS = DATASETS["orders"]

CONTRACTS: dict[str, dict[str, Dataset]] = {
    "shop": {name: _changed(dataset) for name, dataset in DATASETS.items()},
    "european": {
        "orders": _changed(
            _ORDERS,
            {"order_num": {"thousands": ".", "decimal": ","}, "total_amount": {"thousands": ".", "decimal": ","}},
            delimiter=";",
        )
    },
    "tabs": {
        "orders": _changed(
            _ORDERS, {"order_num": {"thousands": ","}, "total_amount": {"thousands": ","}}, delimiter="\t"
        )
    },
    "pipes": {
        "orders": _changed(
            _ORDERS,
            {"total_amount": {"thousands": " ", "required": False}},
            delimiter="|",
            null_words=("\\N", "o'clock", "-"),
            formats=(".csv.gz",),
            rules=(
                Rule("share_positive", "total_amount / order_num > 0", shows=("total_amount", "order_num")),
                Rule("user_known", "user_id > 0 or total_amount is null", shows=("user_id",)),
            ),
        )
    },
    "money": {"orders": _changed(_ORDERS, {"total_amount": {"type": "decimal(12,2)"}})},
}
"""By folder of `cases/`, what the datasets in it must look like: today's contracts, or changed ones."""


def judged(lake: Any, dataset: str, unknown: dict[str, list[str]]) -> dict[str, dict[str, Any]]:
    """By file, what became of it and of each of its rows.

    Args:
        unknown: as the job's answer gives it.
    """
    found: dict[str, dict[str, Any]] = {}

    def of(source_file: str) -> dict[str, Any]:
        name = source_file.removeprefix(keys.raw_prefix(dataset))
        return found.setdefault(name, {"file": [], "rows": {}, "unknown": unknown.get(source_file, [])})

    for entry in lake.ledger():
        if entry["source_file"].startswith(keys.raw_prefix(dataset)):
            of(entry["source_file"])
    for row in _table(lake, dataset):
        of(row.pop("_source_file"))["rows"][row.pop("_source_row")] = {"accepted": row}
    for row in lake.parked(dataset):
        of(row["_source_file"])["rows"][row["_source_row"]] = {"parked": row["missing"]}
    for row in lake.parquet(keys.rejected_prefix(dataset)):
        file, number = of(row["source_file"]), row["source_row"]
        if number is None:
            file["file"] += row["reasons"]
        else:
            file["rows"][number] = {"rejected": row["reasons"], "original": row["original"]}
    return found


_AS_TEXT = ("date", "timestamp", "decimal")


def _table(lake: Any, dataset: str) -> Iterable[dict[str, Any]]:
    # Python's own datetime is not sure of the first and the last years.
    kinds = {field.name: field.dataType.typeName() for field in lake.table(dataset).read().schema}
    columns = [
        f"cast({column.name} as string) as {column.name}" if kinds[column.name] in _AS_TEXT else column.name
        for column in DATASETS[dataset].columns
    ]
    rows = lake.table(dataset).read().selectExpr(*columns, "_source_file", "_source_row")
    return [row.asDict() for row in rows.collect()]


def seen(case: Case, outcome: dict[str, Any]) -> dict[str, Any]:
    """`outcome` cut down to what the case speaks of: of accepted rows, the values that it names."""
    expected = case.expected()["rows"]
    rows = {}
    for number, row in sorted(outcome["rows"].items()):
        wanted = expected.get(number, {})
        if "accepted" in row and "accepted" in wanted:
            row = {"accepted": {name: row["accepted"].get(name) for name in wanted["accepted"]}}
        elif "rejected" in row and "original" not in wanted:
            row = {"rejected": row["rejected"]}
        rows[number] = row
    return {"file": [_begun(case, reason) for reason in outcome["file"]], "rows": rows, "unknown": outcome["unknown"]}


def _begun(case: Case, reason: str) -> str:
    """The expected reason when it ends in … and `reason` begins so."""
    expected = case.file or ""
    return expected if expected.endswith("…") and reason.startswith(expected[:-1]) else reason
