"""What became of the rows of a stage, counted per delivery."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from ledgerlake_glue.arrivals import Arrival, Arrivals
from ledgerlake_glue.reading import MISSING_FILE
from ledgerlake_glue.verdict import CLOSING, WITHDRAWN


class Broken(Exception):
    """Files turned out to be unreadable after some of their rows, or one of their sections, were staged.

    Args:
        files: the reasons, by the number of the delivery.
    """

    def __init__(self, files: dict[int, str]) -> None:
        """Count the rows of these files."""
        super().__init__(f"{len(files)} files")
        self.files = files


@dataclass
class Accounts:
    """What `count_rows` has counted.

    Args:
        counts: the ledger's, by delivery id.
        unknown: by raw key, columns that the contract does not have.
        blank_rows: by raw key, rows without any value; they are counted nowhere else.
        absent: by raw key and optional column that the file does not have, rows that lost a value by that.
        broken: by raw key, why the file was rejected whole.
        missing: ids of the deliveries whose object is gone.
        replaced: withdrawn rows whose place another takes.
        touched: partitions with rows of the table that are updated or withdrawn.
    """

    counts: dict[str, dict[str, Any]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(int)))
    unknown: dict[str, list[str]] = field(default_factory=dict)
    blank_rows: Counter[str] = field(default_factory=Counter)
    absent: dict[str, dict[str, int]] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)
    replaced: int = 0
    touched: set[str] = field(default_factory=set)


def count_rows(stage: DataFrame, arrivals: Arrivals) -> Accounts:
    """Count the stage.

    Rows read are the reader's own count, from the closing rows; the fates are counted apart, so
    that a row lost between the two shows. A file that is rejected whole counts as one row.

    Raises:
        Broken: a file that is to be rejected whole has rows in the stage, or was read in sections.
    """
    was_parked = F.col("_parked_in").isNotNull().alias("was_parked")
    grouped = stage.groupBy("_delivery", "_fate", was_parked, F.expr("coalesce(_restored, false)").alias("restored"))
    replaces = F.expr("count_if(_replaces)").alias("replaces")
    was = F.collect_set("_was").alias("was")
    counted = grouped.agg(F.count(F.lit(1)).alias("rows"), replaces, was).collect()
    closing = stage.where(F.col("_fate") == CLOSING)
    closed = closing.select(
        "_delivery", "_rows_read", "_blank_rows", "_problem", "_unknown", "_absent", "_lines"
    ).collect()
    staged = {
        row._delivery
        for row in counted
        if row._fate not in (CLOSING, WITHDRAWN) and not (row.was_parked or row.restored)
    }
    sections = Counter(row._delivery for row in closed)
    staged |= {delivery for delivery, number in sections.items() if number > 1}
    problems = sorted((row._delivery, row._problem) for row in closed if row._problem)
    if half_read := {delivery: problem for delivery, problem in problems if delivery in staged}:
        raise Broken(half_read)

    accounts = Accounts()
    for row in closed:
        _close(row, accounts, arrivals.ordered[row._delivery])
    for row in counted:
        _count(row, accounts, arrivals.ordered[row._delivery])
    if accounts.absent:
        _count_lost(stage, accounts, arrivals)
    return accounts


def _count_lost(stage: DataFrame, accounts: Accounts, arrivals: Arrivals) -> None:
    """Count the rows that lost a value; where a file has the column, it says itself that there is none."""
    lost = stage.where("_lost is not null").select("_delivery", F.explode("_lost").alias("column"))
    for row in lost.groupBy("_delivery", "column").agg(F.count(F.lit(1)).alias("rows")).collect():
        absent = accounts.absent.get(arrivals.ordered[row._delivery].source_file, {})
        if row.column in absent:
            absent[row.column] += row.rows


def _close(row: Row, accounts: Accounts, arrival: Arrival) -> None:
    """Return the counts in a file's closing row; a large file has one for each of its sections."""
    counts = accounts.counts[arrival.delivery_id]
    counts["rows_read"] += 1 if row._problem else row._rows_read
    if columns := json.loads(row._unknown):
        accounts.unknown[arrival.source_file] = columns
    if row._blank_rows and not row._problem:
        accounts.blank_rows[arrival.source_file] += row._blank_rows
    if row._problem:
        counts["rejected"] += 1
        counts["files_rejected"] = 1
        counts["lines_rejected"] = row._lines
        accounts.broken[arrival.source_file] = row._problem
    elif row._absent and (columns := json.loads(row._absent)):
        accounts.absent[arrival.source_file] = dict.fromkeys(columns, 0)
    if row._problem == MISSING_FILE:
        accounts.missing.add(arrival.delivery_id)


def _count(row: Row, accounts: Accounts, arrival: Arrival) -> None:
    if row._fate == CLOSING or (row.was_parked and row._fate == "parked"):
        return  # a row that stays in the parking is not news
    counts = accounts.counts[arrival.delivery_id]
    counts[row._fate] += row.rows
    accounts.replaced += row.replaces
    accounts.touched.update(row.was)
    if row.was_parked:
        counts["released"] += row.rows
    if row.restored:
        counts["restored"] += row.rows
        counts["rows_read"] += row.rows
