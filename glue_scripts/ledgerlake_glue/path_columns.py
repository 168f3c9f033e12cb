"""Values that a row and the path of its file give to the same column."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from ledgerlake.contracts import Column
from ledgerlake.display import display_text

_SAME = {
    "bigint": (r"^[+]?(-?)0*([0-9]+)(?:[.]0*)?$", r"\1\2"),
    "int": (r"^[+]?(-?)0*([0-9]+)(?:[.]0*)?$", r"\1\2"),
    "date": (r"^(.{10})[T ]00:00(?::00(?:[.]0+)?)?Z?$", r"\1"),
}
"""By type: forms of one value that are written differently, and how to write them alike."""


def contradictions(texts: pa.Array, column: Column, value: str | None, null_words: Collection[str]) -> pa.Array:
    """Return for each text of the file why it contradicts the path; NULL where it does not.

    A field without a value contradicts nothing: a required column is reported as empty then.
    """
    trimmed = _alike(pc.utf8_trim_whitespace(texts), column)
    empty = pc.is_in(pc.utf8_lower(trimmed), value_set=pa.array(["", *(word.lower() for word in null_words)]))
    shown = "NULL" if value is None else display_text(value)
    expected = None if value is None else _alike(pa.array([value.strip()]), column)[0].as_py()
    same = pc.equal(trimmed, expected).fill_null(False) if expected is not None else empty
    wrong = pc.invert(pc.or_(pc.fill_null(empty, True), same)).fill_null(False)
    return _reasons(texts, wrong, f"path_contradicts: {column.name}=", f", where the path says {shown}")


def _reasons(texts: pa.Array, wrong: pa.Array, before: str, after: str) -> pa.Array:
    """Texts for the wrong rows alone: they are few."""
    said = [before + display_text(text) + after for text in texts.filter(wrong).to_pylist()]
    return pc.replace_with_mask(pa.nulls(len(texts), pa.string()), wrong, pa.array(said, pa.string()))


def _alike(texts: pa.Array, column: Column) -> pa.Array:
    if column.type not in _SAME:
        return texts
    pattern, replacement = _SAME[column.type]
    return pc.replace_substring_regex(texts, pattern=pattern, replacement=replacement)


def first_of(problems: pa.Array, others: Mapping[str, pa.Array]) -> pa.Array:
    """Return the problem that each row has already, else its contradictions."""
    return pc.coalesce(problems, *others.values()) if others else problems
