"""The log of a Delta table, read as far as no Spark job is needed for it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ledgerlake.storage.objects import get_json
from ledgerlake_glue.objects import s3

_COMMIT = re.compile(r"/(\d{20})[.]json$")


def last_version(path: str) -> int:
    """Of the table's last commit.

    Args:
        path: `s3://bucket/…` of a table.

    Raises:
        ValueError: there is no commit.

    Source: https://github.com/delta-io/delta/blob/master/PROTOCOL.md#delta-log-entries
    """
    bucket, log = _place(path)
    # A checkpoint is as old as its commit, so behind it the newest must be found.
    checkpoint = get_json(s3(), bucket, f"{log}_last_checkpoint")
    behind = f"{log}{checkpoint['version']:020d}" if checkpoint else log
    pages = s3().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=log, StartAfter=behind)
    keys = (entry["Key"] for page in pages for entry in page.get("Contents", []))
    versions = [int(found[1]) for key in keys if (found := _COMMIT.search(key))]
    if not versions:
        raise ValueError(f"{path} has no commit in {log}")
    return max(versions)


@dataclass(frozen=True)
class Size:
    """Of a table's files."""

    bytes: int
    files: int


def size(path: str, version: int) -> Size | None:
    """Of the table as of that version; None when Delta has not written it down.

    Source: https://github.com/delta-io/delta/blob/master/PROTOCOL.md#version-checksum-file
    """
    bucket, log = _place(path)
    checksum = get_json(s3(), bucket, f"{log}{version:020d}.crc")
    return Size(int(checksum["tableSizeBytes"]), int(checksum["numFiles"])) if checksum else None


def _place(path: str) -> tuple[str, str]:
    bucket, _, prefix = path.partition("://")[2].partition("/")
    return bucket, f"{prefix.rstrip('/')}/_delta_log/"
