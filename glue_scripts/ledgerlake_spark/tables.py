"""The only module that writes tables.

Each table has one writer, its dataset's Glue job, which AWS runs once at a time. A commit carries
its batch twice: as a Delta transaction, so that it cannot happen twice, and in its metadata, so
that a retry finds what the first try did.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

from delta.tables import DeltaTable
from pyspark.sql import DataFrame, SparkSession

from ledgerlake.catalogue import delta_columns
from ledgerlake.contracts import Dataset
from ledgerlake.errors import VerdictError

_CONF = "spark.databricks.delta."
_PROPERTIES = {
    "delta.enableDeletionVectors": "false",  # Athena reads neither these
    "delta.columnMapping.mode": "none",  # nor these
    "delta.setTransactionRetentionDuration": "interval 365 days",
}


class LakeTable:
    """The Delta table of one dataset.

    Args:
        path: `s3://…/lakehouse-dwh/<dataset>/`.
    """

    def __init__(self, spark: SparkSession, dataset: Dataset, path: str) -> None:
        self.spark, self.dataset, self.path = spark, dataset, path.rstrip("/")  # Delta compares paths as text

    def create_if_missing(self) -> None:
        """Make the empty table from the contract; does nothing when it is there."""
        if DeltaTable.isDeltaTable(self.spark, self.path):
            return
        docs = {column.name: column.doc for column in self.dataset.columns}
        builder = DeltaTable.createIfNotExists(self.spark).location(self.path).comment(self.dataset.doc)
        for name, kind in delta_columns(self.dataset):
            builder = builder.addColumn(name, kind, comment=docs.get(name, ""))
        for name, value in _PROPERTIES.items():
            builder = builder.property(name, value)
        builder.partitionedBy(*self.dataset.partition_by).execute()

    def read(self) -> DataFrame:
        return self.spark.read.format("delta").load(self.path)

    def keys(self) -> DataFrame:
        """Every key, once: even a table that somebody has damaged must not multiply what is joined to it."""
        return self.read().select(*self.dataset.key).distinct()

    def version(self) -> int:
        """Of the last commit."""
        return int(DeltaTable.forPath(self.spark, self.path).history(1).select("version").first()[0])

    def committed(self, batch_id: str) -> dict[str, int] | None:
        """What the batch's MERGE did, from the table's history; None when it has not happened."""
        history = DeltaTable.forPath(self.spark, self.path).history()
        commits = history.where("userMetadata is not null").select("userMetadata", "operationMetrics")
        for row in commits.toLocalIterator():
            if json.loads(row.userMetadata).get("batch_id") == batch_id:
                return _counts(row.operationMetrics)
        return None

    def merge(self, rows: DataFrame, batch_id: str, expected: dict[str, int]) -> None:
        """Publish the verdict: rows to insert and rows to update, in one commit.

        Args:
            rows: the table's columns; one row a key.
            expected: `inserted` and `updated` rows, as the verdict counted them.

        Raises:
            VerdictError: the commit did something else.
        """
        rows.createOrReplaceTempView("verdict")
        same_key = " and ".join(f"t.`{name}` = s.`{name}`" for name in self.dataset.key)
        version = "struct({0}._landed_at, {0}._source_file, {0}._source_row)"
        with self._carrying(batch_id):
            answer = self.spark.sql(f"""
                merge into delta.`{self.path}` t using verdict s on {same_key}
                when matched and {version.format("s")} >= {version.format("t")} then update set *
                when not matched then insert *""").first()
        # Delta leaves a transaction that it has already seen undone, and then answers nothing.
        done = {"inserted": answer.num_inserted_rows, "updated": answer.num_updated_rows} if answer else None
        self._refuse_other_than(expected, batch_id, done or self.committed(batch_id))

    def _refuse_other_than(self, expected: dict[str, int], batch_id: str, done: dict[str, int] | None) -> None:
        if done != expected:
            raise VerdictError(
                f"{self.dataset.name}: the MERGE of {batch_id} did {done}",
                expected=f"the verdict {expected}",
                remedy=f"has somebody else written to {self.path}? DESCRIBE HISTORY shows it; "
                "RESTORE the version before, then let the run try again",
            )

    @contextmanager
    def _carrying(self, batch_id: str) -> Iterator[None]:
        names = {
            f"{_CONF}write.txnAppId": f"ledgerlake/{batch_id}",
            f"{_CONF}write.txnVersion": "1",
            f"{_CONF}commitInfo.userMetadata": json.dumps({"batch_id": batch_id}),
        }
        for name, value in names.items():
            self.spark.conf.set(name, value)
        try:
            yield
        finally:
            for name in names:
                self.spark.conf.unset(name)


def _counts(metrics: dict[str, str]) -> dict[str, int]:
    return {
        "inserted": int(metrics.get("numTargetRowsInserted", 0)),
        "updated": int(metrics.get("numTargetRowsUpdated", 0)),
    }
