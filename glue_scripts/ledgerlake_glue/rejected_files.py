"""What is counted of a file that is rejected whole."""

from __future__ import annotations

import codecs
import gzip
import re
import zlib
from collections.abc import Callable
from typing import BinaryIO

from ledgerlake_glue.objects import Missing

_STEP = 1 << 20
_LINE_BREAK = re.compile("[\r\n]")


def lines_rejected(open_stream: Callable[[], BinaryIO]) -> int | None:
    """Return how many lines that are not blank follow the first one; None for what is no text in UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    lines, begun = 0, False
    try:
        stream = open_stream()
        while block := stream.read(_STEP):
            text = decoder.decode(block)
            if "\0" in text:
                return None
            *ended, last = _LINE_BREAK.split(text)
            for part in ended:
                lines += begun or bool(part.strip())
                begun = False
            begun = begun or bool(last.strip())
        decoder.decode(b"", final=True)
    except (UnicodeDecodeError, EOFError, gzip.BadGzipFile, zlib.error, Missing):
        return None
    return max(0, lines + begun - 1)
