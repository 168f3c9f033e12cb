"""Many schedules in lockstep through one lake: round r is one real batch of the r-th batches of all.

Each schedule has its own folder and its own range of keys, so that what one does is seen by no other.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

from laws.model import DATASETS, FATES, Delivered, ModelLake, Version, names
from laws.schedules import NEW, OLD, ROUNDS, Schedule, rules_of
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ledgerlake import keys
from ledgerlake.archive.move import archive
from ledgerlake.contracts import DATASETS as CONTRACTS
from ledgerlake.contracts import Dataset, QualityLimit, Rule
from ledgerlake.intake.deliveries import Delivery
from ledgerlake.planning import batch as batches
from ledgerlake.planning.batch import Batch
from ledgerlake.planning.evidence import require_finished, require_published
from ledgerlake.storage.objects import put_if_absent

COUNTS = ("rows_read", "restored", "released", *FATES, "withdrawn")


def contracts(number: int) -> dict[str, Dataset]:
    """The contracts that say what `rules_of` says, without a limit to the share of rejects."""
    lenient = {
        name: replace(contract, quality=QualityLimit(reject_share=1.0, file_share=1.0))
        for name, contract in CONTRACTS.items()
    }
    return lenient if rules_of(number) is OLD else {name: _changed(contract) for name, contract in lenient.items()}


def _changed(contract: Dataset) -> Dataset:
    named = "product_name <> 'Rug' or department_id = 2"
    rules = {
        "products": (Rule("named_or_in_two", named, ("product_name", "department_id")),),
        "orders": (Rule("total_in_bounds", "total_amount between -5 and 50", ("total_amount",)),),
        "order_items": (
            CONTRACTS["order_items"].rules[0],
            Rule("cart_position_to_five", "add_to_cart_order <= 5", ("add_to_cart_order",)),
        ),
    }
    columns = tuple(
        replace(column, required=column.required and column.name not in NEW.optional, **_marks(column.name))
        for column in contract.columns
    )
    return replace(contract, columns=columns, null_words=NEW.null_words, rules=rules.get(contract.name, contract.rules))


def _marks(column: str) -> dict[str, str]:
    return {"thousands": ".", "decimal": ","} if column in NEW.dotted else {}


@dataclass(frozen=True)
class Difference:
    """Where the product and the model differ for one schedule after one round."""

    what: str
    product: Any
    model: Any

    def __str__(self) -> str:
        only = [f"    only the product: {line}" for line in _lines(self.product) if line not in _lines(self.model)]
        lacks = [f"    only the model:   {line}" for line in _lines(self.model) if line not in _lines(self.product)]
        return "\n".join([f"  {self.what}:", *only, *lacks])


def _lines(content: dict[Any, Any]) -> list[str]:
    return [f"{key}: {value}" for key, value in sorted(content.items(), key=repr)]


class World:
    """Schedules with their models beside one real lake."""

    def __init__(self, lake: Any, schedules: list[Schedule]) -> None:
        self.lake, self.schedules = lake, schedules
        self.delivered = [schedule.deliveries(number) for number, schedule in enumerate(schedules)]
        self.models = [ModelLake() for _ in schedules]
        self.known: dict[Delivered, Delivery] = {}
        self._parts: dict[tuple[str, str], list[dict[str, Any]]] = {}

    def rounds(self) -> Iterator[tuple[int, dict[int, list[Difference]]]]:
        """Play round after round; by schedule, what differs after it."""
        for number in range(ROUNDS):
            batch_id = self._process(number)
            for model, delivered, schedule in zip(self.models, self.delivered, self.schedules, strict=True):
                model.process(batch_id, [delivered[index] for index in schedule.rounds[number]], rules_of(number))
            yield number, self._differences(batch_id)

    def _process(self, number: int) -> str:
        """What the orchestrator does, from plan to acknowledgement, with landing times of our choice."""
        turn = [
            delivered[index]
            for delivered, schedule in zip(self.delivered, self.schedules, strict=True)
            for index in schedule.rounds[number]
        ]
        deliveries = tuple(sorted(self._deliver(each) for each in turn))
        planned = Batch.new(tuple(CONTRACTS), deliveries, datetime(2025, 6, number + 1, tzinfo=UTC))
        s3, bucket, batch_id = self.lake.s3, self.lake.bucket, planned.batch_id
        put_if_absent(s3, bucket, keys.manifest(batch_id), json.dumps(planned.as_json()))
        put_if_absent(s3, bucket, keys.open_batch(batch_id), json.dumps({"owner": "laws"}))
        self.lake.contracts.update(contracts(number))
        for dataset in planned.datasets:
            self.lake.job(dataset, batch_id)
        require_published(s3, bucket, planned)
        archive(s3, bucket, planned)
        require_finished(s3, bucket, planned)
        batches.close(s3, bucket, batch_id)
        return batch_id

    def _deliver(self, delivered: Delivered) -> Delivery:
        """Put the file into raw/, unless it was processed before: then it is in the archive."""
        if delivered not in self.known:
            body = delivered.body.encode()
            put = self.lake.s3.put_object(Bucket=self.lake.bucket, Key=delivered.file, Body=body)
            self.known[delivered] = Delivery(
                landed_at=delivered.landed_at,
                key=delivered.file,
                version_id=put["VersionId"],
                dataset=delivered.dataset,
                size=len(body),
                etag=put["ETag"].strip('"'),
            )
        return self.known[delivered]

    def _differences(self, batch_id: str) -> dict[int, list[Difference]]:
        product = self._product(batch_id)
        found: dict[int, list[Difference]] = {}
        for number, model in enumerate(self.models):
            expected = _of_model(model, batch_id)
            seen = product[number]
            if differing := [
                Difference(what, seen[what], expected[what])
                for what in sorted(seen.keys() | expected.keys())
                if seen[what] != expected[what]
            ]:
                found[number] = differing
        return found

    def _product(self, batch_id: str) -> dict[int, dict[str, dict[Any, Any]]]:
        """By schedule and part of the lake, what is there now."""
        found: dict[int, dict[str, dict[Any, Any]]] = defaultdict(lambda: defaultdict(dict))
        for dataset in DATASETS:
            columns = names(dataset)
            for row in _in_utc(self.lake.table(dataset).read()).collect():
                place, content = _place(row, dataset), tuple(_plain(row[name]) for name in columns)
                where = found[_schedule(row["_source_file"])][f"table {dataset}"]
                where[place] = (*where.get(place, ()), (content, row["_batch_id"]))
            for row in self._parquet(keys.parked_prefix(dataset)):
                content = tuple(_plain(row[name]) for name in columns)
                found[_schedule(row["_source_file"])][f"parked_{dataset}"][_place(row, dataset)] = (
                    content,
                    row["_batch_id"],
                    tuple(sorted(row["missing"])),
                )
            for row in self._parquet(keys.rejected_prefix(dataset)):
                place = row["source_file"], _iso(row["landed_at"]), row["source_row"]
                where = found[_schedule(row["source_file"])][f"rejected_{dataset}"]
                where[place] = (row["original"], tuple(map(_reason, row["reasons"])), row["batch_id"])
        for row in self._parquet(keys.LEDGER):
            if row["batch_id"] == batch_id:
                counts = {name: row[name] for name in COUNTS if row[name]}
                found[_schedule(row["source_file"])]["ledger"][row["source_file"], _iso(row["landed_at"])] = counts
        return found

    def _parquet(self, prefix: str) -> Iterator[dict[str, Any]]:
        """The rows of all Parquet objects below a prefix; an object that has not changed is not read again."""
        pages = self.lake.s3.get_paginator("list_objects_v2").paginate(Bucket=self.lake.bucket, Prefix=prefix)
        for page in pages:
            for entry in page.get("Contents", []):
                name = entry["Key"], entry["ETag"]
                if name not in self._parts:
                    self._parts[name] = self.lake.parquet(entry["Key"])
                yield from self._parts[name]


def _of_model(model: ModelLake, batch_id: str) -> dict[str, dict[Any, Any]]:
    found: dict[str, dict[Any, Any]] = defaultdict(dict)
    for dataset in DATASETS:
        for key, row in model.tables[dataset].items():
            batch = model.written[dataset, key, row.version]
            content = tuple(map(_plain, row.content))
            found[f"table {dataset}"][(key, *row.version)] = ((content, batch),)
        for (key, version), content in model.parked[dataset].items():
            missing = tuple(sorted(model.missing(dataset, content)))
            batch = model.written[dataset, key, version]
            found[f"parked_{dataset}"][(key, *version)] = (tuple(map(_plain, content)), batch, missing)
    for (landed, file), rejects in model.rejects.items():
        dataset, last = file.split("/")[1], model.last_reading[landed, file]
        for reject in rejects:
            found[f"rejected_{dataset}"][file, landed, reject.row] = (reject.original, reject.reasons, last)
    for (batch, (landed, file)), counts in model.ledger.items():
        if batch == batch_id:
            found["ledger"][file, landed] = {name: counts[name] for name in COUNTS if counts[name]}
    return found


def _in_utc(table: DataFrame) -> DataFrame:
    """Spark hands out times in the zone of the machine; so they are texts before."""
    stamps = [name for name, kind in table.dtypes if kind == "timestamp"]
    return table.withColumns({name: F.date_format(name, "yyyy-MM-dd'T'HH:mm:ss.SSSSSS'Z'") for name in stamps})


def _place(row: Any, dataset: str) -> tuple[int, ...]:
    version = Version(_iso(row["_landed_at"]), row["_source_file"], row["_source_row"])
    return (row[CONTRACTS[dataset].key[0]], *version)


def _schedule(key: str) -> int:
    return int(key.split("/")[2])


def _iso(time: datetime | str) -> str:
    return time if isinstance(time, str) else time.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _plain(value: Any) -> Any:
    """Times and days as text, times as landing times are."""
    return _iso(value) if isinstance(value, datetime) else str(value) if isinstance(value, date) else value


def _reason(text: str) -> str:
    """What is wrong with a file, or with its width, is reported in words that are no part of the law."""
    rule = text.partition(":")[0]
    return rule if rule in ("missing_column", "wrong_width") else text
