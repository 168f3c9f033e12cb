"""Arrivals: the deliveries a job has rows of, numbered in the order in which they landed.

A row's version is `(landed_at, key, position)`. Inside a job the number of its delivery stands
for the first two, so that versions compare as two integers.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from ledgerlake.intake.deliveries import Delivery, from_iso


@dataclass(frozen=True, order=True)
class Arrival:
    """One delivery, of this batch or of an earlier one that left rows in the parking or the table."""

    landed_at: str
    source_file: str
    delivery_id: str

    @classmethod
    def of(cls, delivery: Delivery) -> Arrival:
        """Return the arrival of a delivery."""
        return cls(delivery.landed_at, delivery.key, delivery.id)


class Arrivals:
    """All deliveries a job has rows of.

    Args:
        batch: the manifest's, which are read whole.
        parked: of earlier batches, with rows in the parking.
        hidden: of earlier batches, to be searched for rows that withdrawn ones have hidden.
        withdrawn: whose rows are withdrawn.
    """

    def __init__(
        self,
        batch: Iterable[Delivery],
        parked: Iterable[Arrival],
        hidden: Iterable[Delivery] = (),
        withdrawn: Iterable[Arrival] = (),
    ) -> None:
        """Order the arrivals, and so give each its number."""
        self.batch, self.hidden = tuple(batch), tuple(hidden)
        mine = {Arrival.of(delivery) for delivery in self.batch}
        # A delivery that is read again brings its parked rows itself.
        self.parked = tuple(sorted(set(parked) - mine))
        searched = {Arrival.of(delivery) for delivery in self.hidden}
        self.ordered = tuple(sorted(mine | set(self.parked) | searched | set(withdrawn)))

    @cached_property
    def numbers(self) -> dict[str, int]:
        """Delivery id → number."""
        return {arrival.delivery_id: number for number, arrival in enumerate(self.ordered)}

    @cached_property
    def batch_ids(self) -> frozenset[str]:
        """Ids of the deliveries of the batch."""
        return frozenset(delivery.id for delivery in self.batch)

    def to_read(self, deliveries: Iterable[Delivery]) -> dict[int, Delivery]:
        """Return the deliveries by number."""
        return {self.numbers[delivery.id]: delivery for delivery in deliveries}

    def frame(self, spark: SparkSession) -> DataFrame:
        """`_delivery`, `_delivery_id`, `_source_file`, `_landed_at`, one row each."""
        numbers = spark.range(0, len(self.ordered), 1, 1).select(F.col("id").cast("int").alias("_delivery"))
        return numbers.select("_delivery", *lineage(self.ordered))


def lineage(arrivals: Iterable[Arrival]) -> list[Column]:
    """`_delivery_id`, `_source_file` and `_landed_at` of the delivery whose number is in `_delivery`.

    One constant, from which each row takes its own: a table of them would have to be made, sent and joined.

    Args:
        arrivals: in the order of their numbers.
    """
    rows = [{"id": each.delivery_id, "file": each.source_file, "landed": _micros(each.landed_at)} for each in arrivals]
    entries = F.from_json(F.lit(json.dumps(rows)), "array<struct<id: string, file: string, landed: bigint>>")
    mine = entries[F.col("_delivery")]
    return [
        mine["id"].alias("_delivery_id"),
        mine["file"].alias("_source_file"),
        F.timestamp_micros(mine["landed"]).alias("_landed_at"),
    ]


def _micros(moment: str) -> int:
    """Since 1970."""
    return (from_iso(moment) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
