"""SQL for texts: literals, and values displayed in reasons as `ledgerlake.display` displays them."""

from __future__ import annotations

from ledgerlake.display import ELLIPSIS, HIDDEN, LONGEST, PICTURES, REPLACEMENT

# Lone surrogates are left out: Spark's texts are UTF-8, which has none.
_HIDDEN = "".join(f"\\x{{{first:x}}}-\\x{{{last:x}}}" for first, last in HIDDEN if first != 0xD800)


def display_sql(text: str) -> str:
    """Return SQL that does to the SQL expression `text` what `display_text` does; NULL stays NULL."""
    line = f"if(length({text}) > {LONGEST}, concat(left({text}, {LONGEST - 1}), '{ELLIPSIS}'), {text})"
    pictures = f"translate({line}, {literal(''.join(PICTURES))}, '{''.join(PICTURES.values())}')"
    return f"regexp_replace({pictures}, {literal(f'[{_HIDDEN}]')}, '{REPLACEMENT}')"


def literal(text: str) -> str:
    """Return `text` as a SQL literal, in which Spark would take a backslash for an escape, `${x}` for a variable."""
    return "'" + "".join(f"\\u{ord(c):04x}" if c in "\\'$\x7f" or ord(c) < 0x20 else c for c in text) + "'"
