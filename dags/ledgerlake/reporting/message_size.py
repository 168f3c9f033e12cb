"""The size of a notification: SNS takes 262,144 bytes, and Step Functions hand no more from one state to the next."""

from __future__ import annotations

import json
from collections.abc import Sequence

from ledgerlake.display import display_text

MOST = 180_000
"""So many bytes a notification has as JSON in ASCII, which is never less than in UTF-8.

What is left to 256 KiB is for the failures that ReportETLRun returns with it, and for what Lambda adds."""
_LINE = 8000
"""So many characters a line keeps in a notification that is too large."""


def fit(subject: str, lines: Sequence[str], next_step: str) -> str:
    """Return the body of these lines, cut at a whole line where it would be too large.

    Args:
        next_step: the command that shows what was cut.
    """
    if _size(subject) + sum(map(_size, lines)) <= MOST:
        return "\n".join(lines)
    return _cut(subject, [display_text(line, _LINE) for line in lines], next_step)


def _cut(subject: str, lines: Sequence[str], next_step: str) -> str:
    room = MOST - _size(subject) - _size(_last(len(lines), next_step))
    kept = []
    for line in lines:
        room -= _size(line)
        if room < 0:
            break
        kept.append(line)
    left = len(lines) - len(kept)
    return "\n".join([*kept, _last(left, next_step)] if left else kept)


def _last(lines: int, next_step: str) -> str:
    return f"… and {lines:,} more line{'' if lines == 1 else 's'}; next step: {next_step}"


def _size(line: str) -> int:
    """Return the bytes of a line and its break; the quotes of JSON stand for the break."""
    return len(json.dumps(line))
