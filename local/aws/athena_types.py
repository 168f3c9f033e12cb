"""The types of the parts of a statement: by them DuckDB is kept from being more lenient than Athena.

Athena compares a date with a date and a number with a number; DuckDB also takes `date = '2025-04-01'`
and `bigint = '5'`. A statement that works here and is refused there would be found in production only.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify

from local.aws.athena_errors import AthenaError

Schema = dict[str, dict[str, dict[str, str]]]
"""Database → table → column → type, in Trino's words."""

_FAMILIES = {
    "text": exp.DataType.TEXT_TYPES,
    "number": exp.DataType.NUMERIC_TYPES,
    "moment": exp.DataType.TEMPORAL_TYPES,
    "boolean": {exp.DataType.Type.BOOLEAN},
}
_COMPARED = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NullSafeEQ, exp.NullSafeNEQ)
_NUMBER, _KIND = "number", "kind"


def annotate(tree: exp.Expr, schema: Schema, database: str) -> None:
    """Note the type of every node of `tree`, for `has_type`, where it can be known; nothing else is changed.

    The nodes' own `type` is left alone: it would make sqlglot write another SQL.

    Args:
        schema: of the tables that the statement reads.
    """
    nodes = list(tree.walk())
    for number, node in enumerate(nodes):
        node.meta[_NUMBER] = number
    for node in _typed(tree.copy(), schema, database):
        place: int | None = node.meta.get(_NUMBER)
        if place is not None and node.type is not None and type(nodes[place]) is type(node):
            nodes[place].meta[_KIND] = node.type


def has_type(node: exp.Expr, kinds: Collection[exp.DType]) -> bool:
    """Return whether the node is known to be of one of these types."""
    return _KIND in node.meta and node.meta[_KIND].this in kinds


def _typed(tree: exp.Expr, schema: Schema, database: str) -> Iterator[exp.Expr]:
    known: dict[str, object] = dict(schema)
    try:
        qualified = qualify(tree, schema=known, db=database, dialect="athena", validate_qualify_columns=False)
        yield from annotate_types(qualified, schema=known, dialect="athena").walk()
    except SqlglotError:
        return  # an unknown column or table; whoever runs the statement says so better


def check_comparable(tree: exp.Expr) -> None:
    """Refuse a comparison or concatenation of values that Athena does not convert by itself.

    Args:
        tree: annotated.

    Raises:
        AthenaError: with the code and in the manner of Athena.
    """
    for node in tree.walk():
        if isinstance(node, exp.DPipe) and {*map(_family, _operands(node))} & {"number", "moment", "boolean"}:
            raise AthenaError(f"FUNCTION_NOT_FOUND: line 1:1: Unexpected parameters for function concat: {_text(node)}")
        if len({family for each in _compared(node) if (family := _family(each))}) > 1:
            raise AthenaError(f"TYPE_MISMATCH: line 1:1: Cannot apply operator: {_text(node)}")


def _compared(node: exp.Expr) -> list[exp.Expr]:
    """Return what has to be of one type in this node."""
    if isinstance(node, exp.Between):
        return [node.this, node.args["low"], node.args["high"]]
    if isinstance(node, (exp.In, exp.Coalesce)):
        return [node.this, *node.expressions]
    return _operands(node) if isinstance(node, _COMPARED) else []


def _operands(node: exp.Expr) -> list[exp.Expr]:
    return [node.this, node.expression]


def _family(node: exp.Expr) -> str | None:
    """None where the type is not known, or is of no family."""
    return next((name for name, types in _FAMILIES.items() if has_type(node, types)), None)


def _text(node: exp.Expr) -> str:
    kinds = [each.meta[_KIND].sql("athena").lower() for each in _compared(node) or _operands(node) if _family(each)]
    return f"{node.sql(dialect='athena')} ({', '.join(kinds)})"
