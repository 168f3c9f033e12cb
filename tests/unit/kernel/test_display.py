"""What producers write is displayed as one line, in which every character is seen and none acts."""

from __future__ import annotations

import sys
import unicodedata

import pytest

from ledgerlake.display import LONGEST, display_text

TEXTS = {
    "Lamp": "Lamp",
    "Café 💡 מנורה": "Café 💡 מנורה",
    "'\\' \\u0041 ${x} [/final]": "'\\' \\u0041 ${x} [/final]",
    "a\nb\tc\x00": "a␊b␉c␀",
    "a\r\nTask: forged": "a␍␊Task: forged",
    "\x1b[31mred\x1b[0m\x1b]0;owned\x07": "␛[31mred␛[0m␛]0;owned␇",
    "\x9b31m\x85\x7f": "�31m�␡",
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069": "�" * 12,
    "o\u200brd\u200ce\u200dr\u2060s\u2064\ufeff\xad": "o�rd�e�r�s���",
    "a\ufe00b\ufe0f\U000e0100": "a�b��",
    "\U000e0001\U000e0041\U000e007f": "���",
    "one\u2028two\u2029three": "one�two�three",
    "\ud800 and \udfff": "� and �",
}


@pytest.mark.parametrize(("text", "displayed"), TEXTS.items(), ids=map(repr, TEXTS))
def test_characters_that_act_or_hide_are_made_visible(text, displayed):
    assert display_text(text) == displayed


def test_no_control_format_separator_or_surrogate_character_is_displayed():
    acting = [chr(code) for code in range(sys.maxunicode + 1) if _acts(chr(code))]
    assert [hex(ord(c)) for c in acting if display_text(f"a{c}b") == f"a{c}b"] == []


def test_every_other_character_is_displayed_as_it_is():
    texts = "".join(c for c in map(chr, range(0x20, 0x3000)) if unicodedata.category(c)[0] in "LNPS")
    assert all(c in "\u034f\u115f\u1160\u17b4\u17b5" or display_text(c) == c for c in texts)


@pytest.mark.parametrize("character", ["x", "💡"])
def test_a_text_that_is_too_long_ends_in_an_ellipsis(character):
    assert display_text(character * LONGEST) == character * LONGEST
    assert display_text(character * (LONGEST + 1)) == character * (LONGEST - 1) + "…"
    assert display_text("orders.csv", most=4) == "ord…"


def test_what_is_no_string_is_displayed_as_its_text():
    assert display_text(None) == "None"
    assert display_text(["a\n"]) == "['a\\n']"


def _acts(character: str) -> bool:
    """Whether Unicode says so; signs that Arabic, Syriac and Egyptian writing shows are format characters too."""
    written = "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
    category = unicodedata.category(character)
    hieroglyph = 0x13430 <= ord(character) <= 0x1345F
    return category in ("Cc", "Cf", "Cs", "Zl", "Zp") and character not in written and not hieroglyph
