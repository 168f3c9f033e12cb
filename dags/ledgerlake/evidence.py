"""Evidence of what became of a batch: objects in S3, whatever tasks and runs say of themselves.

A person can mark a task or a run as successful, and a task can end before its job does. So nothing is moved
out of `raw/`, and no batch is closed, because of a state; only because the objects are there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Any

from ledgerlake import places, stages
from ledgerlake.batch import Batch
from ledgerlake.contracts import DATASETS
from ledgerlake.deliveries import Delivery, waiting
from ledgerlake.errors import NotArchived, NotPublished

DELIVERIES = "deliveries"
COUNT = "delivery-count"
"""Metadata of a part of the ledger: the digest of the deliveries that it covers, and how many they are."""

_NAMED = 3
_RESUME = "ledgerlake run --wait"


def ledger_metadata(delivery_ids: Iterable[str]) -> dict[str, str]:
    """Return the metadata of a part of the ledger that covers these deliveries."""
    ids = sorted(set(delivery_ids))
    return {DELIVERIES: sha256("\n".join(ids).encode()).hexdigest(), COUNT: str(len(ids))}


def unpublished(s3: Any, bucket: str, batch: Batch) -> dict[str, str]:
    """Return the datasets of the batch that are not published, each with what was seen instead.

    Every dataset that the manifest names counts, and every one that has deliveries in it.
    """
    names = dict.fromkeys((*batch.datasets, *(delivery.dataset for delivery in batch.deliveries)))
    found = {name: _missing(s3, bucket, batch, name) for name in names}
    return {name: seen for name, seen in found.items() if seen}


def unarchived(s3: Any, bucket: str, batch: Batch) -> tuple[Delivery, ...]:
    """Return the deliveries of the batch that still lie in `raw/`, oldest first."""
    ours = {delivery.id for delivery in batch.deliveries}
    return tuple(delivery for delivery in waiting(s3, bucket).deliveries if delivery.id in ours)


def require_published(s3: Any, bucket: str, batch: Batch) -> None:
    """Check that every dataset of the batch is published.

    Raises:
        NotPublished: names the datasets, their jobs, and how to resume.
    """
    missing = unpublished(s3, bucket, batch)
    if not missing:
        return
    jobs = [DATASETS[name].job if name in DATASETS else name for name in missing]
    raise NotPublished(
        f"batch {batch.batch_id} is not published: {'; '.join(f'{name}: {seen}' for name, seen in missing.items())}",
        expected="the ledger to cover every delivery of the manifest; nothing of the batch is archived or closed "
        "before that, whatever state its tasks are in",
        remedy=f"{_RESUME} resumes the batch and runs its jobs again (or, in Airflow, clear {_and(jobs)} "
        "with the tasks after it)",
    )


def require_finished(s3: Any, bucket: str, batch: Batch) -> None:
    """Check that the batch may be closed: it is published, and none of its deliveries waits in `raw/`.

    Raises:
        NotPublished: as `require_published`.
        NotArchived: names the deliveries that still wait, and how to resume.
    """
    require_published(s3, bucket, batch)
    left = unarchived(s3, bucket, batch)
    if not left:
        return
    named = ", ".join(delivery.key for delivery in left[:_NAMED])
    more = f" and {len(left) - _NAMED} more" if len(left) > _NAMED else ""
    raise NotArchived(
        f"{len(left)} of {len(batch.deliveries)} deliveries of batch {batch.batch_id} still lie in raw/: {named}{more}",
        expected="every one of them to be in the archive before the batch is closed",
        remedy=f"{_RESUME} resumes the batch and archives them (or, in Airflow, clear archive_etl_files "
        "with the tasks after it)",
    )


def _missing(s3: Any, bucket: str, batch: Batch, name: str) -> str:
    """Return what is missing of one dataset of the batch; empty when it is published."""
    parts = dict(_parts(s3, bucket, batch.batch_id, name))
    summary = stages.summary(s3, bucket, batch.batch_id, name)
    if summary is not None and summary["entries"] and summary["attempt"] not in parts:
        return "its job has staged rows and not published them"
    deliveries = batch.of(name)
    if not deliveries:
        return "" if summary is not None or parts else "its job has left neither a stage nor a part of the ledger"
    wanted = ledger_metadata(delivery.id for delivery in deliveries)
    if not parts:
        return f"the ledger has no part of its {_deliveries(len(deliveries))}"
    covered = (_metadata(s3, bucket, key) for key in parts.values())
    if any(found.get(DELIVERIES) in (None, wanted[DELIVERIES]) for found in covered):
        return ""  # a part that was written without metadata, by an earlier release, counts as it is
    return f"no part of the ledger covers its {_deliveries(len(deliveries))}"


def _parts(s3: Any, bucket: str, batch_id: str, dataset: str) -> Iterator[tuple[str, str]]:
    """Yield the parts of the ledger that the batch has for one dataset: the attempt that was published, and its key."""
    prefix = places.ledger_part(dataset, batch_id, "").removesuffix(".parquet")
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for entry in page.get("Contents", []):
            yield entry["Key"].removeprefix(prefix).removesuffix(".parquet"), entry["Key"]


def _metadata(s3: Any, bucket: str, key: str) -> dict[str, str]:
    return dict(s3.head_object(Bucket=bucket, Key=key)["Metadata"])


def _deliveries(count: int) -> str:
    return "1 delivery" if count == 1 else f"{count} deliveries"


def _and(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
