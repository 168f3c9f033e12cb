"""A file that is no CSV is named as what it is; a header is never taken for another format."""

from __future__ import annotations

import bz2
import io
import json
import lzma
import tarfile
import zipfile

import pytest

from ledgerlake_glue.csv_header import BrokenFile, read_header
from ledgerlake_glue.foreign_formats import foreign_format


def _zip(*names: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return made.getvalue()


def _tar() -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("orders.csv"), io.BytesIO())
    return made.getvalue()


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500), ".xls"),
        (_zip("[Content_Types].xml", "xl/workbook.xml"), ".xlsx"),
        (_zip("orders.csv"), "a zip archive or a spreadsheet"),
        (b"\x28\xb5\x2f\xfd\x24\x05)\x00\x00a,b\n1\n", "zstd"),
        (bz2.compress(b"a,b\n1,2\n"), "bzip2"),
        (lzma.compress(b"a,b\n1,2\n"), "xz"),
        (b"7z\xbc\xaf\x27\x1c\x00\x04", "7-Zip"),
        (_tar(), "tar archive"),
        (b"%PDF-1.7\n%\xe2\xe3", "PDF"),
        (b"ORC\n\x0b\x0a\x03\x00", "ORC"),
        (b"Obj\x01\x04\x16avro.schema", "Avro"),
        (b"PAR1\x15\x04", "Parquet"),
        (b"\x89PNG\r\n\x1a\n\x00", "PNG"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "JPEG"),
        (b"SQLite format 3\x00", "SQLite"),
        (b"\r\n<!DOCTYPE html>\n<html><body>503</body></html>", "web page"),
        (b"<HTML lang='en'><title>Login</title>", "web page"),
        (b"\xef\xbb\xbf<?xml version='1.0'?><!-- x --><!DOCTYPE html><html>", "web page"),
        (b"<?xml version='1.0'?>\n<Error><Code>AccessDenied</Code></Error>", "XML"),
        (b"<orders>\n <order id='1'/>\n</orders>", "XML"),
        (b'{"a": 1, "b": 2}', "JSON;"),
        (b'[\n {"a": 1},\n {"a": 2}]', "JSON;"),
        (b'{"a": 1}\n{"a": 2}\n', "JSON lines"),
        (json.dumps({"message": "Forbidden"}).encode(), "JSON;"),
    ],
)
def test_a_file_of_another_format_is_named(body, name):
    with pytest.raises(BrokenFile, match=r"not_text: the content is .*; expected CSV text in UTF-8") as error:
        read_header(io.BytesIO(body), ",")
    assert name in str(error.value)


@pytest.mark.parametrize(
    "header",
    [
        b"ORCHARD,b\n",
        b"[order_id],[date]\n",
        b"{id},b\n",
        b"<id>,b\n",
        b"PARTY,b\n",
        b"sep=;\n",
        b'"{",b\n',
        b"Objekt,b\n",
    ],
)
def test_a_header_is_no_other_format(header):
    assert foreign_format(header + b"1,2\n" * 100) is None
