"""SNS notification: a subject and a body within the limits of SNS."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ledgerlake.display import display_text
from ledgerlake.reporting.message_size import fit

SUBJECT_LIMIT = 100  # SNS rejects longer subjects, line breaks and anything but ASCII
NAMED = 10
"""The number of keys of a kind that a notification names; the others are counted."""


@dataclass(frozen=True)
class Notification:
    """A message to the topic's subscribers. The subject is cut to what SNS accepts."""

    title: str
    body: str

    @classmethod
    def of(cls, title: str, lines: Iterable[str], batch_id: str = "") -> Notification:
        """Return the notification of these lines; no key or value in them adds a line or exceeds the size limit.

        Args:
            batch_id: the batch whose ledger shows what does not fit.
        """
        next_step = f"ledgerlake ledger {batch_id}" if batch_id else "ledgerlake status"
        return cls(title, fit(_subject(title), [display_text(line, None) for line in lines], next_step))

    @property
    def subject(self) -> str:
        """The title as an SNS subject."""
        return _subject(self.title)


def _subject(title: str) -> str:
    line = display_text(" ".join(f"Ledgerlake: {title}".split()), None)
    return line.encode("ascii", "replace").decode()[:SUBJECT_LIMIT]
