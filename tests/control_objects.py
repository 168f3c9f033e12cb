"""Control objects for tests, whole, and as little in them as there can be."""

from __future__ import annotations

from typing import Any

NOW = "2025-04-01T12:00:00.000000Z"


def summary(**changed: Any) -> dict[str, Any]:
    """The summary of a stage that holds nothing but what is given."""
    empty = {"attempt": "0a1b2c3d", "made_by": "code", "seen": {}, "arrivals": [], "entries": [], "parking": []}
    return empty | {"replaced": 0, "touched": [], "unknown": {}} | changed


def manifest(batch_id: str, **changed: Any) -> dict[str, Any]:
    """The manifest of a batch without deliveries."""
    return {"batch_id": batch_id, "planned_at": NOW, "datasets": [], "deliveries": [], "owner": ""} | changed
