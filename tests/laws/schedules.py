"""Schedules: what producers deliver, and in which rounds it is processed, as hypothesis draws it.

There are few keys, so that collisions are many. `#3` in a field stands for the third key of the
schedule's own range, so that any number of schedules fit into one lake; `@` stands for a number of
its own such as 7.000, which is 7 by the old rules and 7000 by the new ones, and `@7` for that 7.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from laws.model import Delivered, ModelLake, Rules, names

ROUNDS = 5
HALF = 2
"""From this round on the rules are others."""

_DAYS = ("days_not_negative", ("days_since_prior_order",), lambda days: days is None or days >= 0)

OLD = Rules(
    {
        "orders": (("total_not_negative", ("total_amount",), lambda total: total >= 0),),
        "order_items": (
            _DAYS,
            ("cart_position_from_one", ("add_to_cart_order",), lambda position: position >= 1),
        ),
    }
)
NEW = Rules(
    {
        "products": (
            (
                "named_or_in_two",  # no name is no other name either: then only the department helps
                ("product_name", "department_id"),
                lambda name, department: name not in (None, "Rug") or department == 2,
            ),
        ),
        "orders": (("total_in_bounds", ("total_amount",), lambda total: -5 <= total <= 50),),
        "order_items": (
            _DAYS,
            ("cart_position_to_five", ("add_to_cart_order",), lambda position: position <= 5),
        ),
    },
    null_words=("98", "Attic"),
    optional=("product_name",),
    dotted=("order_id",),
)
"""Each dataset has rows that only the old rules accept, rows that only the new ones do, and items another content."""

POOL = 4
BASE = 10_000_000
QUIET = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))


def rules_of(number: int) -> Rules:
    return OLD if number < HALF else NEW


@dataclass(frozen=True)
class File:
    """One delivery. `tick` is the second in which it landed."""

    dataset: str
    name: str
    tick: int
    rows: tuple[str, ...]
    header: str = "plain"

    def body(self, number: int) -> str:
        """The text as the schedule of that number delivers it."""
        columns = names(self.dataset)
        lines = {
            "plain": [",".join(columns), *self.rows],
            "reversed": [",".join(reversed(row.split(","))) for row in (",".join(columns), *self.rows)],
            "cut": [",".join(columns[1:]), *self.rows],
            "nothing": [],
        }[self.header]
        text = "".join(f"{line}\n" for line in lines)
        own = BASE + 10 * number
        small = number + 1 if number < 999 else own + 9  # a dot parts thousands after three digits at most
        text = text.replace("@7", f"{small}").replace("@", f"{small}.000")
        return re.sub(r"#(\d)", lambda key: str(own + int(key[1])), text)


@dataclass(frozen=True)
class Schedule:
    """Deliveries, and for each round the numbers of those that are processed in it, first time or again."""

    files: tuple[File, ...]
    rounds: tuple[tuple[int, ...], ...]

    def deliveries(self, number: int = 0) -> list[Delivered]:
        """The files of one second and name differ by microseconds, as the listing does."""
        seen: Counter[tuple[str, str, int]] = Counter()
        found = []
        for file in self.files:
            place = file.dataset, file.name, file.tick
            landed = f"2025-05-01T00:00:{file.tick:02}.{seen[place]:06}Z"
            seen[place] += 1
            key = f"raw/{file.dataset}/{number}/{file.name}"
            found.append(Delivered(file.dataset, landed, key, file.body(number)))
        return found

    @property
    def size(self) -> int:
        return sum(len(file.rows) + 1 for file in self.files) + sum(map(len, self.rounds))

    def __str__(self) -> str:
        lines = []
        for number, batch in enumerate(self.rounds):
            which = ", ".join(f"file {index}" for index in batch) or "nothing"
            lines.append(f"round {number} ({'old' if number < HALF else 'new'} rules): {which}")
        for index, file in enumerate(self.files):
            how = "" if file.header == "plain" else f", header {file.header}"
            lines.append(f"file {index}: {file.dataset}/{file.name}, landed at :{file.tick:02}{how}")
            lines += [f"    {number}: {row}" for number, row in enumerate(file.rows, 1)]
        return "\n".join(lines)


def _one_of(*values: str) -> st.SearchStrategy[str]:
    return st.sampled_from(values)


def _fields(**columns: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*columns.values()).map(",".join)


_DAY = _one_of("2025-04-01", "2025-04-01", "2025-04-02")

_ROWS = {
    "products": _fields(
        product_id=_one_of("#1", "#1", "#2"),
        department_id=_one_of("1", "1", "2"),
        department=_one_of("Home", "Home", "Attic"),
        product_name=_one_of("Lamp", "Cup", "Lamp", "Cup", "Rug", "Bed", ""),
    ),
    "orders": _fields(
        order_num=_one_of("7", "7", "7", "7", "7", "7", "8", "seven"),
        order_id=_one_of("#1", "#1", "#1", "#2", "#2", "@", "@7"),
        user_id=st.just("500"),
        order_timestamp=st.just("2025-04-01T08:00:00"),
        total_amount=_one_of("10.0", "10.0", "20.5", "20.5", "99", "99", "99", "-3"),
        date=_DAY,
    ),
    "order_items": _fields(
        id=_one_of("#1", "#1", "#2", "#3"),
        order_id=_one_of("#1", "#1", "#1", "#2", "#2", "#3", "@", "@7"),
        user_id=st.just("500"),
        days_since_prior_order=_one_of("3", "3", "3", "", "98", "98", "98", "98", "4", "-1"),
        product_id=_one_of("#1", "#1", "#1", "#2"),
        add_to_cart_order=_one_of("1", "1", "1", "2", "2", "2", "3", "9", "9", "0"),
        reordered=_one_of("0", "1"),
        order_timestamp=st.just("2025-04-01T08:00:00"),
        date=_DAY,
    ),
}
_BROKEN = {
    "products": ("#1,2,Home", "x,1,Home,Lamp", ",,Home,"),
    "orders": ("7,#1,500,2025-04-01T08:00:00,10.0", "7,#2,500,2025-02-30T08:00:00,-9,2025-04-31"),
    "order_items": ("#1,#1,500,3,#1,1,0,2025-04-01T08:00:00", "#1,,500,x,#1,0,2,2025-04-01T08:00:00,2025-04-01"),
}
_FILES = ("products", "orders", "order_items", "order_items", "orders", "order_items", "products")
_HEADERS = (*["plain"] * 16, "reversed", "reversed", "cut", "nothing")


@st.composite
def _file(draw: st.DrawFn, dataset: str) -> File:
    row = st.integers(0, 19).flatmap(lambda n: _ROWS[dataset] if n else st.sampled_from(_BROKEN[dataset]))
    return File(
        dataset=dataset,
        name=draw(_one_of("a.csv", "b.csv")),
        tick=draw(st.integers(0, 3)),
        rows=tuple(draw(row) for _ in range(draw(st.sampled_from((1, 2, 2, 3, 3, 0))))),
        header=draw(st.sampled_from(_HEADERS)),
    )


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    """Every file is processed at least once; in most schedules every file again by the new rules."""
    files = [draw(_file(dataset)) for dataset in _FILES[: draw(st.sampled_from((4, 5, 3, 6)))]]
    times = [{draw(st.sampled_from((0, 1, 2, 0, 1, 3)))} for _ in files]
    whole = draw(st.sampled_from((True, False)))
    for chosen in times:
        if whole or draw(st.booleans()):
            chosen.add(draw(st.sampled_from((4, 3, 2))))
        elif draw(st.integers(0, 3)) == 0:
            chosen.add(draw(st.integers(min(chosen), ROUNDS - 1)))
    rounds = [tuple(index for index, chosen in enumerate(times) if number in chosen) for number in range(ROUNDS)]
    return Schedule(tuple(files), tuple(rounds))


def drawn(number: int, with_seed: int) -> list[Schedule]:
    """So many different schedules: the richest of four times as many, and as many of the others.

    What hypothesis draws is often small and alike. The richest are those in which deliveries fare
    as few others do; how they fare, the model says.
    """
    found: dict[Schedule, None] = {}

    @seed(with_seed)
    @settings(QUIET, max_examples=POOL * number, phases=[Phase.generate])
    @given(schedules())
    def take(schedule: Schedule) -> None:
        found.setdefault(schedule)

    take()
    ways = {schedule: _ways(schedule) for schedule in found}
    often = Counter(way for each in ways.values() for way in each)
    rich = sorted(found, key=lambda schedule: -sum(1 / often[way] for way in ways[schedule]))
    chosen = rich[: number // 2]
    return [*chosen, *[schedule for schedule in found if schedule not in set(chosen)][: number - len(chosen)]]


def _ways(schedule: Schedule) -> set[tuple[str, frozenset[str]]]:
    """How its deliveries fare in its batches."""
    lake, deliveries = ModelLake(), schedule.deliveries()
    for number, batch in enumerate(schedule.rounds):
        lake.process(f"batch {number}", [deliveries[index] for index in batch], rules_of(number))
    return {
        (file.split("/")[1], frozenset(name for name, count in counts.items() if count))
        for (_, (_, file)), counts in lake.ledger.items()
    }
