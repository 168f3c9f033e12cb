"""The only module that writes tables.

Each table has one writer, its dataset's Glue job, which AWS runs once at a time. A commit carries
its batch twice: as a Delta transaction, so that it cannot happen twice, and in its metadata, so
that a retry finds what the first try did.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property

from delta.tables import DeltaTable
from pyspark.sql import DataFrame, Row, SparkSession

from ledgerlake.contracts import DATASETS, Dataset
from ledgerlake.contracts.type_changes import is_lossless
from ledgerlake.errors import ContractError, VerdictError
from ledgerlake.tables.catalogue import delta_columns
from ledgerlake_glue import delta_log, pruning
from ledgerlake_glue.conversion import convert_table, converted, earlier_types

WRITE, REPLACE, DELETE = "write", "replace", "delete"
"""What a MERGE does with a row: by its version; in the place of a withdrawn one; only take that out."""

_REMEDY = "keep the column in the contract as it was, and add a new, optional one beside it"
_MOST_PARTITIONS = 1000
_CONF = "spark.databricks.delta."
_PROPERTIES = {
    "delta.enableDeletionVectors": "false",  # Athena reads neither these
    "delta.columnMapping.mode": "none",  # nor these
    "delta.setTransactionRetentionDuration": "interval 365 days",
}


def _is_by_day(dataset: Dataset) -> bool:
    return any(dataset.column(name).type == "date" for name in dataset.partition_by)


def only_inserts(expected: dict[str, int]) -> bool:
    """Return whether a MERGE finds nothing to rewrite, so that rows stay where they are until they are written."""
    return not (expected["updated"] or expected["deleted"])


class LakeTable:
    """The Delta table of one dataset.

    Args:
        path: `s3://…/lakehouse-dwh/<dataset>/`.
    """

    def __init__(self, spark: SparkSession, dataset: Dataset, path: str) -> None:
        """Name the Delta table of a dataset."""
        self.spark, self.dataset, self.path = spark, dataset, path.rstrip("/")  # Delta compares paths as text

    def prepare(self) -> None:
        """Make the empty table from the contract, or let it follow the contract's new columns and types.

        Raises:
            ContractError: the table has a column that the contract lacks or has of another type.
        """
        if not DeltaTable.isDeltaTable(self.spark, self.path):
            self._create()
            return
        there, wanted = dict(self._stored().dtypes), dict(delta_columns(self.dataset))
        changed = earlier_types(self.dataset, there)
        self._check_columns(there, wanted | changed)
        if changed:
            convert_table(self._stored(), self.dataset, self.path)
        if gained := [name for name in wanted if name not in there]:
            docs = {column.name: column.doc for column in self.dataset.columns}
            columns = ", ".join(f"`{name}` {wanted[name]} comment {_quoted(docs[name])}" for name in gained)
            self.spark.sql(f"alter table delta.`{self.path}` add columns ({columns})")

    def _check_columns(self, there: dict[str, str], wanted: dict[str, str]) -> None:
        other = [f"{name} {kind}" for name, kind in there.items() if wanted.get(name) != kind]
        required = [name for name in self.dataset.required if name not in there]
        if other or required:
            raise ContractError(
                f"the table {self.dataset.name} has {', '.join(other) or 'rows without'} {', '.join(required)}".strip(),
                expected="the columns of its contract; one that is added later must be optional",
                remedy="; else ".join([*self._possible_changes(there, wanted), _REMEDY]),
            )

    def _possible_changes(self, there: dict[str, str], wanted: dict[str, str]) -> list[str]:
        """Return what the contract has to say so that the table is converted."""
        return [
            f'to change the type of {name}, write Column("{name}", "{wanted[name]}", was=("{was}",), …) '
            "(docs/trouble/change-a-columns-type.md)"
            for name, was in there.items()
            if name in wanted and wanted[name] != was and is_lossless(was, wanted[name])
        ]

    def is_empty(self) -> bool:
        """Return whether it has no row."""
        return self.read().isEmpty()

    def _create(self) -> None:
        docs = {column.name: column.doc for column in self.dataset.columns}
        builder = DeltaTable.createIfNotExists(self.spark).location(self.path).comment(self.dataset.doc)
        for name, kind in delta_columns(self.dataset):
            builder = builder.addColumn(name, kind, comment=docs.get(name, ""))
        for name, value in (_PROPERTIES | self._statistics()).items():
            builder = builder.property(name, value)
        builder.partitionedBy(*self.dataset.partition_by).execute()

    def _statistics(self) -> dict[str, str]:
        """Statistics for the columns by which files are left out; those of all columns cost a tenth of a load."""
        times = [column.name for column in self.dataset.columns if column.type in ("date", "timestamp")]
        wanted = [name for name in dict.fromkeys([*self.dataset.key, *times]) if name not in self.dataset.partition_by]
        return {"delta.dataSkippingStatsColumns": ",".join([*wanted, "_landed_at"])}

    def _hardly_repeated(self) -> list[str]:
        """Columns of values of which a dictionary is nearly as long as they are, and has to be searched for each."""
        key = self.dataset.key if len(self.dataset.key) == 1 else ()
        daily = [each.column for each in self.dataset.references if _is_by_day(DATASETS[each.dataset])]
        times = [column.name for column in self.dataset.columns if column.type == "timestamp"]
        return ["_source_row", *key, *daily, *times]

    def read(self) -> DataFrame:
        """Return its rows, with the contract's types."""
        return converted(self._stored(), self.dataset)

    def _stored(self) -> DataFrame:
        return self.spark.read.format("delta").load(self.path)

    @cached_property
    def size(self) -> delta_log.Size:
        """Of its files, asked once."""
        if known := delta_log.size(self.path, self.version()):
            return known
        return delta_log.Size(*self._detail("sizeInBytes", "numFiles"))

    def look_up(self) -> None:
        """Let Delta find out which files the table has now, as any query begins; it is known from then on."""
        self._detail("numFiles")

    def _detail(self, *names: str) -> Row:
        return DeltaTable.forPath(self.spark, self.path).detail().select(*names).collect()[0]

    @property
    def is_large(self) -> bool:
        """Return whether it is worth the while to find out which part of it a batch can touch."""
        return self.size.bytes >= pruning.LARGE or self.size.files >= pruning.MANY

    def keys(self, wanted: pruning.Ranges | None = None) -> DataFrame:
        """Every key; of a table that somebody has damaged perhaps more than once.

        Args:
            wanted: ranges of the first column of the key; the others are left out.
        """
        rows = self.read() if wanted is None else self.read().where(pruning.within(self.dataset.key[0], wanted))
        return rows.select(*self.dataset.key)

    def version(self) -> int:
        """Of the last commit."""
        return delta_log.last_version(self.path)

    def committed(self, attempt: str) -> dict[str, int] | None:
        """Return what the MERGE of that attempt did, from the history; None when it has not happened, or was undone."""
        history = DeltaTable.forPath(self.spark, self.path).history()
        commits = history.where("userMetadata is not null or operation = 'RESTORE'")
        kept = self.version()  # newest first: what lies between a RESTORE and the version it went back to is undone
        columns = ("version", "operation", "operationParameters", "userMetadata", "operationMetrics")
        for row in commits.select(*columns).toLocalIterator():
            if row.version > kept:
                continue
            if row.operation == "RESTORE":
                kept = int(row.operationParameters["version"] or kept)
            elif json.loads(row.userMetadata).get("attempt") == attempt:
                return _counts(row.operationMetrics)
        return None

    def merge(
        self, rows: DataFrame, batch_id: str, attempt: str, expected: dict[str, int], touched: Sequence[str]
    ) -> None:
        """Publish the verdict: rows to insert, to update and to take out, in one commit.

        Args:
            rows: the table's columns, and `_action`; one row a key. Where the MERGE `only_inserts`, those of a
                partition are together.
            expected: `inserted`, `updated` and `deleted` rows, as the verdict counted them.
            touched: the partitions (values of the first column) that hold the rows to be updated or taken out.

        Raises:
            VerdictError: the commit did something else.
        """
        rows.createOrReplaceTempView("verdict")
        same_key = " and ".join(f"t.`{name}` = s.`{name}`" for name in self.dataset.key) + self._inside(touched)
        columns = [f"`{name}`" for name, _ in delta_columns(self.dataset)]
        names, values = ", ".join(columns), ", ".join(f"s.{name}" for name in columns)
        sets = ", ".join(f"t.{name} = s.{name}" for name in columns)
        version = "struct({0}._landed_at, {0}._source_file, {0}._source_row)"
        with self._carrying(batch_id, attempt, expected):
            # Where nothing but inserts is to be done, Delta looks for no files to rewrite.
            matched = f"""
                when matched and s._action = '{DELETE}' and {version.format("s")} = {version.format("t")} then delete
                when matched and (s._action = '{REPLACE}' or s._action = '{WRITE}'
                    and {version.format("s")} >= {version.format("t")}) then update set {sets}"""
            answer = self.spark.sql(f"""
                merge into delta.`{self.path}` t using verdict s on {same_key}
                {"" if only_inserts(expected) else matched}
                when not matched and s._action <> '{DELETE}' then insert ({names}) values ({values})""").first()
        # Delta leaves a transaction that it has already seen undone, and then answers nothing.
        done = answer and {name: int(answer[f"num_{name}_rows"]) for name in ("inserted", "updated", "deleted")}
        self._check_counts(expected, batch_id, done or self.committed(attempt))

    def _inside(self, touched: Sequence[str]) -> str:
        """Return SQL that spares Delta the other partitions: the verdict has found each row's partition already."""
        if not self.dataset.partition_by or len(touched) > _MOST_PARTITIONS:
            return ""
        column = self.dataset.column(self.dataset.partition_by[0])
        values = ", ".join(f"cast('{value}' as {column.type})" for value in touched)
        return f" and t.`{column.name}` " + (f"in ({values})" if values else "is null")

    def _check_counts(self, expected: dict[str, int], batch_id: str, done: dict[str, int] | None) -> None:
        if done != expected:
            raise VerdictError(
                f"{self.dataset.name}: the MERGE of {batch_id} did {done}",
                expected=f"the verdict {expected}",
                remedy=f"check in DESCRIBE HISTORY whether another writer changed {self.path}; "
                "RESTORE the version before, then retry the run",
            )

    @contextmanager
    def _carrying(self, batch_id: str, attempt: str, expected: dict[str, int]) -> Iterator[None]:
        names = {
            f"{_CONF}write.txnAppId": f"ledgerlake/{batch_id}/{attempt}",
            f"{_CONF}write.txnVersion": "1",
            # Delta would shuffle rows in their full width, once more.
            **({f"{_CONF}merge.repartitionBeforeWrite.enabled": "false"} if only_inserts(expected) else {}),
            f"{_CONF}commitInfo.userMetadata": json.dumps({"batch_id": batch_id, "attempt": attempt}),
            **{f"parquet.enable.dictionary#{name}": "false" for name in self._hardly_repeated()},
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
        "deleted": int(metrics.get("numTargetRowsDeleted", 0)),
    }


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
