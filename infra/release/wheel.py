"""A pure Python wheel, written so that the same files give the same bytes.

Build back ends stamp times, user names and tool versions; a release that is named by its content
can have none of them. The format: https://packaging.python.org/specifications/binary-distribution-format/
"""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the oldest time that a zip can hold
_MODE = 0o100644 << 16
_LEFT_OUT = {"__pycache__", ".DS_Store", ".ipynb_checkpoints", ".mypy_cache", ".ruff_cache"}


def sources(folder: Path, below: str = "") -> dict[str, bytes]:
    """Return the files of `folder` by their path in an archive (`below/…`), without caches."""
    return {
        str(Path(below) / path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".pyc" and not _LEFT_OUT & set(path.parts)
    }


def archive(files: Mapping[str, bytes]) -> bytes:
    """Return a zip of `files`, sorted, with one time and one mode."""
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as into:
        for name, content in sorted(files.items()):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.external_attr = _MODE
            entry.create_system = 3  # Unix, on whichever machine it is built
            into.writestr(entry, content, compress_type=zipfile.ZIP_STORED)  # zlib's bytes vary by version
    return body.getvalue()


def file_name(name: str, version: str) -> str:
    """Return the file name of a wheel of pure Python 3."""
    return f"{name.replace('-', '_')}-{version}-py3-none-any.whl"


def wheel(name: str, version: str, files: Mapping[str, bytes], summary: str, requires_python: str) -> bytes:
    """Return a wheel of `files` (path from the root of site-packages → content)."""
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    metadata = (
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nSummary: {summary}\n"
        f"Requires-Python: {requires_python}\n"
    )
    tag = "Wheel-Version: 1.0\nGenerator: ledgerlake\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    packed = {**files, f"{info}/METADATA": metadata.encode(), f"{info}/WHEEL": tag.encode()}
    packed[f"{info}/RECORD"] = "".join(_record(packed, f"{info}/RECORD")).encode()
    return archive(packed)


def _record(files: Mapping[str, bytes], record: str) -> Iterator[str]:
    for name, content in sorted(files.items()):
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        yield f"{name},sha256={digest},{len(content)}\n"
    yield f"{record},,\n"
