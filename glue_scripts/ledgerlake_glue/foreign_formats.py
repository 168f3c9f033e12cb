"""Formats that are delivered under the name of a CSV file, known by how they begin."""

from __future__ import annotations

import codecs
import re

_TEXT = "expected CSV text in UTF-8"
_BY_BYTES: dict[bytes, str] = {
    b"\x1f\x8b": "gzip (a name without .gz, or zipped twice)",
    b"PAR1": "Parquet",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "an old Excel spreadsheet (.xls) or another old Office file",
    b"\x09\x08": "an Excel spreadsheet (.xls) of the nineties",
    b"\x28\xb5\x2f\xfd": "compressed with zstd",
    b"BZh": "compressed with bzip2",
    b"\xfd7zXZ\x00": "compressed with xz",
    b"\x5d\x00\x00": "compressed with lzma",
    b"7z\xbc\xaf\x27\x1c": "a 7-Zip archive",
    b"Rar!\x1a\x07": "a RAR archive",
    b"\x04\x22\x4d\x18": "compressed with lz4",
    b"\xff\x06\x00\x00sNaPpY": "compressed with snappy",
    b"\x1f\x9d": "compressed with compress (.Z)",
    b"%PDF-": "a PDF document",
    b"{\\rtf": "an RTF document",
    b"Obj\x01": "Avro",
    b"ARROW1\x00\x00": "an Arrow (Feather) file",
    b"FEA1": "an Arrow (Feather) file",
    b"SQLite format 3\x00": "an SQLite database",
    b"\x89HDF\r\n\x1a\n": "HDF5",
    b"\x89PNG\r\n\x1a\n": "an image (PNG)",
    b"\xff\xd8\xff": "an image (JPEG)",
    b"GIF87a": "an image (GIF)",
    b"GIF89a": "an image (GIF)",
    b"II*\x00": "an image (TIFF)",
    b"MM\x00*": "an image (TIFF)",
    b"\x7fELF": "a program",
}
# Magic words that a header may begin with as well: what follows is no text.
_BY_PATTERN: dict[re.Pattern[bytes], str] = {
    re.compile(rb"PK(\x03\x04|\x05\x06).*?(xl/|\[Content_Types\])", re.DOTALL): "an Excel spreadsheet (.xlsx)",
    re.compile(rb"PK(\x03\x04|\x05\x06)"): "a zip archive or a spreadsheet",
    re.compile(rb"ORC[^\x20-\x7e\r\n\t]"): "ORC",
    re.compile(rb"ORC.{0,60}[\x00-\x08]", re.DOTALL): "ORC",
    re.compile(rb"RIFF....WEBP", re.DOTALL): "an image (WebP)",
    re.compile(rb".{257}ustar", re.DOTALL): "a tar archive",
}
_BY_TEXT: dict[re.Pattern[bytes], str] = {
    re.compile(rb"<\?xml\b[^>]*>\s*(?:<!--.*?-->\s*)*<(?:!doctype\s+)?html\b", re.I | re.DOTALL): "a web page (HTML)",
    re.compile(rb"(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body|table|script|div)\b", re.I | re.DOTALL): (
        "a web page (HTML)"
    ),
    re.compile(rb"<\?xml\b|<!doctype\b|<[a-z_][\w.:-]*(?:\s+[\w.:-]+=[\"'][^>]*)?/?>\s*<", re.I): "XML",
    re.compile(rb'\{\s*(?:"(?:[^"\\]|\\.)*"\s*:|\})'): "JSON",
    re.compile(rb'\[\s*(?:\{\s*["}]|\[|"[^"]*"\s*[,\]]\s*["\[\]\r\n])'): "JSON",
}
_JSON_LINES = re.compile(rb"\{[^\r\n]*\}[ \t]*\r?\n\s*\{")


def foreign_format(start: bytes) -> str | None:
    """Return the reason to reject a file that begins with these bytes; None where it may be CSV."""
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "UTF-32" if start.startswith(codecs.BOM_UTF32_LE) else "UTF-16"
        return f"wrong_encoding: the file begins as {encoding} does; {_TEXT}"
    if start.startswith(codecs.BOM_UTF32_BE):
        return f"wrong_encoding: the file begins as UTF-32 does; {_TEXT}"
    name = next((name for magic, name in _BY_BYTES.items() if start.startswith(magic)), None)
    name = name or next((name for pattern, name in _BY_PATTERN.items() if pattern.match(start)), None)
    name = name or _text_format(start.removeprefix(codecs.BOM_UTF8).lstrip())
    return f"not_text: the content is {name}; {_TEXT}" if name else None


def _text_format(text: bytes) -> str | None:
    name = next((name for pattern, name in _BY_TEXT.items() if pattern.match(text)), None)
    return "JSON lines" if name == "JSON" and _JSON_LINES.match(text) else name
