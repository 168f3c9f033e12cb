"""Candidates: every row that a batch may bring into a table, from wherever it comes, with its fate."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from ledgerlake import keys
from ledgerlake.contracts import Dataset
from ledgerlake.storage.objects import exists
from ledgerlake_glue.arrivals import Arrivals, lineage
from ledgerlake_glue.objects import s3
from ledgerlake_glue.parking import parked_rows
from ledgerlake_glue.pruning import Ranges, merged, ranges, within
from ledgerlake_glue.reading import read_deliveries
from ledgerlake_glue.sections import sections
from ledgerlake_glue.session import FEW, text_of
from ledgerlake_glue.tables import LakeTable
from ledgerlake_glue.validation import validate
from ledgerlake_glue.verdict import WITHDRAWN, judge
from ledgerlake_glue.withdrawal import Withdrawal, older_versions

_LINEAGE = ("_source_file", "_source_row", "_landed_at")


class Candidates:
    """The rows of the batch's deliveries, of the parking, and those that withdrawn rows have hidden."""

    def __init__(
        self, spark: SparkSession, dataset: Dataset, bucket: str, arrivals: Arrivals, withdrawal: Withdrawal | None
    ) -> None:
        """Collect the candidates of one batch."""
        self.spark, self.dataset, self.bucket = spark, dataset, bucket
        self.arrivals, self.withdrawal = arrivals, withdrawal

    def judged(self, tables: Mapping[str, LakeTable], broken: Mapping[int, str], read_into: str) -> DataFrame:
        """Every row of the stage with its `_fate`.

        Args:
            broken: files found unreadable in an earlier pass, by number; they are not opened.
            read_into: a folder of its own, for rows that have to be looked at before they are judged.

        Returns:
            The contract's columns, `_delivery`, `_source_row`, and what the steps on the way have found:
            `_problem`, `_reasons`, `_rows_read`, `_unknown`, `_parked_in`, `_restored`, `_missing`,
            `_replaces` (the row takes the place of a withdrawn one), `_was` (the partition of the table's
            row that is updated or withdrawn).
        """
        rows = self._read(tables, broken)
        if self.withdrawal is not None:
            rows = self._dated(rows).unionByName(self._restored(broken), allowMissingColumns=True)
        rows, table, parents = self._looked_up(rows, tables, read_into)
        if self.withdrawal is None:
            judged = judge(rows, table, parents, self.dataset, lineage(self.arrivals.ordered))
            return judged.withColumn("_replaces", F.lit(False)).drop("_from_table")
        keys = self.withdrawal.rows.select(*self.dataset.key)
        left = table.join(F.broadcast(keys), list(self.dataset.key), "left_anti").select(*table.columns)
        judged = judge(rows, left, parents, self.dataset)
        marked = judged.join(F.broadcast(keys.withColumn("_gap", F.lit(True))), list(self.dataset.key), "left")
        marked = marked.withColumn("_replaces", F.expr("_fate = 'inserted' and _gap is not null"))
        # An older version that stays hidden stays what it was; it is no news.
        news = marked.where("not (_restored and _fate = 'superseded' and not _from_table)")
        return (
            news.select(*judged.columns, "_replaces")
            .unionByName(self._withdrawn(), allowMissingColumns=True)
            .drop("_delivery_id", "_source_file", "_landed_at", "_from_table")
        )

    def _looked_up(
        self, rows: DataFrame, tables: Mapping[str, LakeTable], read_into: str
    ) -> tuple[DataFrame, DataFrame, dict[str, DataFrame]]:
        """Return the candidates, the table and the parents' keys; of large tables only what the candidates can meet."""
        large = {name for name, table in tables.items() if table.is_large}
        columns = {reference.column: reference.dataset for reference in self.dataset.references}
        wanted: dict[str, Ranges] = {}
        if large:
            rows.write.parquet(read_into)
            rows = self.spark.read.parquet(read_into)
            valid = rows.where("_reasons is null and _rows_read is null")
            wanted = ranges(valid, sorted({self.dataset.key[0], *columns}), self.dataset.partition_by)
        parents = {}
        for name in dict.fromkeys(columns.values()):
            referenced = [
                pair for column, parent in columns.items() if parent == name for pair in wanted.get(column, [])
            ]
            parents[name] = tables[name].keys(merged(referenced) if name in large else None)
        table = tables[self.dataset.name].read()
        if self.dataset.name in large:
            table = table.where(within(self.dataset.key[0], wanted[self.dataset.key[0]]))
        return rows, table, parents

    def _read(self, tables: Mapping[str, LakeTable], broken: Mapping[int, str]) -> DataFrame:
        plan = self.arrivals.to_read(self.arrivals.batch)
        needed = tables.values() if text_of(self.arrivals.batch) >= FEW else ()
        with ThreadPoolExecutor() as beside:  # to count rows is work for Python, to look up tables for Spark's driver
            looking = [beside.submit(table.look_up) for table in needed]
            cut = sections(self.spark, self.dataset, {n: plan[n] for n in plan if n not in broken}, self.bucket)
            for each in looking:
                each.result()
        read = read_deliveries(self.spark, self.dataset, plan, self.bucket, broken, cut)
        candidates = validate(read, self.dataset).withColumn("_parked_in", F.lit(None).cast("string"))
        if self.arrivals.parked:
            parked = parked_rows(self.spark, self.dataset, self.bucket, self.arrivals)
            candidates = candidates.unionByName(parked, allowMissingColumns=True)
        return candidates.withColumn("_restored", F.lit(False)).withColumn("_from_table", F.lit(False))

    def _restored(self, broken: Mapping[int, str]) -> DataFrame:
        """Rows of the table that lost their parent, and the older versions of all withdrawn keys."""
        assert self.withdrawal is not None
        numbers = self.arrivals.frame(self.spark)
        orphans = self.withdrawal.orphans.select(*self.dataset.column_names, *_LINEAGE).join(
            F.broadcast(numbers), ["_source_file", "_landed_at"]
        )
        found = orphans.withColumn("_from_table", F.lit(True))
        if self.withdrawal.hidden:
            plan = self.arrivals.to_read(self.withdrawal.hidden)
            read = validate(read_deliveries(self.spark, self.dataset, plan, self.bucket, broken), self.dataset)
            older = older_versions(self._dated(read), self.withdrawal.rows, self._rejected(), self.dataset)
            # Of a file that cannot be read by today's contract no row is brought back; that it is
            # broken shows only at its end, in its closing row.
            ends = self._dated(read).where("_rows_read is not null and _problem is not null").select("_delivery_id")
            whole = older.join(F.broadcast(ends), "_delivery_id", "left_anti")
            found = found.unionByName(whole.withColumn("_from_table", F.lit(False)), allowMissingColumns=True)
        return found.withColumn("_restored", F.lit(True))

    def _rejected(self) -> DataFrame | None:
        """`_delivery_id` and `_source_row` of the rejects of the hidden deliveries."""
        assert self.withdrawal is not None
        parts = [keys.rejected_part(self.dataset.name, delivery.id) for delivery in self.withdrawal.hidden]
        there = [f"s3://{self.bucket}/{part}" for part in parts if exists(s3(), self.bucket, part)]
        if not there:
            return None
        rows = self.spark.read.parquet(*there).where("source_row is not null")
        name = F.regexp_extract(F.input_file_name(), r"([0-9a-f]{20})[.]parquet", 1)
        return rows.select(name.alias("_delivery_id"), F.col("source_row").alias("_source_row"))

    def _withdrawn(self) -> DataFrame:
        assert self.withdrawal is not None
        rows = self.withdrawal.rows.select(*self.dataset.column_names, *_LINEAGE)
        numbers = self.arrivals.frame(self.spark)
        named = rows.join(F.broadcast(numbers), ["_source_file", "_landed_at"])
        was = F.col(self.dataset.partition_by[0]).cast("string") if self.dataset.partition_by else F.lit(None)
        return named.withColumn("_fate", F.lit(WITHDRAWN)).withColumn("_was", was.cast("string"))

    def _dated(self, rows: DataFrame) -> DataFrame:
        return rows.select("*", *lineage(self.arrivals.ordered))
