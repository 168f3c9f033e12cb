"""What the jobs have written down about a batch beside the ledger."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from ledgerlake import keys
from ledgerlake.contracts import DATASETS
from ledgerlake.errors import DamagedControlObject
from ledgerlake.planning import control

log = logging.getLogger(__name__)


def summaries(s3: Any, bucket: str, batch_id: str) -> dict[str, dict[str, Any]]:
    """By dataset, what its job has written down; datasets without a stage that can be read are left out."""
    found = {name: summary(s3, bucket, batch_id, name) for name in DATASETS}
    return {name: each for name, each in found.items() if each}


def summary(s3: Any, bucket: str, batch_id: str, dataset: str) -> dict[str, Any] | None:
    """Return what the job has written down last; None when it is not there, or cannot be believed."""
    try:
        found = control.read(s3, bucket, control.STAGE_SUMMARY, keys.stage_summary(batch_id, dataset))
    except DamagedControlObject as error:
        log.warning("%s", error)
        return None
    return found.value if found else None


def blank_rows(summaries: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, int]]:
    """Return, by dataset and raw key, the number of rows without any value; datasets without any are left out."""
    return {name: summary["blank_rows"] for name, summary in summaries.items() if summary.get("blank_rows")}


def unknown_columns(summaries: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, list[str]]]:
    """By dataset and raw key: the columns that the contract does not have; datasets without any are left out."""
    return {name: summary["unknown"] for name, summary in summaries.items() if summary.get("unknown")}


def absent_columns(summaries: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, dict[str, int]]]:
    """By dataset, raw key and optional column that the file does not have: rows that lost a value by that."""
    return {name: summary["absent"] for name, summary in summaries.items() if summary.get("absent")}


def rejected_files(summaries: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """By raw key, why the file was rejected whole."""
    return {
        key: why
        for summary in summaries.values()
        for key, why in (summary.get("broken") or {}).items()
        if not why.startswith("missing_file")  # a deleted file is reported apart
    }
