"""The question to the ledger whose answer stands in the letter."""

from __future__ import annotations

from ledgerlake.ledger import COUNTS


def figures_sql(batch_id: str) -> str:
    """One row per dataset of the batch: files and sums of rows."""
    sums = ", ".join(f"sum({name}) AS {name}" for name in COUNTS)
    return (
        f"SELECT dataset, count(*) AS files, {sums} FROM ledger "
        f"WHERE batch_id = '{batch_id}' GROUP BY dataset ORDER BY dataset"
    )
