"""Typed rows, and for each every rule it breaks, in one pass."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ledgerlake.contracts import Column, Dataset
from ledgerlake_spark.reading import text_name
from ledgerlake_spark.shown import shown_sql
from ledgerlake_spark.typing_rules import text_of, value_of

_BITS = 62  # of a bigint that are safe to use as flags


@dataclass(frozen=True)
class _Test:
    """SQL that is true for a row that breaks a rule, and SQL for what a person is told."""

    broken: str
    reason: str


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
    reasons = ", ".join(f"if(_broken & {1 << bit}L != 0, {test.reason}, null)" for bit, test in enumerate(tests))
    # The array is built for broken rows only: they are few, and texts are dear.
    judged = flagged.withColumn(
        "_reasons", F.expr(f"if(_broken = 0, null, filter(array({reasons}), r -> r is not null))")
    )
    return judged.drop("_broken", *(f"_text_{name}" for name in dataset.column_names))


def _field(column: Column) -> str:
    return column.name if column.type == "string" else text_name(column)


def _value(column: Column) -> str:
    text = f"_text_{column.name}"
    return text if column.type == "string" else f"coalesce(`{column.name}`, {value_of(column, text)})"


def _tests(dataset: Dataset) -> list[_Test]:
    tests = [_Test("_problem is not null", "_problem")]
    for column in dataset.columns:
        text = f"_text_{column.name}"
        if column.required:
            empty = f"{text} is null and `{column.name}` is null"
            tests.append(_Test(f"_problem is null and {empty}", f"'required: {column.name} is empty'"))
        if column.type != "string":
            tests.append(
                _Test(
                    f"{text} is not null and `{column.name}` is null",
                    f"concat('not_{column.type}: {column.name}=', {shown_sql(text)})",
                )
            )
    for rule in dataset.rules:
        # A row whose columns could not be read is told that, not also what follows from it.
        known = " and ".join(f"({_known(dataset, name)})" for name in rule.shows)
        shown = ", ', ', ".join(f"'{name}=', coalesce({shown_sql(_written(name))}, '')" for name in rule.shows)
        tests.append(
            _Test(
                f"_problem is null and {known} and not coalesce(({rule.predicate}), false)",
                f"concat('{rule.name}: ', {shown})",
            )
        )
    if len(tests) > _BITS:
        raise ValueError(f"{dataset.name} has {len(tests)} tests, of which a row's flags hold {_BITS}")
    return tests


def _written(name: str) -> str:
    """SQL for the text of the field; of a plain value of which no text is kept it is the value's own."""
    return f"coalesce(_text_{name}, cast(`{name}` as string))"


def _known(dataset: Dataset, name: str) -> str:
    """Whether the column has the value its text says, or rightly none."""
    if dataset.column(name).required:
        return f"`{name}` is not null"
    return f"`{name}` is not null or _text_{name} is null"
