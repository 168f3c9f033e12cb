"""Evidence that a batch is published and archived: objects in S3, whatever the states of tasks and runs.

An operator can mark a task or a run as successful, and a task can end before its job does. So nothing is moved
out of `raw/`, and no batch is closed, because of a state; only because the objects are there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from itertools import chain
from typing import Any

from ledgerlake.contracts import DATASETS, Dataset
from ledgerlake.errors import NotArchived, NotPublished
from ledgerlake.intake.deliveries import Delivery, waiting
from ledgerlake.keys import BATCHES, ledger_part
from ledgerlake.planning import batch as batches
from ledgerlake.planning import quarantine, stages
from ledgerlake.planning.batch import Batch
from ledgerlake.planning.manifest import readable

DELIVERIES = "deliveries"
COUNT = "delivery-count"
"""Metadata of a part of the ledger: the digest of the deliveries that it covers, and how many they are."""

_NAMED = 3
_NEWEST = 500
_THREADS = 12
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
    found = {name: lacking(s3, bucket, batch, name) for name in names}
    return {name: seen for name, seen in found.items() if seen}


def lacking(s3: Any, bucket: str, batch: Batch, name: str) -> str:
    """Return what the lake lacks of one dataset of the batch; empty when it is published."""
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


def unarchived(s3: Any, bucket: str, batch: Batch) -> tuple[Delivery, ...]:
    """Return the deliveries of the batch that still lie in `raw/`, oldest first."""
    planned = {delivery.id for delivery in batch.deliveries}
    return tuple(delivery for delivery in waiting(s3, bucket).deliveries if delivery.id in planned)


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
        f"batch {batch.batch_id} is not published: {_and_why(missing)}",
        expected="the ledger to cover every delivery of the manifest; nothing of the batch is archived or closed "
        "before that, whatever state its tasks are in",
        remedy=f"{_RESUME} resumes the batch and runs its jobs again (or, in Airflow, clear {_and(jobs)} "
        "with the tasks after it)",
    )


def require_parents(s3: Any, bucket: str, batch: Batch, dataset: Dataset) -> None:
    """Check that the datasets of the batch that `dataset` references are published.

    A child that is judged before them would park rows whose parents are in the same batch.

    Raises:
        NotPublished: names the parents, their jobs, and how to resume.
    """
    parents = [each.dataset for each in dataset.references if each.dataset in batch.datasets]
    missing = {name: seen for name in dict.fromkeys(parents) if (seen := lacking(s3, bucket, batch, name))}
    if missing:
        jobs = [DATASETS[name].job for name in missing]
        raise NotPublished(
            f"{dataset.name} of batch {batch.batch_id} comes after its parents: {_and_why(missing)}",
            expected="every parent of the batch to be published before its children are judged",
            remedy=f"{_RESUME} resumes the batch and runs {_and(jobs)} first (or, in Airflow, clear {_and(jobs)} "
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


def unledgered(s3: Any, bucket: str) -> dict[str, tuple[Delivery, ...]]:
    """Return the deliveries that are archived, or gone, and of which the ledger has no part, by batch, newest first.

    Only the newest batches are looked at, and only those that are neither open nor in quarantine. From listings:
    a manifest is read only where a dataset has no part for its batch.
    """
    waits = {*batches.open_batches(s3, bucket), *quarantine.quarantined(s3, bucket)}
    done = [name for name in reversed(_batch_ids(s3, bucket)) if name not in waits][:_NEWEST]
    if not done:
        return {}
    there = {name: _batches_with_parts(s3, bucket, name, since=done[-1]) for name in DATASETS}
    doubtful = [name for name in done if not all(name in parts for parts in there.values())]
    found = {}
    with ThreadPoolExecutor(_THREADS) as pool:
        read = pool.map(lambda name: tuple(readable(s3, bucket, [name])), doubtful)
        for batch in chain.from_iterable(read):
            lost = tuple(each for each in batch.deliveries if batch.batch_id not in there.get(each.dataset, ()))
            if lost:
                found[batch.batch_id] = lost
    return found


def _batch_ids(s3: Any, bucket: str) -> list[str]:
    """Return the ids of all batches, oldest first."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=BATCHES, Delimiter="/")
    keys = sorted(entry["Key"] for page in pages for entry in page.get("Contents", []))
    return [key.removeprefix(BATCHES).removesuffix(".json") for key in keys]


def _batches_with_parts(s3: Any, bucket: str, dataset: str, since: str) -> frozenset[str]:
    """Return the batches, since that one, of which the ledger has a part for the dataset."""
    prefix = ledger_part(dataset, "", "").removesuffix("-.parquet")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, StartAfter=f"{prefix}{since}")
    keys = (entry["Key"] for page in pages for entry in page.get("Contents", []))
    return frozenset(key.removeprefix(prefix).rpartition("-")[0] for key in keys)


def _parts(s3: Any, bucket: str, batch_id: str, dataset: str) -> Iterator[tuple[str, str]]:
    """Yield the parts of the ledger that the batch has for one dataset: the attempt that was published, and its key."""
    prefix = ledger_part(dataset, batch_id, "").removesuffix(".parquet")
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for entry in page.get("Contents", []):
            yield entry["Key"].removeprefix(prefix).removesuffix(".parquet"), entry["Key"]


def _metadata(s3: Any, bucket: str, key: str) -> dict[str, str]:
    return dict(s3.head_object(Bucket=bucket, Key=key)["Metadata"])


def _deliveries(count: int) -> str:
    return "1 delivery" if count == 1 else f"{count} deliveries"


def _and_why(missing: dict[str, str]) -> str:
    return "; ".join(f"{name}: {seen}" for name, seen in missing.items())


def _and(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
