"""Typed rows, and for each every rule it breaks, in one pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ledgerlake.contracts import Column, Dataset, Rule
from ledgerlake_glue.display_sql import display_sql, literal
from ledgerlake_glue.reading import text_name
from ledgerlake_glue.typing_rules import text_of, value_of


@dataclass(frozen=True)
class _Test:
    """SQL that is true for a row that breaks a rule, and the reason that is reported.

    Args:
        reason: words, each followed by the text of the column named after it; the last may stand alone.
    """

    broken: str
    reason: tuple[tuple[str, str | None], ...]


def validate(rows: DataFrame, dataset: Dataset) -> DataFrame:
    """Give every column its type and every row the list of rules it breaks.

    Args:
        rows: as `reading.read_deliveries` returns them. Closing rows pass through untouched.

    Returns:
        The columns of `rows`, those of the contract now typed, and `_reasons`: an array of texts
        `<rule>: <column>=<value>`, NULL for a row that breaks none. A rule that is NULL is broken.
    """
    others = [name for name in rows.columns if name.startswith("_") and not name.startswith("_text_")]
    texts = rows.select(
        *(column.name for column in dataset.columns if column.type != "string"),
        *(F.expr(text_of(column, dataset, _field(column))).alias(f"_text_{column.name}") for column in dataset.columns),
        *others,
    )
    typed = texts.select(
        *(F.expr(_value(column)).alias(column.name) for column in dataset.columns),
        *(name for name in texts.columns if name.startswith("_")),
    )
    tests = _tests(dataset)
    flags = " | ".join(f"if({test.broken}, {1 << bit}L, 0L)" for bit, test in enumerate(tests))
    flagged = typed.withColumn("_broken", F.expr(f"if(_source_row is null, 0L, {flags})"))
    # Texts are put together for broken rows only: they are few, and texts are dear.
    every = f"concat(coalesce(_inexact, array()), {_reasons(dataset, tests)})"
    reasons = f"if(_broken = 0 and _inexact is null, null, {every})"
    judged = flagged.withColumn("_reasons", F.expr(reasons))
    return judged.drop("_broken", "_inexact", *(f"_text_{name}" for name in dataset.column_names))


def _field(column: Column) -> str:
    return column.name if column.type == "string" else text_name(column)


def _value(column: Column) -> str:
    text = f"_text_{column.name}"
    return text if column.type == "string" else f"coalesce(`{column.name}`, {value_of(column, text)})"


def _reasons(dataset: Dataset, tests: list[_Test]) -> str:
    """Return SQL for the reasons of a broken row.

    The tests are data, not one branch each, since Spark compiles every branch.
    """
    places = {None: "null", "_problem": "0"} | {name: str(n) for n, name in enumerate(dataset.column_names, 1)}

    def pieces(test: _Test) -> str:
        structs = (f"struct({literal(words)} as words, int({places[name]}) as place)" for words, name in test.reason)
        return f"array({', '.join(structs)})"

    # Of a plain value no text is kept: it is the value's own.
    written = ", ".join(f"coalesce(_text_{name}, cast(`{name}` as string))" for name in dataset.column_names)
    text = display_sql(f"array(_problem, {written})[piece.place]")
    said = f"concat(said, piece.words, if(piece.place is null, '', coalesce({text}, '')))"
    broken = f"filter(sequence(0, {len(tests) - 1}), bit -> _broken & shiftleft(1L, bit) != 0)"
    every = f"array({', '.join(map(pieces, tests))})"
    return f"transform({broken}, bit -> aggregate({every}[bit], '', (said, piece) -> {said}))"


def _tests(dataset: Dataset) -> list[_Test]:
    rules = {rule.name: rule for rule in dataset.rules}
    made: dict[str, Callable[[str], _Test]] = {
        "readable": lambda _: _Test("_problem is not null", (("", "_problem"),)),
        "required": _required,
        "type": lambda name: _of_type(dataset.column(name)),
        "rule": lambda name: _of_rule(dataset, rules[name]),
    }
    return [made[kind](name) for kind, name in dataset.tests]


def _required(name: str) -> _Test:
    empty = f"_text_{name} is null and `{name}` is null"
    return _Test(f"_problem is null and {empty}", ((f"required: {name} is empty", None),))


def _of_type(column: Column) -> _Test:
    wrong = f"_text_{column.name} is not null and `{column.name}` is null"
    return _Test(wrong, ((f"not_{column.kind}: {column.name}=", column.name),))


def _of_rule(dataset: Dataset, rule: Rule) -> _Test:
    # A row whose columns could not be read is rejected for that, not also for what follows from it.
    known = " and ".join(f"({_known(dataset, name)})" for name in rule.shows)
    broken = f"_problem is null and {known} and not coalesce(({rule.predicate}), false)"
    first, *others = rule.shows
    shown = ((f"{rule.name}: {first}=", first), *((f", {name}=", name) for name in others))
    return _Test(broken, shown)


def _known(dataset: Dataset, name: str) -> str:
    """Return whether the column has the value its text says, or rightly none."""
    if dataset.column(name).required:
        return f"`{name}` is not null"
    return f"`{name}` is not null or _text_{name} is null"
