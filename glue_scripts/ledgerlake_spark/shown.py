"""Texts from files as people are shown them in reasons: short, and with nothing in them that hides."""

from __future__ import annotations

SHOWN = 200
"""So many characters of an offending value are shown in a reason; the original text keeps them all."""

# Control characters have pictures (␀ ␉ ␊ …). What has none, but would turn the text around, break its
# line or not be seen at all, is shown as �.
_PICTURES = {code: chr(0x2400 + code) for code in range(0x20)} | {0x7F: "\u2421"}
_HIDDEN = [*range(0x80, 0xA0), *range(0x200B, 0x2010), *range(0x2028, 0x202F), *range(0x2066, 0x206A), 0xFEFF]
_VISIBLE = _PICTURES | dict.fromkeys(_HIDDEN, "\ufffd")


def shown(text: str, most: int = SHOWN) -> str:
    """The beginning of `text`, with its control characters made visible."""
    return text[:most].translate(_VISIBLE)


def shown_sql(text: str) -> str:
    """SQL that does to the SQL expression `text` what `shown` does."""
    hidden = "".join(f"\\u{code:04x}" for code in _VISIBLE)
    return f"translate(left({text}, {SHOWN}), '{hidden}', '{''.join(_VISIBLE.values())}')"


def literal(text: str) -> str:
    """`text` as a SQL literal, in which Spark would take a backslash for an escape and `${x}` for a variable."""
    return "'" + "".join(f"\\u{ord(c):04x}" if c in "\\'$" or ord(c) < 0x20 else c for c in text) + "'"
