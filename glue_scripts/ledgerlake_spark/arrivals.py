"""Arrivals: the deliveries a job has rows of, numbered in the order in which they landed.

A row's version is `(landed_at, key, position)`. Inside a job the number of its delivery stands
for the first two, so that versions compare as two integers.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from pyspark.sql import DataFrame, SparkSession

from ledgerlake.deliveries import Delivery


@dataclass(frozen=True, order=True)
class Arrival:
    """One delivery, of this batch or of an earlier one that left rows in the parking."""

    landed_at: str
    source_file: str
    delivery_id: str

    @classmethod
    def of(cls, delivery: Delivery) -> Arrival:
        return cls(delivery.landed_at, delivery.key, delivery.id)


class Arrivals:
    """All deliveries a job has rows of: `batch` of the manifest, `parked` of earlier batches."""

    def __init__(self, batch: Iterable[Delivery], parked: Iterable[Arrival]) -> None:
        self.batch = tuple(batch)
        mine = {Arrival.of(delivery) for delivery in self.batch}
        # A delivery that is read again brings its parked rows itself.
        self.parked = tuple(sorted(set(parked) - mine))
        self.ordered = tuple(sorted(mine | set(self.parked)))

    @cached_property
    def numbers(self) -> dict[str, int]:
        """Delivery id → number."""
        return {arrival.delivery_id: number for number, arrival in enumerate(self.ordered)}

    def to_read(self) -> dict[int, Delivery]:
        return {self.numbers[delivery.id]: delivery for delivery in self.batch}

    def frame(self, spark: SparkSession) -> DataFrame:
        """`_delivery`, `_delivery_id`, `_source_file`, `_landed_at`, one row each."""
        rows = [(n, a.delivery_id, a.source_file, a.landed_at) for n, a in enumerate(self.ordered)]
        schema = "_delivery int, _delivery_id string, _source_file string, landed string"
        return spark.createDataFrame(rows, schema).selectExpr(
            "_delivery", "_delivery_id", "_source_file", "cast(landed as timestamp) as _landed_at"
        )
