"""Proof that a lake works from end to end, by deliveries that hold no row.

One file of each dataset, with its header and nothing else, goes the whole way of a delivery: event,
queue, orchestrator, jobs, ledger, checks, archive, notification. Tables keep their rows, as there are
none to add or to change; the ledger keeps three lines that say that nothing was read. The archived
files are removed at the end.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cli.clients import athena
from cli.clients.connection import Connection
from cli.clients.smoke_mailbox import Mailbox
from cli.failures import Failed, TimedOut
from cli.views.status import Verdict, assess, describe
from cli.views.waiting import airflow_of, failure, read_status
from ledgerlake.contracts import DATASETS
from ledgerlake.intake.deliveries import Delivery, waiting
from ledgerlake.keys import BATCHES, raw_prefix
from ledgerlake.planning import batch
from ledgerlake.planning.batch import Batch
from ledgerlake.planning.manifest import readable
from ledgerlake.storage.objects import exists

_POLL_SECONDS = 3.0
_COUNTS = ("rows_read", "released", "inserted", "updated", "unchanged", "superseded", "rejected", "parked", "withdrawn")
_CLOCKS = timedelta(minutes=5)
"""By so much the clock here may differ from that of who plans."""


@dataclass(frozen=True)
class Smoke:
    """One test of one lake.

    Args:
        say: receives a line for each thing that works.
        timeout: in seconds, for all of it.
    """

    lake: Connection
    say: Callable[[str], None]
    timeout: float

    def run(self) -> str:
        """Do it; returns the batch.

        Raises:
            Failed: the run failed, or something that belongs to a delivery did not happen.
            TimedOut: the run continues without this command.
        """
        since, until = datetime.now(UTC), time.monotonic() + self.timeout
        with Mailbox.open(self.lake, since) as mailbox:
            deliveries = self._deliver(since)
            self.say(f"{len(deliveries)} files without a row are in raw/")
            done = self._wait(deliveries, since, until)
            self.say(f"batch {done.batch_id} was loaded, checked, acknowledged and archived")
            self._check_no_rows(done, deliveries)
            self.say("the ledger says that nothing was read and nothing changed")
            mailbox.wait_for(done.batch_id)
            self.say("the notification has come")
        self._forget(deliveries)
        self.say("the archived files are removed; three lines of the ledger stay")
        return done.batch_id

    def _deliver(self, since: datetime) -> tuple[Delivery, ...]:
        name = f"ledgerlake-smoke-{since:%Y%m%dT%H%M%SZ}.csv"
        keys = {raw_prefix(dataset.name) + name: _header(dataset.name) for dataset in DATASETS.values()}
        for key, body in keys.items():
            self.lake.s3.put_object(Bucket=self.lake.bucket, Key=key, Body=body)
        found = tuple(each for each in waiting(self.lake.s3, self.lake.bucket).deliveries if each.key in keys)
        if len(found) != len(keys):
            raise Failed(f"{len(found)} of {len(keys)} files are in raw/", expected="all that were just delivered")
        return found

    def _wait(self, deliveries: tuple[Delivery, ...], since: datetime, until: float) -> Batch:
        """Until all are archived and their batch is closed."""
        airflow = airflow_of(self.lake)
        while True:
            if all(self._archived(each) for each in deliveries) and (done := self._batch(deliveries, since)):
                return done
            status = read_status(self.lake, airflow)
            if assess(status, since) is Verdict.FAILED:
                raise failure(self.lake, status, since, airflow)
            if time.monotonic() > until:
                raise TimedOut(
                    f"after {self.timeout:.0f} s: {'; '.join(describe(status))}",
                    expected="the files of the smoke test in archived/, and their batch closed",
                    remedy="ledgerlake status; then again: ledgerlake smoke --timeout SECONDS",
                )
            time.sleep(_POLL_SECONDS)

    def _archived(self, delivery: Delivery) -> bool:
        return exists(self.lake.s3, self.lake.bucket, delivery.archive_key)

    def _batch(self, deliveries: tuple[Delivery, ...], since: datetime) -> Batch | None:
        """Return the closed batch that holds all files: an orchestrator may have begun it as the files landed."""
        first, wanted = f"{since - _CLOCKS:%Y%m%dT%H%M%SZ}", {each.id for each in deliveries}
        opened = batch.open_batches(self.lake.s3, self.lake.bucket)
        found: set[str] = set()
        last = None
        for loaded in readable(self.lake.s3, self.lake.bucket, self._batches_from(first)):
            mine = wanted & {each.id for each in loaded.deliveries}
            if mine and loaded.batch_id in opened:
                return None
            found, last = found | mine, loaded if mine else last
        return last if found == wanted else None

    def _batches_from(self, first: str) -> list[str]:
        pages = self.lake.s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.lake.bucket, Prefix=BATCHES, Delimiter="/", StartAfter=f"{BATCHES}{first}"
        )
        keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
        return [key.removeprefix(BATCHES).removesuffix(".json") for key in keys]

    def _check_no_rows(self, done: Batch, deliveries: tuple[Delivery, ...]) -> None:
        files = ", ".join(f"'{each.key}'" for each in deliveries)
        sums = ", ".join(f"sum({name}) AS {name}" for name in _COUNTS)
        found = athena.ask(
            self.lake,
            f"SELECT count(DISTINCT source_file) AS entries, {sums} FROM ledger WHERE source_file IN ({files})",
        ).rows
        counts = dict(zip(("entries", *_COUNTS), (int(value or 0) for value in found[0]), strict=True))
        expected = {"entries": len(deliveries), **dict.fromkeys(_COUNTS, 0)}
        if counts != expected:
            raise Failed(
                f"the ledger says of the files of the smoke test: {json.dumps(counts)}",
                expected=json.dumps(expected),
                remedy=f"ledgerlake ledger {done.batch_id}",
            )

    def _forget(self, deliveries: tuple[Delivery, ...]) -> None:
        for each in deliveries:
            key = each.archive_key
            pages = self.lake.s3.get_paginator("list_object_versions").paginate(Bucket=self.lake.bucket, Prefix=key)
            for version in (version for page in pages for version in page.get("Versions", [])):
                self._delete(key, version)

    def _delete(self, key: str, version: dict[str, Any]) -> None:
        if version["Key"] == key:
            self.lake.s3.delete_object(Bucket=self.lake.bucket, Key=key, VersionId=version["VersionId"])


def _header(dataset: str) -> bytes:
    return (",".join(column.name for column in DATASETS[dataset].columns) + "\n").encode()
