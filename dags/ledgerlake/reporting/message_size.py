"""Size limit of a notification: 262,144 bytes, both for SNS and between two states of Step Functions."""

from __future__ import annotations

import json
from collections.abc import Sequence

from ledgerlake.display import display_text

MOST = 180_000
"""The largest size in bytes of a notification as ASCII JSON, which is never smaller than its UTF-8 text.

The rest up to 256 KiB is for the failures that ReportETLRun returns with it, and for what Lambda adds."""
_LINE = 8000
"""The length in characters to which each line of an oversized notification is cut."""


def fit(subject: str, lines: Sequence[str], next_step: str) -> str:
    """Return the body of these lines, cut at a whole line if it would be too large.

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
    """Return the size of a line and its line break in bytes; the JSON quotes stand for the line break."""
    return len(json.dumps(line))
