"""The verdict on a few hundred random keys at once, against a dozen lines of plain Python."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

from ledgerlake.contracts import Column, Dataset, Reference
from ledgerlake_glue.verdict import judge

CHILDREN = Dataset(
    name="children",
    job="children_etl",
    doc="Rows with a parent.",
    columns=(
        Column("id", "bigint", required=True, doc="Key."),
        Column("parent", "bigint", required=True, doc="Parent."),
        Column("x", "string", doc="Content."),
    ),
    key=("id",),
    references=(Reference("parent", "parents"),),
)
FAR = 2**39 + 1
"""A row so far down its file that its number needs all of the bits that a version keeps for it."""
START = datetime(2025, 4, 1, tzinfo=UTC)


def landed(delivery: int) -> datetime:
    return START + timedelta(minutes=delivery // 2)  # two deliveries share a time; then the name decides


def file(delivery: int) -> str:
    return f"raw/children/{delivery}.csv"


def a_case(number: int, chance: random.Random) -> dict:
    """One key: its candidates, its parents, and the table's row, which may be one of the candidates."""
    versions = sorted(chance.sample([(d, r) for d in range(5) for r in (1, FAR)], chance.randint(1, 5)))
    candidates = [(v, chance.choice("ab"), number * 10 + chance.randint(0, 2)) for v in versions]
    parents = {number * 10 + p for p in range(3) if chance.random() < 0.6}
    table = None
    if chance.random() < 0.6:
        version = chance.choice([*versions, (chance.randint(0, 4), 3)])
        table = (version, chance.choice("ab"), number * 10)
    return {"id": number, "candidates": candidates, "parents": parents, "table": table}


def fates(case: dict) -> dict:
    """What the rules say, version by version."""
    ready = [version for version, _, parent in case["candidates"] if parent in case["parents"]]
    winner, held = max(ready, default=None), case["table"]
    said = {}
    for version, x, parent in case["candidates"]:
        newest = max([v for v in (winner, held and held[0]) if v], default=None)
        if version == winner:
            if held is None:
                said[version] = "inserted"
            elif version == held[0]:
                said[version] = "unchanged" if (x, parent) == held[1:] else "updated"
            else:
                said[version] = "updated" if version > held[0] else "superseded"
        else:
            waits = parent not in case["parents"] and (newest is None or version > newest)
            said[version] = "parked" if waits else "superseded"
    return said


def test_the_fate_of_every_candidate_is_what_the_rules_say(spark):
    chance = random.Random(20250401)
    cases = [a_case(number, chance) for number in range(1, 400)]
    candidates = spark.createDataFrame(
        [
            (case["id"], parent, x, d, r, None, None, file(d), landed(d))
            for case in cases
            for (d, r), x, parent in case["candidates"]
        ],
        "id bigint, parent bigint, x string, _delivery int, _source_row bigint, _reasons array<string>, "
        "_rows_read bigint, _source_file string, _landed_at timestamp",
    )
    table = spark.createDataFrame(
        [
            (case["id"], case["table"][2], case["table"][1], landed(d), file(d), r)
            for case in cases
            if case["table"]
            for d, r in [case["table"][0]]
        ],
        "id bigint, parent bigint, x string, _landed_at timestamp, _source_file string, _source_row bigint",
    )
    parents = spark.createDataFrame([(key,) for case in cases for key in case["parents"]], "parent_id bigint")
    judged = judge(candidates, table, {"parents": parents}, CHILDREN).collect()
    found = {(row.id, (row._delivery, row._source_row)): row._fate for row in judged}
    expected = {(case["id"], version): fate for case in cases for version, fate in fates(case).items()}
    assert found == expected
    assert set(expected.values()) == {"inserted", "updated", "unchanged", "superseded", "parked"}


def test_a_parent_that_is_there_twice_makes_no_second_row_of_its_child(spark):
    candidates = spark.createDataFrame(
        [(1, 7, "a", 0, 1, None, None, file(0), landed(0)), (2, 8, "a", 0, 2, None, None, file(0), landed(0))],
        "id bigint, parent bigint, x string, _delivery int, _source_row bigint, _reasons array<string>, "
        "_rows_read bigint, _source_file string, _landed_at timestamp",
    )
    table = spark.createDataFrame(
        [], "id bigint, parent bigint, x string, _landed_at timestamp, _source_file string, _source_row bigint"
    )
    parents = spark.createDataFrame([(7,), (7,), (None,)], "parent_id bigint")
    judged = judge(candidates, table, {"parents": parents}, CHILDREN).collect()
    assert sorted((row.id, row._fate, row._missing) for row in judged) == [
        (1, "inserted", None),
        (2, "parked", ["parents"]),
    ]


def test_rejected_and_closing_rows_pass_through_and_decide_nothing(spark):
    rows = [
        (1, 7, "a", 0, 1, None, None),
        (1, 7, "b", 0, 2, ["broken: x=b"], None),
        (None, None, None, 0, 3, ["required: id is empty"], None),
        (None, None, None, 0, None, None, 3),
    ]
    candidates = spark.createDataFrame(
        [(*row, file(0), landed(0)) for row in rows],
        "id bigint, parent bigint, x string, _delivery int, _source_row bigint, _reasons array<string>, "
        "_rows_read bigint, _source_file string, _landed_at timestamp",
    )
    table = spark.createDataFrame(
        [], "id bigint, parent bigint, x string, _landed_at timestamp, _source_file string, _source_row bigint"
    )
    parents = spark.createDataFrame([(7,)], "parent_id bigint")
    judged = judge(candidates, table, {"parents": parents}, CHILDREN).collect()
    assert sorted((row._source_row or 0, row._fate) for row in judged) == [
        (0, "closing"),
        (1, "inserted"),
        (2, "rejected"),
        (3, "rejected"),
    ]
