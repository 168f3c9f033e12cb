"""The ledger: the fate of every row of every delivery.

One entry per batch, dataset and delivery. The first law holds for each:
`rows_read + released = inserted + updated + unchanged + superseded + rejected + parked`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from ledgerlake.errors import ConservationError

FATES = ("inserted", "updated", "unchanged", "superseded", "rejected", "parked")
COUNTS = ("rows_read", "files_rejected", "lines_rejected", "restored", "released", *FATES, "withdrawn")


@dataclass(frozen=True)
class LedgerEntry:
    """Fates of the rows of one delivery in one batch. Counts are rows.

    Args:
        source_file: the raw key.
        landed_at: as in the manifest.
        rows_read: as the reader counted them, apart from their fates; a file that is rejected whole
            counts as one row, read and rejected.
        files_rejected: 1 when the file was rejected whole, else 0. It and its lines are no terms of the law.
        lines_rejected: the lines of that file that are not blank, without the header; None where it is no text.
        restored: so many of them are rows of an earlier delivery that were read again because the
            row that hid them was withdrawn; the rest of that delivery was not read.
        released: rows parked by earlier batches that left the parking, whatever became of them;
            a row that is read again is counted as read, not as released.
        parked: rows that came into the parking now; those that stayed there are not counted.
        withdrawn: rows of the delivery taken out of the table, because by the rules of today they are
            not valid, or because their parent was; a row that is parked again is withdrawn and read.
        finished_at: when the entry was written.
    """

    batch_id: str
    dataset: str
    source_file: str
    landed_at: str
    rows_read: int = 0
    files_rejected: int = 0
    lines_rejected: int | None = None
    restored: int = 0
    released: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    superseded: int = 0
    rejected: int = 0
    parked: int = 0
    withdrawn: int = 0
    finished_at: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return the entry as the ledger holds it."""
        return asdict(self)


def check_balance(entries: list[LedgerEntry]) -> None:
    """Check the first law for every entry.

    Raises:
        ConservationError: names the first delivery whose rows are not all accounted for.
    """
    for entry in entries:
        came = entry.rows_read + entry.released
        went = sum(getattr(entry, fate) for fate in FATES)
        if came != went:
            fates = ", ".join(f"{getattr(entry, fate)} {fate}" for fate in FATES)
            raise ConservationError(
                f"{entry.dataset}: of {entry.source_file} {entry.rows_read} rows were read "
                f"and {entry.released} released, but {went} are accounted for ({fates})",
                expected="both sums to be equal; nothing was published",
                remedy=f"this is a defect of Ledgerlake: keep staging/{entry.batch_id}/ and report it",
            )


def totals(entries: list[LedgerEntry]) -> dict[str, int]:
    """Return the counts of all entries together, by column."""
    return {name: sum(getattr(entry, name) or 0 for entry in entries) for name in COUNTS}
