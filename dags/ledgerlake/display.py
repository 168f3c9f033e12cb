r"""Texts of producers made safe to print: in a terminal, a mail, a log line, a reason.

A key or a value may hold anything. Printed as it is, it can drive the terminal, turn a line around, forge a
paragraph of a notification, or look like another key. `display_text` prints it as one line in which every
character is seen:

- control characters, and with them escape sequences and line breaks, as their pictures (`␀ ␉ ␊ ␛ ␡`);
- characters that Unicode lets a program leave out, characters that set the direction of text, separators of
  lines and paragraphs, and what is no character (lone surrogates), as `�`.

The original is kept where the value is: in `rejected_<dataset>.original`, in S3, in JSON output.
"""

from __future__ import annotations

import json
import re

LONGEST = 200
"""So many characters of a text are displayed."""
ELLIPSIS = "…"
REPLACEMENT = "\ufffd"
PICTURES = {chr(code): chr(0x2400 + code) for code in range(0x20)} | {"\x7f": "\u2421"}
"""Control characters that have a picture, with it."""
HIDDEN = (
    (0x80, 0x9F),  # C1: U+009B begins an escape sequence, as ESC [ does
    (0xAD, 0xAD),  # soft hyphen
    (0x34F, 0x34F),
    (0x61C, 0x61C),  # Arabic letter mark
    (0x115F, 0x1160),  # Hangul fillers
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x200B, 0x200F),  # zero-width characters, direction marks
    (0x2028, 0x202F),  # line and paragraph separators, direction embeddings and overrides, narrow space
    (0x2060, 0x206F),  # word joiner, invisible operators, direction isolates
    (0x3164, 0x3164),
    (0xD800, 0xDFFF),  # lone surrogates: no encoding writes them
    (0xFE00, 0xFE0F),  # variation selectors
    (0xFEFF, 0xFEFF),  # byte order mark
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFFB),
    (0xFFFE, 0xFFFF),
    (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),  # tags, more variation selectors
)
"""Ranges of characters that act or hide, and have no picture."""
_HIDDEN = re.compile(f"[{''.join(f'{chr(first)}-{chr(last)}' for first, last in HIDDEN)}]")
_ESCAPED = re.compile(f"[\x7f{''.join(f'{chr(first)}-{chr(last)}' for first, last in HIDDEN)}]")
_PICTURES = str.maketrans(PICTURES)


def display_text(text: object, most: int | None = LONGEST) -> str:
    """Return `text` as one line of at most `most` characters, in which nothing acts or hides.

    Args:
        text: a key or a value; what is no string is written as `str` writes it.
        most: a longer text is cut, and ends in an ellipsis; None cuts nothing.
    """
    line = str(text)
    if most is not None and len(line) > most:
        line = line[: most - 1] + ELLIPSIS
    return _HIDDEN.sub(REPLACEMENT, line.translate(_PICTURES))


def display_json(text: str) -> str:
    """Return JSON that says the same, with every character that acts or hides escaped (`\\u202e`)."""
    return _ESCAPED.sub(lambda found: json.dumps(found[0])[1:-1], text)
