"""Copies in the archive: of that very version of a delivery, verified, and never in the place of another object."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from botocore.exceptions import ClientError

from ledgerlake.errors import ArchiveError
from ledgerlake.intake.deliveries import Delivery
from ledgerlake.storage.objects import is_conflict
from ledgerlake.storage.resumable import Missing, ResumableObject, is_absent

LARGEST_COPY = 5 * 1024**3
"""In bytes; S3 copies a larger object in parts only."""
_LARGEST_METADATA = 2000


@dataclass(frozen=True)
class Copied:
    """A delivery whose copy is in the archive, verified.

    Args:
        now: it was copied now; else an earlier try has done it.
        raw: it is in `raw/` too, as yet.
    """

    now: bool
    raw: bool


def ensure_archived(s3: Any, bucket: str, delivery: Delivery, batch_id: str) -> Copied:
    """Make sure that the archive holds the delivery, byte for byte.

    Raises:
        ArchiveError: another object is at its place, or the copy differs.
        Missing: it is neither in `raw/` nor in the archive.
    """
    raw = _head(s3, bucket, delivery.key, delivery.version_id)
    copy = _head(s3, bucket, delivery.archive_key)
    if copy is not None:
        _check_ours(bucket, delivery, copy)
    if raw is None:
        if copy is None:
            raise Missing(
                f"version {delivery.version_id} of s3://{bucket}/{delivery.key} is gone",
                expected=f"it, or its copy {delivery.archive_key}",
                remedy="bring the version back",
            )
        return Copied(now=False, raw=False)
    _check_unchanged(bucket, delivery, raw)
    if copy is not None:
        _verify(s3, bucket, delivery, raw, copy)
    # Where S3 says of the copy what it said of the raw version (no KMS, no parts), they are the same bytes.
    elif _copy(s3, bucket, delivery, raw, batch_id) != raw["ETag"]:
        _verify_new(s3, bucket, delivery, raw)
    return Copied(now=copy is None, raw=True)


def _head(s3: Any, bucket: str, key: str, version_id: str | None = None) -> dict[str, Any] | None:
    which = {"VersionId": version_id} if version_id else {}
    try:
        answer: dict[str, Any] = s3.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED", **which)
    except ClientError as error:
        if is_absent(error):
            return None
        raise
    return answer


def _copy(s3: Any, bucket: str, delivery: Delivery, raw: dict[str, Any], batch_id: str) -> str | None:
    """Return the ETag of the copy; None where S3 did not return one."""
    source = {"Bucket": bucket, "Key": delivery.key, "VersionId": delivery.version_id}
    extra: dict[str, Any] = {name: raw[name] for name in ("ContentType", "ContentEncoding") if raw.get(name)}
    extra |= {"Metadata": _metadata(delivery, raw, batch_id), "MetadataDirective": "REPLACE"}
    if delivery.size > LARGEST_COPY:
        s3.copy(source, bucket, delivery.archive_key, ExtraArgs=extra)
        return None
    shape = s3.meta.service_model.operation_model("CopyObject").input_shape
    if "IfNoneMatch" in shape.members:  # older botocore than late 2025 does not know it
        extra["IfNoneMatch"] = "*"
    try:
        answer = s3.copy_object(CopySource=source, Bucket=bucket, Key=delivery.archive_key, **extra)
    except ClientError as error:
        if not is_conflict(error):
            raise
        return None  # our own copy is there, whose reply was lost; what is not ours is found next
    etag: str | None = answer.get("CopyObjectResult", {}).get("ETag")
    return etag


def _metadata(delivery: Delivery, raw: dict[str, Any], batch_id: str) -> dict[str, str]:
    """Return the producer's metadata and the origin of the copy; S3 allows ASCII only, and 2 KB."""
    ours = {"version-id": delivery.version_id, "landed-at": delivery.landed_at, "batch-id": batch_id}
    every = {**raw.get("Metadata", {}), "raw-key": quote(delivery.key), **ours}
    return every if sum(len(name) + len(text) for name, text in every.items()) <= _LARGEST_METADATA else ours


def _verify_new(s3: Any, bucket: str, delivery: Delivery, raw: dict[str, Any]) -> None:
    """Verify the copy made just now; one that differs is taken away, so that a retry copies anew."""
    copy = _head(s3, bucket, delivery.archive_key)
    if copy is None:
        raise _differs(bucket, delivery, "the copy is not there")
    if copy.get("Metadata", {}).get("version-id") != delivery.version_id:
        _check_ours(bucket, delivery, copy)
    try:
        _verify(s3, bucket, delivery, raw, copy)
    except ArchiveError:
        if copy.get("VersionId"):
            s3.delete_object(Bucket=bucket, Key=delivery.archive_key, VersionId=copy["VersionId"])
        raise


def _verify(s3: Any, bucket: str, delivery: Delivery, raw: dict[str, Any], copy: dict[str, Any]) -> None:
    """Check that the copy holds the bytes of the raw version.

    Sizes must be equal, and then: the checksums over the whole object where both have one of the
    same kind; else equal ETags; else (encrypted with KMS or copied in parts, where ETags say
    nothing about bytes) SHA-256 of both, as read back.
    """
    if copy["ContentLength"] != raw["ContentLength"]:
        raise _differs(bucket, delivery, f"it has {copy['ContentLength']} bytes instead of {raw['ContentLength']}")
    for name in sorted(_checksums(raw).keys() & _checksums(copy).keys()):
        if _checksums(raw)[name] != _checksums(copy)[name]:
            raise _differs(bucket, delivery, f"its {name} is {copy[name]} instead of {raw[name]}")
        return
    if raw["ETag"] == copy["ETag"]:
        return
    was = _sha256(s3, bucket, {"Key": delivery.key, "VersionId": delivery.version_id})
    now = _sha256(s3, bucket, {"Key": delivery.archive_key})
    if was != now:
        raise _differs(bucket, delivery, f"its SHA-256 is {now} instead of {was}")


def _checksums(head: dict[str, Any]) -> dict[str, str]:
    """Those over the whole object; a composite one depends on how it was uploaded."""
    if head.get("ChecksumType", "FULL_OBJECT") != "FULL_OBJECT":
        return {}
    return {name: text for name, text in head.items() if name.startswith("Checksum") and name != "ChecksumType"}


def _sha256(s3: Any, bucket: str, request: dict[str, str]) -> str:
    with ResumableObject(s3, bucket, request) as body:
        return hashlib.file_digest(body, "sha256").hexdigest()


def _check_ours(bucket: str, delivery: Delivery, copy: dict[str, Any]) -> None:
    found = copy.get("Metadata", {}).get("version-id")
    if found != delivery.version_id or copy["ContentLength"] != delivery.size:
        raise ArchiveError(
            f"s3://{bucket}/{delivery.archive_key} is another object "
            f"(version-id {found}, {copy['ContentLength']} bytes)",
            expected=f"nothing there, or the copy of version {delivery.version_id} ({delivery.size} bytes)",
            remedy="move that object away; it was not overwritten",
        )


def _check_unchanged(bucket: str, delivery: Delivery, raw: dict[str, Any]) -> None:
    if (raw["ContentLength"], raw["ETag"].strip('"')) != (delivery.size, delivery.etag):
        raise ArchiveError(
            f"s3://{bucket}/{delivery.key} version {delivery.version_id} has {raw['ContentLength']} bytes, "
            f"ETag {raw['ETag']}",
            expected=f"{delivery.size} bytes, ETag {delivery.etag}, as the batch was planned",
            remedy="switch versioning on for the bucket, and deliver the file again",
        )


def _differs(bucket: str, delivery: Delivery, how: str) -> ArchiveError:
    return ArchiveError(
        f"the copy s3://{bucket}/{delivery.archive_key} differs from {delivery.key}: {how}",
        expected="the same bytes; the raw object was left where it was",
        remedy="archive the batch again; if it differs again, move the copy away first",
    )
