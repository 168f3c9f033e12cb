"""The stage: a batch's verdict for one dataset, written once, from which everything is published.

`staging/<batch>/<dataset>/<attempt>/` holds every row with its fate (partitioned by it). A summary,
written last, says which attempt is complete. A retry that finds a summary of the same code, contract
and table versions resumes from that stage, so it publishes what the first try would have.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from ledgerlake import keys
from ledgerlake.contracts import Dataset
from ledgerlake.intake.deliveries import Delivery
from ledgerlake.planning import stages
from ledgerlake.planning.control import fields_of
from ledgerlake.tables.ledger import LedgerEntry, check_balance
from ledgerlake_glue import withdrawal as withdrawals
from ledgerlake_glue.accounting import Accounts, Broken, count_rows
from ledgerlake_glue.arrivals import Arrival, Arrivals, lineage
from ledgerlake_glue.candidates import Candidates
from ledgerlake_glue.objects import s3
from ledgerlake_glue.parking import parked_arrivals
from ledgerlake_glue.tables import LakeTable
from ledgerlake_glue.withdrawal import Withdrawal

_WRITTEN_QUICKLY = {
    # It is read twice: to look each value up in a dictionary would take longer than it saves.
    "parquet.enable.dictionary": "false",
    # Each task moves its own files, once. Half a folder is no harm: only what a summary names is ever read.
    "mapreduce.fileoutputcommitter.algorithm.version": "2",
    "mapreduce.fileoutputcommitter.marksuccessfuljobs": "false",
}
"""How a stage is written."""


DROPPED = "dropped"
"""The rule that a delivery breaks which an operator has dropped."""


@dataclass(frozen=True)
class Summary:
    """What a complete stage holds.

    Args:
        attempt: whose rows it is about.
        made_by: digest of the code and contract that made it.
        seen: by table, the Delta version that the verdict was compared with.
        arrivals: the deliveries that the numbers in `_delivery` stand for.
        entries: the ledger's, one for each delivery that has rows in the stage.
        parking: deliveries whose part of the parking is written anew.
        replaced: withdrawn rows whose place another row takes.
        touched: partitions with rows of the table that are updated or withdrawn.
        unknown: by raw key, columns of the file that the contract does not have.
        blank_rows: by raw key, rows without any value, which are counted nowhere else.
        absent: by raw key and optional column that the file does not have, rows that lost a value by that.
        broken: by raw key, why the file was rejected whole.
        files: objects that hold the rows; None when an earlier release has made the stage.
    """

    attempt: str
    made_by: str
    seen: dict[str, int]
    arrivals: tuple[Arrival, ...]
    entries: tuple[LedgerEntry, ...]
    parking: tuple[str, ...]
    replaced: int
    touched: tuple[str, ...]
    unknown: dict[str, list[str]]
    blank_rows: dict[str, int] = field(default_factory=dict)
    absent: dict[str, dict[str, int]] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    files: int | None = None

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> Summary:
        """Return the summary that was written as JSON."""
        entries = tuple(LedgerEntry(**fields_of(LedgerEntry, entry)) for entry in body["entries"])
        arrivals = tuple(Arrival(**fields_of(Arrival, arrival)) for arrival in body["arrivals"])
        summary = replace(cls(**fields_of(cls, body)), arrivals=arrivals, entries=entries)
        return replace(summary, parking=tuple(body["parking"]), touched=tuple(body["touched"]))

    def total(self, count: str) -> int:
        """Of one of the ledger's counts."""
        return sum(getattr(entry, count) or 0 for entry in self.entries)

    def expected(self) -> dict[str, int]:
        """Return the changes that the MERGE has to make.

        A row that takes a withdrawn one's place is an update to Delta.
        """
        return {
            "inserted": self.total("inserted") - self.replaced,
            "updated": self.total("updated") + self.replaced,
            "deleted": self.total("withdrawn") - self.replaced,
        }


class Stage:
    """The stage of one batch and dataset."""

    def __init__(self, spark: SparkSession, dataset: Dataset, batch_id: str, bucket: str) -> None:
        """Name the stage of one dataset and batch."""
        self.spark, self.dataset, self.batch_id, self.bucket = spark, dataset, batch_id, bucket
        self._folder = f"s3://{bucket}/{keys.staging(batch_id, dataset.name)}"
        self._summary_key = keys.stage_summary(batch_id, dataset.name)
        self._read: dict[str, DataFrame] = {}

    def summary(self) -> Summary | None:
        """Of the complete stage; None when there is none, or none that can be believed."""
        body = stages.summary(s3(), self.bucket, self.batch_id, self.dataset.name)
        return Summary.from_json(body) if body else None

    def is_whole(self, summary: Summary) -> bool:
        """Return whether every object with rows is still there: those of `staging/` expire one after the other."""
        return summary.files is None or self._files(summary.attempt) == summary.files

    def _files(self, attempt: str) -> int:
        if not attempt:  # nothing was delivered, and nothing parked
            return 0
        folder = f"{keys.staging(self.batch_id, self.dataset.name)}{attempt}/"
        pages = s3().get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=folder)
        return sum(entry["Key"].endswith(".parquet") for page in pages for entry in page.get("Contents", []))

    def rows(self, summary: Summary, *fates: str, together: Sequence[str] = ()) -> DataFrame:
        """Return the staged rows of the given fates, with their lineage.

        Args:
            together: columns by which the rows are brought together, while they have no lineage to be moved with them.
        """
        rows = self._written(summary.attempt).where(F.col("_fate").isin(*fates))
        return (rows.repartition(*together) if together else rows).select("*", *lineage(summary.arrivals))

    def _dated(self, attempt: str, arrivals: Iterable[Arrival]) -> DataFrame:
        return self._written(attempt).select("*", *lineage(arrivals))

    def _written(self, attempt: str) -> DataFrame:
        if attempt not in self._read:  # to list the folder and to learn the columns is work for Spark
            self._read[attempt] = self.spark.read.parquet(f"{self._folder}{attempt}/")
        return self._read[attempt]

    def make(
        self,
        deliveries: tuple[Delivery, ...],
        tables: Mapping[str, LakeTable],
        made_by: str,
        *,
        parents_withdrew: bool,
        dropped: Mapping[str, str],
    ) -> Summary:
        """Read, validate and judge the deliveries and the parked rows; write the stage.

        Args:
            tables: of the dataset itself and of its parents, by name.
            parents_withdrew: rows of a parent's table were withdrawn in this batch.
            dropped: reasons by the id of a delivery that an operator has dropped: it is rejected whole, unread.

        Raises:
            ConservationError: a row would be accounted for nowhere. Nothing is published then.
        """
        seen = {name: table.version() for name, table in tables.items()}
        parked = tuple(parked_arrivals(self.spark, self.dataset, self.bucket))
        arrivals = Arrivals(deliveries, parked)
        broken = {arrivals.numbers[delivery]: f"{DROPPED}: {reason}" for delivery, reason in dropped.items()}
        attempt, accounts = self._attempt(arrivals, tables, broken, None)
        withdrawal = self._withdrawal(attempt, accounts, arrivals, tables, parents_withdrew)
        if withdrawal:
            reasons = {arrivals.ordered[number].delivery_id: reason for number, reason in broken.items()}
            arrivals = Arrivals(deliveries, parked, withdrawal.hidden, withdrawal.arrivals)
            broken = {arrivals.numbers[delivery]: reason for delivery, reason in reasons.items()}
            attempt, accounts = self._attempt(arrivals, tables, broken, withdrawal)
        summary = self._summary(attempt, accounts, arrivals, made_by, seen)
        check_balance(list(summary.entries))
        body = json.dumps(asdict(summary), indent=1).encode()
        s3().put_object(Bucket=self.bucket, Key=self._summary_key, Body=body)
        return summary

    def _attempt(
        self, arrivals: Arrivals, tables: Mapping[str, LakeTable], broken: dict[int, str], withdrawal: Withdrawal | None
    ) -> tuple[str, Accounts]:
        """Write the rows of a new attempt, and count them."""
        candidates = Candidates(self.spark, self.dataset, self.bucket, arrivals, withdrawal)
        while arrivals.ordered:
            attempt = uuid.uuid4().hex[:8]
            judged = candidates.judged(tables, broken, f"{self._folder}{attempt}-read/")
            judged.write.options(**_WRITTEN_QUICKLY).partitionBy("_fate").parquet(f"{self._folder}{attempt}/")
            try:
                return attempt, count_rows(self._written(attempt), arrivals)
            except Broken as error:
                # The reader had passed on rows before it met the fault: once more, without them.
                broken |= error.files
        return "", Accounts()

    def _withdrawal(
        self, attempt: str, accounts: Accounts, arrivals: Arrivals, tables: Mapping[str, LakeTable], parents: bool
    ) -> Withdrawal | None:
        own = tables[self.dataset.name]
        opened = Arrivals((each for each in arrivals.batch if each.id not in accounts.missing), arrivals.parked)
        if not (opened.batch or parents) or (own.version() == 0 and own.is_empty()):
            return None
        keys = {ref.dataset: tables[ref.dataset].keys() for ref in self.dataset.references} if parents else None
        staged = self._dated(attempt, arrivals.ordered) if attempt else None
        return withdrawals.find(self.dataset, staged, own.read(), opened, keys, self.bucket)

    def _summary(
        self, attempt: str, accounts: Accounts, arrivals: Arrivals, made_by: str, seen: dict[str, int]
    ) -> Summary:
        entries = tuple(
            LedgerEntry(
                batch_id=self.batch_id,
                dataset=self.dataset.name,
                source_file=arrival.source_file,
                landed_at=arrival.landed_at,
                **{"lines_rejected": 0, **accounts.counts[arrival.delivery_id]},
            )
            for arrival in arrivals.ordered
            if arrival.delivery_id in accounts.counts
        )
        parking = tuple(sorted({arrival.delivery_id for arrival in arrivals.ordered} - accounts.missing))
        touched = tuple(sorted(accounts.touched))
        return Summary(
            attempt,
            made_by,
            seen,
            arrivals.ordered,
            entries,
            parking,
            accounts.replaced,
            touched,
            accounts.unknown,
            dict(accounts.blank_rows),
            accounts.absent,
            accounts.broken,
            self._files(attempt),
        )
