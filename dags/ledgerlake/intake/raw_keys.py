"""Keys below `raw/`: the dataset, the date and the values that they name, and which of them are no deliveries.

All of it is pure. The convention for hidden names and for `name=value` folders is that of Hadoop, Hive and Spark.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import date
from difflib import get_close_matches
from urllib.parse import unquote

from ledgerlake import keys
from ledgerlake.contracts import DATASETS
from ledgerlake.display import display_text

HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"
"""What Hive and Spark write into the path for NULL."""

_NOT_COMMITTED = (".crc", "._COPYING_")
_FOLDER_MARKER = "_$folder$"
_ALIKE = 0.7
"""From 0 to 1: folders that are less alike are not suggested."""
_DATES = (
    re.compile(r"(?<!\d)(?P<y>\d{4})(?P<s>[-/])(?P<m>\d{2})(?P=s)(?P<d>\d{2})(?!\d)"),
    re.compile(r"(?<!\d)(?P<y>(?:19|20|21)\d\d)(?P<m>\d{2})(?P<d>\d{2})(?!\d)"),
    re.compile(
        r"(?:^|/)year=(?P<y>\d{4})/(?:[^/]+/)*?month=(?P<m>\d\d?)/(?:[^/]+/)*?day=(?P<d>\d\d?)(?=/)", re.IGNORECASE
    ),
)


def dataset_of(key: str) -> str | None:
    """Return the dataset into whose folder `key` was delivered; None for a stray."""
    if len(key.encode()) > keys.LONGEST_RAW_KEY:
        return None
    for name in DATASETS:
        if key.startswith(keys.raw_prefix(name)):
            return name
    return None


def is_ignored(key: str, size: int = 1) -> bool:
    """Return whether the object is no delivery: a marker, a hidden file, or one that its writer has not committed.

    That is Spark's own rule: some part of the path begins with `.`, or with `_` unless it is a partition
    (`_hour=07`); or the name ends as a checksum (`.crc`) or an unfinished copy (`._COPYING_`) does. So of a Spark
    job's folder `_SUCCESS`, `_temporary/0/…`, `_started_4711` and `.part-0.csv.crc` are left out, and so is a
    `_delta_log/`. Folder markers of EMR (`2025_$folder$`, without content) are left out too.

    Args:
        size: in bytes.
    """
    *folders, name = _below(key).split("/")
    if any(part.startswith(".") or (part.startswith("_") and "=" not in part) for part in (*folders, name)):
        return True
    return name.endswith(_NOT_COMMITTED) or (name.endswith(_FOLDER_MARKER) and size == 0)


def suggested_folder(key: str) -> str:
    """Return the folder that was most likely meant by a stray (`raw/Order/x.csv`); empty when none is alike."""
    parts = [part for part in key.removeprefix(keys.RAW).split("/") if part]
    folders = parts[:-1] or [parts[0].partition(".")[0]] if parts else []
    for part in folders:
        if found := suggested_dataset(part):
            return keys.raw_prefix(found)
    return ""


def suggested_dataset(word: str) -> str:
    """Return the dataset whose name is most like the word, in any case, singular or plural; empty when none is."""
    plain = re.sub(r"[^a-z0-9]+", "_", word.strip().lower()).strip("_")
    found = get_close_matches(plain, list(DATASETS), n=1, cutoff=_ALIKE)
    return found[0] if found else ""


def describe_stray(key: str) -> str:
    """Return the key, safe to display, with what was most likely meant."""
    if len(key.encode()) > keys.LONGEST_RAW_KEY:
        return f"{display_text(key)} (its key is longer than {keys.LONGEST_RAW_KEY} bytes; deliver it under another)"
    folder = suggested_folder(key)
    meant = f"did you mean {folder}?" if folder else f"did you mean one of {', '.join(map(keys.raw_prefix, DATASETS))}?"
    return f"{display_text(key)} ({meant})"


def named_date(key: str) -> date | None:
    """Return the last date in the key below the dataset's folder; None when there is none.

    `2025-04-01`, `date=2025-04-01`, `2025/04/01`, `year=2025/month=04/day=01`, and `20250401` (of the years 1900 to
    2199) where no digit stands beside it. What is no day of the calendar is no date.
    """
    below = _below(key)
    found = [match for pattern in _DATES for match in pattern.finditer(below)]
    for match in sorted(found, key=lambda match: match.end(), reverse=True):
        try:
            return date(int(match["y"]), int(match["m"]), int(match["d"]))
        except ValueError:  # 2025-02-30 is no date, only digits
            continue
    return None


def path_values(key: str, names: Collection[str]) -> dict[str, list[str | None]]:
    """Return the values of the `name=value` folders of the key, by name, for the names that are asked for.

    Names match in any case; values are URL-decoded, and NULL where Hive says so. A key may name a value twice.
    """
    found: dict[str, list[str | None]] = {}
    for part in _below(key).split("/")[:-1]:
        name, mark, value = part.partition("=")
        name = unquote(name).strip().lower()
        if mark and name in names:
            found.setdefault(name, []).append(None if value == HIVE_NULL else unquote(value))
    return found


def _below(key: str) -> str:
    """Return the part of the key below its dataset's folder; of a stray, below `raw/`."""
    dataset = dataset_of(key)
    return key.removeprefix(keys.raw_prefix(dataset) if dataset else keys.RAW)
