"""Archiving: move the deliveries of a batch from `raw/` to `archived/`, never losing one.

For each delivery: copy that very version, verify the copy, delete that very version. Every step
may be repeated: the archive key follows from the delivery alone, so a retry finds its own copy
and resumes from there. A foreign object is never overwritten.

Versions whose copies are verified are deleted some at once, which spares a request for each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import ceil
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ledgerlake import names
from ledgerlake.archive.verified_copy import Copied, ensure_archived
from ledgerlake.errors import ArchiveError
from ledgerlake.intake.deliveries import Delivery
from ledgerlake.planning.batch import Batch
from ledgerlake.storage.objects import delete
from ledgerlake.storage.resumable import Missing, StorageFailed

THREADS = 12
_AT_ONCE = 100
"""So many deliveries does a thread copy before it deletes them in `raw/`: a request more for a hundred files."""
_NAMED_FAILURES = 3

Outcome = Copied | Exception


@dataclass(frozen=True)
class Archived:
    """Result of archiving one batch.

    Args:
        size: in bytes, of those moved now.
        missing: raw keys whose very version was deleted, the one that the batch was planned with.
    """

    moved: int
    already_there: int
    size: int
    missing: tuple[str, ...] = ()


def archive(s3: Any, bucket: str, batch: Batch, *, time_left: Callable[[], bool] = lambda: True) -> Archived:
    """Move exactly the deliveries of `batch`; one that fails does not stop the others.

    Args:
        time_left: asked before each delivery; False ends the work, in an error, between two deliveries.

    Raises:
        ArchiveError: names the deliveries that could not be moved (they are still in `raw/`), or
            says how many are done when time ran out. Archiving the batch again resumes.
    """

    def copied(delivery: Delivery) -> Outcome:
        if not time_left():
            return TimeoutError()
        try:
            return ensure_archived(s3, bucket, delivery, batch.batch_id)
        except (ArchiveError, Missing, StorageFailed, BotoCoreError, ClientError) as error:
            return error

    def move(deliveries: tuple[Delivery, ...]) -> dict[Delivery, Outcome]:
        outcomes = {delivery: copied(delivery) for delivery in deliveries}
        done = [each for each, outcome in outcomes.items() if isinstance(outcome, Copied) and outcome.raw]
        return outcomes | _delete(s3, bucket, done)

    outcomes: dict[Delivery, Outcome] = {}
    size = min(_AT_ONCE, ceil(len(batch.deliveries) / THREADS)) or 1
    groups = [batch.deliveries[start : start + size] for start in range(0, len(batch.deliveries), size)]
    with ThreadPoolExecutor(THREADS) as pool:
        for found in pool.map(move, groups):
            outcomes |= found
    _raise_failures(batch, outcomes)
    _check_finished(batch, outcomes)
    moved = [each for each, it in outcomes.items() if isinstance(it, Copied) and it.now]
    missing = tuple(each.key for each, it in outcomes.items() if isinstance(it, Missing))
    there = len(outcomes) - len(moved) - len(missing)
    return Archived(moved=len(moved), already_there=there, size=sum(each.size for each in moved), missing=missing)


def _delete(s3: Any, bucket: str, deliveries: Iterable[Delivery]) -> dict[Delivery, Outcome]:
    """Delete those very versions in `raw/`; returns what went wrong with some."""
    versions = {(each.key, each.version_id): each for each in deliveries}
    try:
        errors = delete(s3, bucket, [{"Key": key, "VersionId": version} for key, version in versions])
    except (BotoCoreError, ClientError) as error:
        return dict.fromkeys(versions.values(), error)
    return {versions[error["Key"], error["VersionId"]]: _kept(bucket, error) for error in errors}


def _kept(bucket: str, error: dict[str, str]) -> ArchiveError:
    why = ": ".join(error[name] for name in ("Code", "Message") if error.get(name))
    return ArchiveError(
        f"version {error['VersionId']} of s3://{bucket}/{error['Key']} was not deleted: {why}",
        expected="it to be deleted, as its copy is in the archive",
        remedy="archive the batch again, once S3 allows it",
    )


def _raise_failures(batch: Batch, outcomes: dict[Delivery, Outcome]) -> None:
    failed = [
        (each, it)
        for each, it in outcomes.items()
        if isinstance(it, Exception) and not isinstance(it, Missing | TimeoutError)
    ]
    if not failed:
        return
    first = ", ".join(f"{each.key} ({error})" for each, error in failed[:_NAMED_FAILURES])
    more = f" and {len(failed) - _NAMED_FAILURES} more" if len(failed) > _NAMED_FAILURES else ""
    raise ArchiveError(
        f"{len(failed)} of {len(outcomes)} deliveries of {batch.batch_id} could not be archived: {first}{more}",
        expected="every delivery to be copied and verified; those that failed are still in raw/",
        remedy="fix the cause, then: ledgerlake run --wait",
    ) from failed[0][1]


def _check_finished(batch: Batch, outcomes: dict[Delivery, Outcome]) -> None:
    left = sum(isinstance(outcome, TimeoutError) for outcome in outcomes.values())
    if left:
        raise ArchiveError(
            f"time ran out: {len(outcomes) - left} of {len(outcomes)} deliveries of {batch.batch_id} are archived",
            expected="all of them",
            remedy=f"run {names.ARCHIVE_FUNCTION} again with the same batch_id; it resumes with the other {left}",
        )
