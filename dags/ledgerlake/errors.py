"""Errors that carry facts and the remedy.

Glue, Lambda and Airflow each show the last line of an exception to the person who is woken by
it, so the text is one line: what was seen, what was expected, and what to do.
"""

from __future__ import annotations

from ledgerlake.display import display_text


class LedgerlakeError(Exception):
    """An error that names the observation, the expectation and the remedy.

    Args:
        seen: what was found, with the names and values that identify it.
        expected: what should have been there; empty where that is obvious.
        remedy: what to do about it, as a command where there is one.
    """

    def __init__(self, seen: str, *, expected: str = "", remedy: str = "") -> None:
        """Keep the three parts of the message."""
        self.seen, self.expected, self.remedy = seen, expected, remedy
        super().__init__(seen)  # the only positional argument, or it could not be unpickled

    def __str__(self) -> str:
        """Return the parts as one line that is safe to display."""
        parts = [self.seen]
        if self.expected:
            parts.append(f"expected {self.expected}")
        if self.remedy:
            parts.append(f"next step: {self.remedy}")
        return "; ".join(display_text(" ".join(part.split()), None) for part in parts)


class ContractError(LedgerlakeError):
    """A contract contradicts itself; raised where it is declared, at import."""


class SettingsError(LedgerlakeError):
    """The environment names a setting that does not exist or has no valid value."""


class ConservationError(LedgerlakeError):
    """The rows that were read and the rows that are accounted for differ."""


class VerdictError(LedgerlakeError):
    """The MERGE changed other rows than the verdict expects."""


class QualityError(LedgerlakeError):
    """More rows of a batch were rejected than its contract allows; the batch is quarantined."""


class QuarantineError(LedgerlakeError):
    """A quarantined batch cannot be dropped as requested."""


class SelectionError(LedgerlakeError):
    """A request selects dates or datasets that cannot be processed again."""


class LeaseTaken(LedgerlakeError):
    """Another run holds the lease of the lake."""


class ArchiveError(LedgerlakeError):
    """A delivery could not be moved to the archive; its raw object was left where it was."""


class NotPublished(LedgerlakeError):
    """The ledger does not cover every delivery of a batch that is to be archived or closed."""


class NotArchived(LedgerlakeError):
    """Deliveries of a batch that is to be closed still lie in `raw/`."""


class NotClosed(LedgerlakeError):
    """A batch is published and archived, and still open."""


class BatchNotFound(LedgerlakeError):
    """No batch of that name exists in the place that was searched."""


class DamagedControlObject(LedgerlakeError):
    """A control object is damaged, and so is every earlier version of it."""
