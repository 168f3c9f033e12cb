"""What the jobs have written down about a batch beside the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ledgerlake import places
from ledgerlake.contracts import DATASETS
from ledgerlake.storage import get_json


def summaries(s3: Any, bucket: str, batch_id: str) -> dict[str, dict[str, Any]]:
    """By dataset, what its job has written down; datasets without a stage are left out."""
    found = {name: get_json(s3, bucket, places.stage_summary(batch_id, name)) for name in DATASETS}
    return {name: summary for name, summary in found.items() if summary}


def unknown_columns(summaries: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, list[str]]]:
    """By dataset and raw key: the columns that the contract does not have; datasets without any are left out."""
    return {name: summary["unknown"] for name, summary in summaries.items() if summary.get("unknown")}
