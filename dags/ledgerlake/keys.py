"""Keys of the lake's objects: pure functions, those of deliveries with their inverse.

A key follows from its arguments alone, so a retry finds what the first attempt wrote.
"""

from __future__ import annotations

import hashlib
import re

RAW = "raw/"
ARCHIVED = "archived/"
LEDGER = "ledger/"
BATCHES = "batches/"
OPEN_BATCHES = "batches/open/"
QUARANTINED = "batches/quarantined/"
ACCEPTED = "batches/accepted/"
DROPPED = "batches/dropped/"
LEASE = "control/lease.json"
CHECKS = "control/checks/"
NOTIFIED_KEYS = "control/notified_keys.json"
"""Of strays and ignored files: those that people were notified of."""
ATHENA_RESULTS = "athena-results/"
RUNS = "runs/"

DELIVERY_ID_LENGTH = 20

LONGEST_RAW_KEY = 974
"""In bytes. A key of S3 has at most 1024, and the archive's is 50 longer than the raw one."""

_ARCHIVED_KEY = re.compile(
    r"archived/(?P<folder>.+)/(?P<y>\d{4})(?P<mo>\d\d)(?P<d>\d\d)T(?P<h>\d\d)(?P<mi>\d\d)(?P<s>\d\d\.\d{6})Z"
    r"-(?P<id>[0-9a-f]{20})/(?P<name>[^/]+)",
    re.DOTALL,
)

_BATCH_ID = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{8}")


def raw_prefix(dataset: str) -> str:
    """Return the folder into which a dataset is delivered."""
    return f"{RAW}{dataset}/"


def table_prefix(table: str) -> str:
    """Return the folder of a Delta table."""
    return f"lakehouse-dwh/{table}/"


def manifest(batch_id: str) -> str:
    """Return the key of a batch's manifest."""
    return f"{BATCHES}{batch_id}.json"


def open_batch(batch_id: str) -> str:
    """Return the key of the mark of an open batch."""
    return f"{OPEN_BATCHES}{batch_id}.json"


def quarantined(batch_id: str) -> str:
    """Return the key of the mark of a quarantined batch."""
    return f"{QUARANTINED}{batch_id}.json"


def accepted(batch_id: str) -> str:
    """Return the key of the mark of an accepted batch."""
    return f"{ACCEPTED}{batch_id}.json"


def batch_of(prefix: str, key: str) -> str:
    """Invert `manifest`, `open_batch`, `quarantined` and `accepted`; empty for a key that they did not make."""
    batch_id = key.removeprefix(prefix).removesuffix(".json")
    return batch_id if key == f"{prefix}{batch_id}.json" and _BATCH_ID.fullmatch(batch_id) else ""


def dropped(batch_id: str) -> str:
    """Return the key of the mark of a dropped batch."""
    return f"{DROPPED}{batch_id}.json"


def check_failure(check: str, dataset: str) -> str:
    """Return the key of the failure of a check for a dataset."""
    return f"{CHECKS}{check}/{dataset}.json"


def publishing(dataset: str) -> str:
    """Return the key of the mark that names the batch while a stage of the dataset is being published."""
    return f"control/publishing/{dataset}.json"


def prepared(dataset: str) -> str:
    """Return the prefix of the rows that are parked when the publication ends, one object for each delivery."""
    return f"control/publishing/{dataset}/"


def prepared_part(dataset: str, delivery_id: str) -> str:
    """Return the key of the prepared rows of one delivery, which are copied to `parked_part`."""
    return f"{prepared(dataset)}{delivery_id}.parquet"


def staging(batch_id: str, dataset: str) -> str:
    """Return the folder of a stage, which has one folder for each attempt."""
    return f"staging/{batch_id}/{dataset}/"


def stage_summary(batch_id: str, dataset: str) -> str:
    """Return the key of a stage's summary. It is written last, so the stage is complete when it exists."""
    return f"staging/{batch_id}/{dataset}.json"


def ledger_part(dataset: str, batch_id: str, attempt: str) -> str:
    """Return the key of a part of the ledger.

    A batch has one part for each attempt that was published: one, unless its rules changed meanwhile.
    """
    return f"{LEDGER}dataset={dataset}/{batch_id}-{attempt}.parquet"


def run_record(batch_id: str) -> str:
    """Return the key of the record of the run that finished the batch; exactly one run finishes a batch."""
    return f"{RUNS}{batch_id}.json"


def rejected_prefix(dataset: str) -> str:
    """Return the folder of a dataset's rejects."""
    return f"rejected/{dataset}/"


def parked_prefix(dataset: str) -> str:
    """Return the folder of a dataset's parked rows."""
    return f"parked/{dataset}/"


def rejected_part(dataset: str, delivery_id: str) -> str:
    """Return the key of one delivery's rejects, an object that is replaced whenever it is processed."""
    return f"{rejected_prefix(dataset)}{delivery_id}.parquet"


def parked_part(dataset: str, delivery_id: str) -> str:
    """Return the key of one delivery's parked rows, an object that is replaced whenever some are released."""
    return f"{parked_prefix(dataset)}{delivery_id}.parquet"


def delivery_id(key: str, version_id: str) -> str:
    """Return the id of one version of one object: 20 characters that are safe in a key."""
    return hashlib.sha256(f"{key}\n{version_id}".encode()).hexdigest()[:DELIVERY_ID_LENGTH]


def archived(key: str, landed_at: str, version_id: str) -> str:
    """Return the archive key of the delivery of raw key `key`.

    `raw/orders/2025-04-01.csv`, landed 2025-04-02T08:00:00.000000Z, becomes
    `archived/orders/20250402T080000.000000Z-<delivery id>/2025-04-01.csv`: the file keeps its
    name, and two deliveries of one name are kept apart.
    """
    folder, _, name = key.removeprefix(RAW).rpartition("/")
    stamp = landed_at.replace("-", "").replace(":", "")
    return f"{ARCHIVED}{folder}/{stamp}-{delivery_id(key, version_id)}/{name}"


def archived_from(archive_key: str) -> tuple[str, str, str] | None:
    """Return the raw key, landed_at and delivery id of an archive key; None for a key that `archived` did not make."""
    found = _ARCHIVED_KEY.fullmatch(archive_key)
    if found is None:
        return None
    year, month, day, hour, minute, second = (found[name] for name in ("y", "mo", "d", "h", "mi", "s"))
    return f"{RAW}{found['folder']}/{found['name']}", f"{year}-{month}-{day}T{hour}:{minute}:{second}Z", found["id"]
