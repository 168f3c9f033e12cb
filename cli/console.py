"""The two consoles of the command. What is printed is text: no markup, no escape sequence, no line that a value forges.

Keys, values and errors hold what producers wrote. So a string is one line here, and never markup, and characters that
act on a terminal or hide are made visible (`ledgerlake.display`). Style is given by `styled`, several lines by several
prints. `Text` and its markup are for constants alone. A test holds that `cli/` prints through these two and no others.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from rich.console import Console, RenderableType
from rich.status import Status
from rich.text import Text

from ledgerlake.display import display_text

_WIDTH_OF_A_LOG = 160


class PlainConsole(Console):
    """A console that takes strings for what they are."""

    def render_str(self, text: str, **more: Any) -> Text:
        """Render the text as it is: without markup, and safe for a terminal."""
        plain = {"markup": False, "emoji": False, "highlight": False}
        return super().render_str(display_text(text, None), **(more | plain))

    def status(self, status: RenderableType, **more: Any) -> Status:
        """Show a status whose text is rendered as it is."""
        return super().status(styled(status) if isinstance(status, str) else status, **more)


def styled(text: str, style: str = "") -> Text:
    """Return `text` as one line, made safe to print, in that style."""
    return Text(display_text(text, None), style=style)


def stacked(lines: Iterable[str]) -> Text:
    """Return the lines, each made safe to print, one below the other."""
    return Text("\n").join(map(styled, lines))


# Without a terminal rich assumes 80 columns, in which a ledger cannot be read.
stdout = PlainConsole(highlight=False, width=None if sys.stdout.isatty() else _WIDTH_OF_A_LOG)
stderr = PlainConsole(stderr=True, highlight=False, soft_wrap=True)
