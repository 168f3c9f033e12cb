"""What the lake must be: the judge of the product, in dictionaries and loops.

It shares no line with the product, and says everything twice. `truth` is the set function: of which
deliveries were processed and by which rules, and of nothing else. `ModelLake` processes batch after
batch and keeps the ledger. `test_model.py` holds the two against each other, `test_schedules.py`
holds the second against the product.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

FATES = ("inserted", "updated", "unchanged", "superseded", "rejected", "parked")
DATASETS = ("products", "orders", "order_items")

COLUMNS = {
    "products": "product_id:bigint department_id:bigint department:string product_name:string",
    "orders": "order_num:bigint order_id:bigint user_id:bigint order_timestamp:timestamp total_amount:double date:date",
    "order_items": "id:bigint order_id:bigint user_id:bigint days_since_prior_order:int? product_id:bigint "
    "add_to_cart_order:int reordered:boolean order_timestamp:timestamp date:date",
}
"""`?` marks what may be empty."""
KEYS = {"products": "product_id", "orders": "order_id", "order_items": "id"}
PARENTS = {"products": {}, "orders": {}, "order_items": {"orders": "order_id", "products": "product_id"}}


class Version(NamedTuple):
    """When a row arrived: versions compare as tuples."""

    landed_at: str
    file: str
    row: int


@dataclass(frozen=True)
class Delivered:
    """One file as its producer left it."""

    dataset: str
    landed_at: str
    file: str
    body: str

    @property
    def name(self) -> tuple[str, str]:
        return self.landed_at, self.file


@dataclass(frozen=True)
class Rules:
    """What a row has to be. `tests` holds, by dataset, (reason, columns, predicate over their values)."""

    tests: dict[str, tuple[tuple[str, tuple[str, ...], Callable[..., bool]], ...]]
    null_words: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    dotted: tuple[str, ...] = ()
    """Columns in which a dot parts thousands: 1.000 is a thousand there, and one elsewhere."""


class Row(NamedTuple):
    """A valid row; content is in the order of the contract's columns."""

    version: Version
    content: tuple[Any, ...]


class Reject(NamedTuple):
    """One rejected row, or a rejected file (no row number, no text)."""

    row: int | None
    original: str | None
    reasons: tuple[str, ...]


class Reading(NamedTuple):
    """A delivery by some rules: `valid` as (key, row)."""

    valid: list[tuple[int, Row]]
    rejects: list[Reject]
    rows_read: int


def names(dataset: str) -> list[str]:
    return [column.partition(":")[0] for column in COLUMNS[dataset].split()]


def read(delivered: Delivered, rules: Rules) -> Reading:
    """Judge a file row by row. The files of these tests need no quotes."""
    lines = delivered.body.splitlines()
    if not lines:
        return Reading([], [], 0)
    header = lines[0].split(",")
    optional = {c.partition(":")[0] for c in COLUMNS[delivered.dataset].split() if c.endswith("?")} | {*rules.optional}
    if any(name not in header for name in names(delivered.dataset) if name not in optional):
        return Reading([], [Reject(None, None, ("missing_column",))], 1)
    found = Reading([], [], len(lines) - 1)
    for number, line in enumerate(lines[1:], 1):
        reasons, row = _judge(delivered.dataset, header, line.split(","), rules)
        if reasons:
            found.rejects.append(Reject(number, line, tuple(reasons)))
        else:
            version = Version(delivered.landed_at, delivered.file, number)
            found.valid.append((row[KEYS[delivered.dataset]], Row(version, tuple(row.values()))))
    return found


def _judge(dataset: str, header: list[str], fields: list[str], rules: Rules) -> tuple[list[str], dict[str, Any]]:
    if len(fields) != len(header):
        return ["wrong_width"], {}
    given = dict(zip(header, fields, strict=True))
    reasons, row, unreadable = [], {}, set()
    for column in COLUMNS[dataset].split():
        name, _, kind = column.partition(":")
        text = given.get(name, "")
        row[name] = None
        if text == "" or text in rules.null_words:
            if not kind.endswith("?") and name not in rules.optional:
                reasons.append(f"required: {name} is empty")
                unreadable.add(name)
            continue
        try:
            row[name] = (_dotted if name in rules.dotted else VALUE[kind.rstrip("?")])(text)
        except (ValueError, KeyError):
            reasons.append(f"not_{kind.rstrip('?')}: {name}={text}")
            unreadable.add(name)
    for reason, columns, holds in rules.tests.get(dataset, ()):
        if not unreadable & {*columns} and not holds(*(row[name] for name in columns)):
            reasons.append(f"{reason}: " + ", ".join(f"{name}={given.get(name, '')}" for name in columns))
    return reasons, row


def _integer(text: str) -> int:
    whole, _, zeros = text.partition(".")
    if not whole.removeprefix("-").isdecimal() or zeros.strip("0"):
        raise ValueError(text)
    return int(whole)


def _dotted(text: str) -> int:
    first, *groups = text.split(".")
    if groups and (len(first) > 3 or any(len(group) != 3 for group in groups)):
        raise ValueError(text)
    return int("".join((first, *groups)))


VALUE: dict[str, Callable[[str], Any]] = {
    "bigint": _integer,
    "int": _integer,
    "double": float,
    "string": str,
    "boolean": {"0": False, "1": True}.__getitem__,
    "date": date.fromisoformat,
    "timestamp": datetime.fromisoformat,
}


def missing_in(dataset: str, content: tuple[Any, ...], tables: dict[str, dict[int, Row]]) -> tuple[str, ...]:
    """The parents' tables in which the row's parent is not."""
    columns = names(dataset)
    parents = PARENTS[dataset].items()
    return tuple(parent for parent, column in parents if content[columns.index(column)] not in tables[parent])


class Truth(NamedTuple):
    """Tables by key, parked rows by (key, version), rejects by delivery."""

    tables: dict[str, dict[int, Row]]
    parked: dict[str, dict[tuple[int, Version], tuple[Any, ...]]]
    rejects: dict[tuple[str, str], list[Reject]]


def truth(processed: Iterable[tuple[Delivered, Rules]]) -> Truth:
    """What tables, parking and rejects must be, whatever the batches were.

    Args:
        processed: every delivery once, with the rules of its last processing.
    """
    result = Truth({}, {}, {})
    versions: dict[str, dict[int, list[Row]]] = {name: defaultdict(list) for name in DATASETS}
    for delivered, rules in processed:
        reading = read(delivered, rules)
        result.rejects[delivered.name] = reading.rejects
        for key, row in reading.valid:
            versions[delivered.dataset][key].append(row)
    for dataset in DATASETS:
        table = result.tables[dataset] = {}
        parked = result.parked[dataset] = {}
        for key, rows in versions[dataset].items():
            orphans = [row for row in rows if missing_in(dataset, row.content, result.tables)]
            if ready := [row for row in rows if row not in orphans]:
                table[key] = max(ready)
            parked |= {(key, row.version): row.content for row in orphans if not ready or row > table[key]}
    return result


class Candidate(NamedTuple):
    """A row that asks for a place, and where it comes from: `read`, `parked`, `table` or `older`."""

    row: Row
    origin: str


class ModelLake:
    """Tables, parking, rejects and ledger after each batch.

    With other rules than before and only some deliveries processed again: what is not processed again
    keeps the judgement it had, in the table, in the parking and among the rejects; of the rows that
    were valid then, those that are valid by the rules of today may be brought back.
    """

    def __init__(self) -> None:
        self.tables: dict[str, dict[int, Row]] = {name: {} for name in DATASETS}
        self.parked: dict[str, dict[tuple[int, Version], tuple[Any, ...]]] = {name: {} for name in DATASETS}
        self.rejects: dict[tuple[str, str], list[Reject]] = {}
        self.written: dict[tuple[str, int, Version], str] = {}
        """The batch that wrote a row where it is, by dataset, key and version."""
        self.processed: dict[tuple[str, str], tuple[Delivered, Rules]] = {}
        self.ledger: dict[tuple[str, tuple[str, str]], Counter[str]] = {}
        """By batch and delivery."""
        self.last_reading: dict[tuple[str, str], str] = {}
        """The batch that last read a delivery whole."""

    def process(self, batch_id: str, batch: Iterable[Delivered], rules: Rules) -> None:
        for dataset in DATASETS:
            mine = {delivered.name: delivered for delivered in batch if delivered.dataset == dataset}
            _Job(self, dataset, batch_id, rules, mine).run()

    def missing(self, dataset: str, content: tuple[Any, ...]) -> tuple[str, ...]:
        return missing_in(dataset, content, self.tables)


class _Job:
    """One dataset of one batch."""

    def __init__(
        self, lake: ModelLake, dataset: str, batch_id: str, rules: Rules, batch: dict[tuple[str, str], Delivered]
    ) -> None:
        self.lake, self.dataset, self.batch_id, self.rules, self.batch = lake, dataset, batch_id, rules, batch
        self.table, self.parked = lake.tables[dataset], lake.parked[dataset]
        self.candidates: dict[int, dict[Version, Candidate]] = defaultdict(dict)
        self.entries: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)

    def run(self) -> None:
        self._take_parked()
        self._read()
        for key, row in list(self.table.items()):
            if self._must_go(key, row):
                self._withdraw(key, row)
        for key, candidates in self.candidates.items():
            self._decide(key, candidates)
        self.lake.processed |= {name: (delivered, self.rules) for name, delivered in self.batch.items()}
        for delivery, counts in self.entries.items():
            if delivery in self.batch or counts.total():
                self.lake.ledger[self.batch_id, delivery] = counts

    def _take_parked(self) -> None:
        """The parked rows of the batch's own deliveries are forgotten: they are read again."""
        for (key, version), content in list(self.parked.items()):
            if version[:2] in self.batch:
                del self.parked[key, version]
            else:
                self.candidates[key][version] = Candidate(Row(version, content), "parked")

    def _read(self) -> None:
        for name, delivered in self.batch.items():
            reading = read(delivered, self.rules)
            self.lake.rejects[name], self.lake.last_reading[name] = reading.rejects, self.batch_id
            self.entries[name].update(rows_read=reading.rows_read, rejected=len(reading.rejects))
            for key, row in reading.valid:
                self.candidates[key][row.version] = Candidate(row, "read")

    def _must_go(self, key: int, row: Row) -> bool:
        """A row of the batch's deliveries that is not valid (under this key) any more, or that has lost a parent."""
        if row.version[:2] not in self.batch:
            return bool(self.lake.missing(self.dataset, row.content))
        read_now = self.candidates.get(key, {}).get(row.version)
        return read_now is None or bool(self.lake.missing(self.dataset, read_now.row.content))

    def _withdraw(self, key: int, gone: Row) -> None:
        """Take the row out of the table; its older versions, and the row itself if only its parent is missing, ask."""
        del self.table[key]
        self.entries[gone.version[:2]]["withdrawn"] += 1
        if gone.version[:2] not in self.batch:
            self.candidates[key][gone.version] = Candidate(gone, "table")
        for name, (delivered, _) in self.lake.processed.items():
            if delivered.dataset != self.dataset or name in self.batch:
                continue
            rejected = {reject.row for reject in self.lake.rejects[name]}
            for k, row in read(delivered, self.rules).valid:
                if k == key and row.version < gone.version and row.version.row not in rejected:
                    self.candidates[key].setdefault(row.version, Candidate(row, "older"))

    def _decide(self, key: int, candidates: dict[Version, Candidate]) -> None:
        before = self.table.get(key)
        ready = [each.row for each in candidates.values() if not self.lake.missing(self.dataset, each.row.content)]
        winner = max(ready, default=None)
        newest = max((row.version for row in (winner, before) if row), default=None)
        for version, candidate in candidates.items():
            if winner and version == winner.version:
                fate = _fate_of_winner(winner, before)
            else:
                fate = "parked" if newest is None or version > newest else "superseded"
            self._place(key, candidate, fate)
            self._count(candidate, fate)

    def _place(self, key: int, candidate: Candidate, fate: str) -> None:
        row, place = candidate.row, (self.dataset, key, candidate.row.version)
        stays = candidate.origin == "parked" and fate == "parked"
        self.parked.pop((key, row.version), None)
        if fate in ("inserted", "updated"):
            self.table[key] = row
        if fate == "parked":
            self.parked[key, row.version] = row.content
        if fate in ("inserted", "updated", "parked") and not stays:
            self.lake.written[place] = self.batch_id

    def _count(self, candidate: Candidate, fate: str) -> None:
        counts = self.entries[candidate.row.version[:2]]
        if candidate.origin == "parked" and fate == "parked":
            return  # it stays where it is
        if candidate.origin == "older" and fate == "superseded":
            return  # nothing hid it but what still hides it
        counts[fate] += 1
        if candidate.origin == "parked":
            counts["released"] += 1
        if candidate.origin in ("table", "older"):
            counts.update(rows_read=1, restored=1)


def _fate_of_winner(winner: Row, before: Row | None) -> str:
    if before is None:
        return "inserted"
    if winner.version != before.version:
        return "updated" if winner.version > before.version else "superseded"
    return "unchanged" if winner.content == before.content else "updated"
