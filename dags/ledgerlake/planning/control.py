"""Control objects: the small JSON objects in S3 by which runs agree on who does what. All are read here.

The lake bucket is versioned, so a control object that somebody damaged is read as its newest version that is
whole: that is what it said before. Where no version is whole, the error names object, fault and remedy.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from itertools import islice
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from ledgerlake.errors import DamagedControlObject
from ledgerlake.planning.shapes import Shape, by_name, count, list_of, moment, name, optional, parse, record, text
from ledgerlake.storage.objects import get_bytes
from ledgerlake.tables.ledger import LedgerEntry

T = TypeVar("T")

log = logging.getLogger(__name__)

_VERSIONS = 50
"""So many earlier versions are looked at."""
_OPENED = record(owner=text)
_ARRIVAL = record(landed_at=moment, source_file=name, delivery_id=name)
_DELIVERY = record(landed_at=moment, key=name, version_id=name, dataset=name, size=count, etag=text)
_OF_TYPE = {"str": text, "int": count}
_ENTRY = record(
    **{
        each.name: _OF_TYPE.get(str(each.type), optional(count))
        for each in fields(LedgerEntry)
        if each.default is MISSING
    },
    **{
        each.name: optional(_OF_TYPE.get(str(each.type), count))
        for each in fields(LedgerEntry)
        if each.default is not MISSING
    },
)


@dataclass(frozen=True)
class Kind:
    """A kind of control object.

    Args:
        noun: what a person calls it.
        shape: of its JSON.
        remedy: what to do about one that cannot be read; `{stem}` is its key's last part without `.json`.
    """

    noun: str
    shape: Shape
    remedy: str


LEASE = Kind(
    "the lease",
    record(holder=text, since=moment, expires_at=moment),
    "make sure that no run is at work, then: ledgerlake lease release --yes",
)
OPEN_MARK = Kind("the mark of an open batch", _OPENED, "ledgerlake run --wait")
QUARANTINE_MARK = Kind(
    "the mark of a quarantined batch",
    record(why=text, since=moment, opened=optional(_OPENED)),
    "ledgerlake accept {stem}",
)
ACCEPTED_MARK = Kind("the mark of an accepted batch", record(at=moment), "ledgerlake accept {stem}")
DROPPED_MARK = Kind(
    "the mark of a dropped batch", record(reason=text, at=moment), "ledgerlake drop {stem} --reason REASON"
)
CHECK_FAILURE = Kind(
    "the failure of a check",
    record(
        **dict.fromkeys(("check", "dataset", "run_id"), name),
        **dict.fromkeys(("says", "batch_id", "closed_by", "closed_at"), text),
        since=moment,
        count=count,
        keys=list_of(text),
    ),
    "none is needed: the next run that sees the check fail writes it anew",
)
MANIFEST = Kind(
    "the manifest of a batch",
    record(batch_id=name, planned_at=moment, datasets=list_of(name), deliveries=list_of(_DELIVERY)),
    "ledgerlake run --wait sets the batch aside, and plans anew what waits of it",
)
_SUMMARY = record(
    attempt=text,
    made_by=text,
    seen=by_name(count),
    arrivals=list_of(_ARRIVAL),
    entries=list_of(_ENTRY),
    parking=list_of(name),
    replaced=count,
    touched=list_of(text),
    unknown=by_name(list_of(text)),
    blank_rows=optional(by_name(count)),
    absent=optional(by_name(by_name(count))),
    broken=optional(by_name(text)),
    files=optional(count),
)
_STAGED_ANEW = "ledgerlake run --wait makes the stage anew"
STAGE_SUMMARY = Kind("the summary of a stage", _SUMMARY, _STAGED_ANEW)
PUBLISHING_MARK = Kind(
    "the mark of a publication",
    record(batch_id=name, attempt=text, summary=optional(_SUMMARY), parked=optional(list_of(name))),
    _STAGED_ANEW,
)
NOTIFIED_KEYS = Kind(
    "the memory of notified keys",
    record(by=text, latest=list_of(text), earlier=list_of(text)),
    "none is needed: people are notified of the same keys again",
)


@dataclass(frozen=True)
class Found:
    """A control object that can be used.

    Args:
        value: its JSON.
        etag: of the object as it is now, for a conditional write.
        damage: what is wrong with the object, when `value` is that of an earlier version; else empty.
    """

    value: dict[str, Any]
    etag: str
    damage: str = ""


def read(
    s3: Any, bucket: str, kind: Kind, key: str, proof: Callable[[dict[str, Any]], str] | None = None
) -> Found | None:
    """Read a control object; None where there is none.

    Args:
        proof: says what is wrong with a value of the right shape; nothing if it is to be believed.

    Raises:
        DamagedControlObject: neither it nor an earlier version of it can be read.
    """
    got = get_bytes(s3, bucket, key)
    if got is None:
        return None
    body, etag = got
    value, fault = _judge(body, kind, proof)
    if not fault:
        return Found(value, etag)
    damage = f"s3://{bucket}/{key}, {kind.noun}, cannot be read: {fault}"
    for earlier in earlier_versions(s3, bucket, kind, key, proof):
        log.warning("%s. It is read as its newest version that is whole.", damage)
        return Found(earlier, etag, damage)
    raise DamagedControlObject(
        damage, expected="it to be as it was written", remedy=kind.remedy.format(stem=_stem(key))
    )


def read_mark(s3: Any, bucket: str, kind: Kind, key: str, otherwise: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Read a mark, whose existence is what counts; None where there is none.

    Args:
        otherwise: what a damaged one is taken to say.
    """
    try:
        found = read(s3, bucket, kind, key)
    except DamagedControlObject as error:
        log.warning("%s", error)
        return otherwise
    return found.value if found else None


def fields_of(declared: type[T], value: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of the dataclass that `value` has, without those that only another release knows."""
    names = {each.name for each in fields(declared)}  # type: ignore[arg-type]
    return {name: each for name, each in value.items() if name in names and each is not None}


def earlier_versions(
    s3: Any, bucket: str, kind: Kind, key: str, proof: Callable[[dict[str, Any]], str] | None = None
) -> Iterator[dict[str, Any]]:
    """Yield what the versions of the object said that can be read, newest first, whether it is deleted now or not."""
    for version in islice(_versions(s3, bucket, key), _VERSIONS):
        got = get_bytes(s3, bucket, key, VersionId=version)
        value, fault = _judge(got[0], kind, proof) if got else (None, "it is gone")
        if value is not None and not fault:
            yield value


def _judge(body: bytes, kind: Kind, proof: Callable[[dict[str, Any]], str] | None) -> tuple[Any, str]:
    value, fault = parse(body, kind.shape)
    return value, fault or (proof(value) if proof else "")


def _versions(s3: Any, bucket: str, key: str) -> Iterator[str]:
    try:
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=key):
            yield from (entry["VersionId"] for entry in page.get("Versions", []) if entry["Key"] == key)
    except ClientError as error:
        if error.response["Error"]["Code"] != "AccessDenied":
            raise
        log.warning("The versions of s3://%s/%s may not be listed: %s", bucket, key, error)


def _stem(key: str) -> str:
    return key.rpartition("/")[2].removesuffix(".json")
