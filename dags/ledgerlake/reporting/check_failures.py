"""Open check failures: a check over a table describes the table, not a batch.

The run that first observes a failure fails and reports it. Its batch is closed all the same, so newer deliveries are
processed. The failure stays open, as an object in S3, until the check passes in a later run.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from ledgerlake import keys
from ledgerlake.display import display_text
from ledgerlake.errors import DamagedControlObject
from ledgerlake.intake.deliveries import iso
from ledgerlake.planning import control
from ledgerlake.tables.checks import LIMIT, Check

log = logging.getLogger(__name__)

NAMED = 10
"""The number of offending keys that are kept and named."""

Row = Mapping[str, str | None]


@dataclass(frozen=True)
class CheckFailure:
    """Rows of one dataset that violate a check.

    Args:
        says: the condition that should hold.
        since, batch_id, run_id: when, and by which batch and run, the failure was first observed.
        count: the number of offending rows at the last observation; the query names at most `LIMIT` of a kind.
        keys: the first offending keys, each with its detail.
        closed_at, closed_by: when and in which run the check passed; empty while the failure is open.
    """

    check: str
    dataset: str
    says: str
    since: str
    batch_id: str
    run_id: str
    count: int
    keys: tuple[str, ...]
    closed_by: str = ""
    closed_at: str = ""

    @property
    def is_open(self) -> bool:
        """Return whether no later run has seen the check pass."""
        return not self.closed_at

    @property
    def step(self) -> str:
        """The name of the check as a step of both orchestrators."""
        return f"checks.{self.check}"

    @property
    def finding(self) -> str:
        """The condition and the rows that violate it."""
        count = f"at least {self.count} rows" if self.count >= LIMIT else f"{self.count} rows"
        more = ", …" if self.count > len(self.keys) else ""
        return f"not true that {self.says}: {'1 row' if self.count == 1 else count}: {', '.join(self.keys)}{more}"

    def __str__(self) -> str:
        """Return the check, its dataset and its finding."""
        return f"{self.check} of {self.dataset}: {self.finding}"

    @property
    def still_open(self) -> str:
        """The failure as later runs and the command report it."""
        return f"still open since {self.since[:19]}Z (batch {self.batch_id}): {self}"

    @property
    def passes_again(self) -> str:
        """The report that the check passes again."""
        return f"{self.check} of {self.dataset} passes again; it had failed since {self.since[:19]}Z"


@dataclass(frozen=True)
class Observed:
    """Check failures from the perspective of one run.

    Args:
        first: first observed by this run.
        still: open since an earlier run.
        closed: closed by this run, since the check passes again.
    """

    first: tuple[CheckFailure, ...] = field(default_factory=tuple)
    still: tuple[CheckFailure, ...] = field(default_factory=tuple)
    closed: tuple[CheckFailure, ...] = field(default_factory=tuple)

    @classmethod
    def of(cls, failures: Iterable[CheckFailure], run_id: str) -> Observed:
        """Return the failures, sorted by what the run has observed of each."""
        known = tuple(failures)
        return cls(
            first=tuple(each for each in known if each.is_open and each.run_id == run_id),
            still=tuple(each for each in known if each.is_open and each.run_id != run_id),
            closed=tuple(each for each in known if each.closed_by == run_id),
        )


def observe(s3: Any, bucket: str, check: Check, rows: Sequence[Row], *, run_id: str, batch_id: str) -> Observed:
    """Record the result of a check; a repetition by the same run returns the same.

    Call this under the lease, so that no other run evaluates the check at the same time.

    Args:
        rows: every offending row, as (dataset, offending, detail); none when the check passes.
        run_id: the observing run. A retry of it still counts as the first to have observed a failure.
    """
    now = iso(datetime.now(UTC))
    before = {each.dataset: each for each in _of_check(s3, bucket, check.name)}
    after: list[CheckFailure] = []
    for dataset in sorted({str(row["dataset"]) for row in rows} | set(before)):
        known = before.get(dataset)
        broken = [row for row in rows if row["dataset"] == dataset]
        if broken:
            opened = known if known and known.is_open else None
            failure = CheckFailure(
                check.name, dataset, check.says, now, batch_id, run_id, len(broken), tuple(map(_key, broken[:NAMED]))
            )
            if opened:
                failure = replace(failure, since=opened.since, batch_id=opened.batch_id, run_id=opened.run_id)
            after.append(failure)
        elif known:
            after.append(replace(known, closed_by=run_id, closed_at=now) if known.is_open else known)
    for each in after:
        if each != before.get(each.dataset):
            _write(s3, bucket, each)
    return Observed.of(after, run_id)


def of_run(s3: Any, bucket: str, run_id: str) -> Observed:
    """Return all check failures from the perspective of the run, including checks that it has not evaluated."""
    return Observed.of(_listed(s3, bucket, keys.CHECKS), run_id)


def open_failures(s3: Any, bucket: str) -> tuple[CheckFailure, ...]:
    """Return the open failures, in the order of their checks."""
    return tuple(each for each in _listed(s3, bucket, keys.CHECKS) if each.is_open)


def _key(row: Row) -> str:
    return f"{display_text(row['offending'] or '')} ({display_text(row['detail'] or '')})"


def _of_check(s3: Any, bucket: str, check: str) -> tuple[CheckFailure, ...]:
    return _listed(s3, bucket, keys.check_failure(check, "").removesuffix(".json"))


def _listed(s3: Any, bucket: str, prefix: str) -> tuple[CheckFailure, ...]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    keys = sorted(entry["Key"] for page in pages for entry in page.get("Contents", []))
    failures = (_read(s3, bucket, key) for key in keys)
    return tuple(each for each in failures if each is not None)


def _read(s3: Any, bucket: str, key: str) -> CheckFailure | None:
    """Return the failure; None for a damaged object, which the next run that observes the failure rewrites."""
    try:
        stored = control.read(s3, bucket, control.CHECK_FAILURE, key)
    except DamagedControlObject as error:
        log.warning("%s", error)
        return None
    if stored is None:
        return None
    return CheckFailure(**{**control.fields_of(CheckFailure, stored.value), "keys": tuple(stored.value["keys"])})


def _write(s3: Any, bucket: str, failure: CheckFailure) -> None:
    key = keys.check_failure(failure.check, failure.dataset)
    body = json.dumps(asdict(failure), indent=1).encode()
    s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType="application/json")
