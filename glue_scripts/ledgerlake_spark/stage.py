"""The stage: a batch's verdict for one dataset, written once, from which everything is published.

`staging/<batch>/<dataset>/` holds every row with its fate (partitioned by it), and a summary
written last says that it is complete. A retry that finds a summary of the same code, contract and
table versions goes on from the stage, so it publishes what the first try would have.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from ledgerlake import places
from ledgerlake.contracts import Dataset
from ledgerlake.deliveries import Delivery
from ledgerlake.ledger import LedgerEntry, refuse_imbalance
from ledgerlake.storage import get_json
from ledgerlake_spark.accounting import Accounts, Broken, account
from ledgerlake_spark.arrivals import Arrivals
from ledgerlake_spark.objects import s3
from ledgerlake_spark.parking import parked_arrivals, parked_rows
from ledgerlake_spark.reading import read_deliveries
from ledgerlake_spark.tables import LakeTable
from ledgerlake_spark.validation import validate
from ledgerlake_spark.verdict import judge


@dataclass(frozen=True)
class Summary:
    """What a complete stage holds.

    Args:
        made_by: digest of the code and contract that made it.
        seen: by table, the Delta version that the verdict was compared with.
        entries: the ledger's, one for each delivery that has rows in the stage.
        restored: deliveries of earlier batches whose parked rows were candidates.
        unknown: by raw key, columns of the file that the contract does not have.
    """

    made_by: str
    seen: dict[str, int]
    entries: tuple[LedgerEntry, ...]
    restored: tuple[str, ...]
    unknown: dict[str, list[str]]

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> Summary:
        entries = tuple(LedgerEntry(**entry) for entry in body["entries"])
        return cls(body["made_by"], body["seen"], entries, tuple(body["restored"]), body["unknown"])

    def expected(self) -> dict[str, int]:
        """What the MERGE has to do."""
        return {fate: sum(getattr(entry, fate) for entry in self.entries) for fate in ("inserted", "updated")}


class Stage:
    """The stage of one batch and dataset."""

    def __init__(self, spark: SparkSession, dataset: Dataset, batch_id: str, bucket: str) -> None:
        self.spark, self.dataset, self.batch_id, self.bucket = spark, dataset, batch_id, bucket
        self.uri = f"s3://{bucket}/{places.staging(batch_id, dataset.name)}"
        self._summary_key = places.stage_summary(batch_id, dataset.name)

    def summary(self) -> Summary | None:
        """Of the complete stage; None when there is none."""
        body = get_json(s3(), self.bucket, self._summary_key)
        return Summary.from_json(body) if body else None

    def rows(self, *fates: str) -> DataFrame:
        """The staged rows of the given fates, with their lineage."""
        return self.spark.read.parquet(self.uri).where(F.col("_fate").isin(*fates))

    def make(self, deliveries: tuple[Delivery, ...], tables: Mapping[str, LakeTable], made_by: str) -> Summary:
        """Read, validate and judge the deliveries and the parked rows; write the stage.

        Args:
            tables: of the dataset itself and of its parents, by name.

        Raises:
            ConservationError: a row would be accounted for nowhere. Nothing is published then.
        """
        arrivals = Arrivals(deliveries, parked_arrivals(self.spark, self.dataset, self.bucket))
        seen = {name: table.version() for name, table in tables.items()}
        broken: dict[int, str] = {}
        accounts = Accounts()
        while arrivals.ordered:
            self._write(arrivals, tables, broken)
            try:
                accounts = account(self.spark.read.parquet(self.uri), arrivals)
                break
            except Broken as error:
                # The reader had passed on rows before it met the fault: once more, without them.
                broken |= error.files
        entries = tuple(
            LedgerEntry(
                batch_id=self.batch_id,
                dataset=self.dataset.name,
                source_file=arrival.source_file,
                landed_at=arrival.landed_at,
                **accounts.counts[arrival.delivery_id],
            )
            for arrival in arrivals.ordered
            if arrival.delivery_id in accounts.counts
        )
        refuse_imbalance(list(entries))
        restored = tuple(arrival.delivery_id for arrival in arrivals.parked)
        summary = Summary(made_by, seen, entries, restored, accounts.unknown)
        body = json.dumps(asdict(summary), indent=1).encode()
        s3().put_object(Bucket=self.bucket, Key=self._summary_key, Body=body)
        return summary

    def _write(self, arrivals: Arrivals, tables: Mapping[str, LakeTable], broken: Mapping[int, str]) -> None:
        read = read_deliveries(self.spark, self.dataset, arrivals.to_read(), self.bucket, broken)
        candidates = validate(read, self.dataset).withColumn("_parked_in", F.lit(None).cast("string"))
        if arrivals.parked:
            parked = parked_rows(self.spark, self.dataset, self.bucket, arrivals)
            candidates = candidates.unionByName(parked, allowMissingColumns=True)
        dated = candidates.join(F.broadcast(arrivals.frame(self.spark)), "_delivery")
        parents = {reference.dataset: tables[reference.dataset].keys() for reference in self.dataset.references}
        judged = judge(dated, tables[self.dataset.name].read(), parents, self.dataset)
        judged.drop("_delivery").write.mode("overwrite").partitionBy("_fate").parquet(self.uri)
