"""Objects in `raw/` that no job reads: strays, and ignored files. People are notified of each once.

Which ones they were notified of is remembered in one control object, by the run that did: a repeated report of the
same run says the same again, and another run says only what is new.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from ledgerlake import keys
from ledgerlake.display import display_text
from ledgerlake.errors import DamagedControlObject
from ledgerlake.intake.deliveries import Waiting
from ledgerlake.intake.raw_keys import describe_stray
from ledgerlake.planning import control
from ledgerlake.storage.objects import put_if_absent, put_if_unchanged

_NAMED = 10  # keys of a kind in one notification
_TRIES = 5
_RULE = "a part of their path begins with _ or ., or they are checksums or unfinished copies"


@dataclass(frozen=True)
class Unread:
    """Keys that no job reads.

    Args:
        strays: outside every dataset's folder, or too long to be archived.
        ignored: markers, hidden and uncommitted files.
    """

    strays: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()

    @classmethod
    def of(cls, found: Waiting) -> Unread:
        """Return the keys that a listing shows and no job reads."""
        return cls(found.strays, found.ignored)

    def lines(self) -> list[str]:
        """Say how many there are of each kind, and the first ten; nothing where there is none."""
        said = []
        if self.strays:
            one = len(self.strays) == 1
            said.append(f"{_files(self.strays)} in raw/ {'is' if one else 'are'} read by no job:")
            said += _first(map(describe_stray, self.strays[:_NAMED]), len(self.strays))
        if self.ignored:
            said.append(f"{_files(self.ignored)} in raw/ ignored, as no deliveries ({_RULE}):")
            said += _first(map(display_text, self.ignored[:_NAMED]), len(self.ignored))
        return said


NONE_UNREAD = Unread()


def take_unreported(s3: Any, bucket: str, found: Waiting, run_id: str, *, strays_only: bool = False) -> Unread:
    """Return what people have not been notified of, and remember that this run does it.

    Args:
        run_id: of the run that will notify them.
        strays_only: ignored files are left to another notification: they are no reason for one of their own.
    """
    for _ in range(_TRIES):
        memory, etag = _memory(s3, bucket)
        known = set(memory["earlier"]) if memory["by"] == run_id else {*memory["earlier"], *memory["latest"]}
        strays = tuple(key for key in found.strays if _digest(key) not in known)
        ignored = () if strays_only else tuple(key for key in found.ignored if _digest(key) not in known)
        if not strays and not ignored:
            return Unread()
        there = {_digest(key) for key in (*found.strays, *found.ignored)}
        body = json.dumps(
            {
                "by": run_id,
                "latest": sorted(map(_digest, (*strays, *ignored))),
                "earlier": sorted(known & there),  # what was deleted is reported again when it comes again
            }
        )
        key = keys.NOTIFIED_KEYS
        if put_if_unchanged(s3, bucket, key, body, etag) if etag else put_if_absent(s3, bucket, key, body):
            return Unread(strays, ignored)
    return Unread()  # others notify people of the same again and again


def _memory(s3: Any, bucket: str) -> tuple[dict[str, Any], str]:
    """Return the remembered keys and the ETag; nothing for a damaged object, as a repeated notification is harmless."""
    empty: dict[str, Any] = {"by": "", "latest": [], "earlier": []}
    try:
        found = control.read(s3, bucket, control.NOTIFIED_KEYS, keys.NOTIFIED_KEYS)
        return (found.value, found.etag) if found else (empty, "")
    except DamagedControlObject:
        s3.delete_object(Bucket=bucket, Key=keys.NOTIFIED_KEYS)
        return empty, ""


def _digest(key: str) -> str:
    return sha256(key.encode()).hexdigest()[:16]


def _files(keys: Sequence[str]) -> str:
    return f"{len(keys):,} file{'' if len(keys) == 1 else 's'}"


def _first(texts: Iterable[str], count: int) -> list[str]:
    return [*(f"  {text}" for text in texts), *([f"  … and {count - _NAMED:,} more"] if count > _NAMED else [])]
