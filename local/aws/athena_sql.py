"""Athena's SQL (Trino's) on DuckDB: translation, execution, and the statements that are no queries.

The two differ in places. Put right here: integer division, `date_diff`, dates that would become
timestamps, rounding to integers, numbers in texts, and comparisons that Athena refuses. What is not
put right is listed, and tried, in docs/athena-sql.md; a real Trino is the judge.
"""

from __future__ import annotations

import re
from typing import Any

import duckdb
import pyarrow as pa
import sqlglot
from sqlglot import exp

from local.aws import athena_results, athena_types
from local.aws.athena_errors import AthenaError, not_parsed, not_run, table_not_found
from local.aws.athena_tables import Catalogue
from local.aws.athena_types import has_type

Answer = dict[str, Any]
_OF_DATES = (exp.Add, exp.Sub, exp.DateAdd, exp.DateSub, exp.DateTrunc, exp.TimestampTrunc)
"""Of a date they are a date in Athena, and a timestamp in DuckDB."""
_DATE = {exp.DataType.Type.DATE}


def select(query: str, database: str, catalogue: Catalogue) -> Answer:
    """Run one query on tables of the catalogue."""
    try:
        tree = sqlglot.parse_one(query, read="athena")
    except sqlglot.errors.SqlglotError as error:
        raise not_parsed(error) from error
    if not isinstance(tree, (exp.Query, exp.Values)):
        raise AthenaError("NOT_SUPPORTED: line 1:1: the local Athena answers queries, and makes no tables or views")
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'; SET integer_division = true")
        tables = _tables(tree, database)
        for table in tables:
            catalogue.register(connection, *table)
        athena_types.annotate(tree, catalogue.schema(tables), database)
        athena_types.check_comparable(tree)
        try:
            return _answer(connection.sql(to_duckdb(tree)))
        except duckdb.Error as error:
            raise not_run(error) from error


def to_duckdb(tree: exp.Expr) -> str:
    """Return the statement in DuckDB's words; where its parts have types, they come out as Athena's do."""
    tree = tree.copy()
    _name_columns(tree)
    for node in reversed(list(tree.walk())):  # children first, so that a converted part may be converted again
        converted = _convert(node)
        if converted is not node:
            node.replace(converted)
    return tree.sql(dialect="duckdb")


def _name_columns(tree: exp.Expr) -> None:
    """Name a column without a name after its place, as Athena does."""
    if isinstance(tree, exp.Select):
        for place, each in enumerate(tree.expressions):
            if not isinstance(each, (exp.Alias, exp.Column, exp.Star)):
                each.replace(exp.alias_(each.copy(), f"_col{place}", quoted=True))


def utility(query: str, database: str, catalogue: Catalogue) -> Answer | None:
    """SHOW TABLES, SHOW DATABASES, DESCRIBE; None for any other statement."""
    words = re.sub(r"[`\";]", " ", query).lower().split()
    if words[:2] == ["show", "tables"]:
        return _show("tab_name", catalogue.tables(words[3] if len(words) > 3 else database))
    if words[:2] in (["show", "databases"], ["show", "schemas"]):
        return _show("database_name", catalogue.databases())
    if words and words[0] in ("describe", "desc"):
        place, _, name = words[-1].rpartition(".")
        return _describe(place or database, name, catalogue)
    return None


def _show(column: str, names: list[str]) -> Answer:
    return {"columns": [column], "column_types": ["string"], "rows": [[name] for name in names]}


def _describe(database: str, name: str, catalogue: Catalogue) -> Answer:
    table = catalogue.find(database, name)
    if table is None:
        raise table_not_found(database, name)
    columns = [*table["StorageDescriptor"].get("Columns", []), *(table.get("PartitionKeys") or [])]
    rows = [[f"{column['Name']:<20}\t{column['Type']:<20}\t{column.get('Comment', '')}"] for column in columns]
    return {"columns": ["col_name"], "column_types": ["string"], "rows": rows}


def _tables(tree: exp.Expr, database: str) -> set[tuple[str, str]]:
    """Every (database, table) that the statement reads; gives each its database, and takes the catalogue away."""
    ctes = {cte.alias_or_name.lower() for cte in tree.find_all(exp.CTE)}
    found = set()
    for table in tree.find_all(exp.Table):
        if not table.name or (not table.db and table.name.lower() in ctes):
            continue
        place = ((table.db or database).lower(), table.name.lower())
        table.set("this", exp.to_identifier(place[1], quoted=True))
        table.set("db", exp.to_identifier(place[0], quoted=True))
        table.set("catalog", None)
        if not table.alias:
            table.set("alias", exp.TableAlias(this=exp.to_identifier(place[1], quoted=True)))
        found.add(place)
    for column in tree.find_all(exp.Column):
        column.set("catalog", None)
        column.set("db", None)
    return found


def _convert(node: exp.Expr) -> exp.Expr:
    if isinstance(node, exp.DateDiff):
        # Trino counts whole units between, DuckDB's date_diff the boundaries crossed
        unit = exp.Literal.string((node.text("unit") or "day").lower())
        return exp.Anonymous(this="date_sub", expressions=[unit, _moment(node.expression), _moment(node.this)])
    if isinstance(node, _OF_DATES) and _is_date(node.this):
        return exp.cast(node.copy(), "date")
    if isinstance(node, exp.Cast) and node.to.is_type(*exp.DataType.INTEGER_TYPES):
        return _to_integer(node)
    return node


def _is_date(node: exp.Expr) -> bool:
    """By its type; sqlglot does not know that of everything that is made of a date."""
    made_of_one = isinstance(node, _OF_DATES) and _is_date(node.this)
    cast_to_one = isinstance(node, exp.Cast) and node.to.this in _DATE
    return has_type(node, _DATE) or made_of_one or cast_to_one


def _to_integer(cast: exp.Cast) -> exp.Expr:
    """Athena rounds halves away from zero, and reads no fraction out of a text."""
    if has_type(cast.this, exp.DataType.FLOAT_TYPES):
        cast = cast.copy()
        cast.set("this", exp.Round(this=cast.this))
        return cast
    if isinstance(cast, exp.TryCast) and has_type(cast.this, exp.DataType.TEXT_TYPES):
        whole = exp.Anonymous(
            this="regexp_full_match", expressions=[cast.this.copy(), exp.Literal.string(r"\s*[+-]?[0-9]+\s*")]
        )
        return exp.Case(ifs=[exp.If(this=whole, true=cast.copy())])
    return cast


def _moment(value: exp.Expr) -> exp.Expr:
    return value if isinstance(value, exp.Cast) else exp.cast(value, "timestamp")


def _answer(relation: duckdb.DuckDBPyRelation) -> Answer:
    kinds = [str(kind).upper() for kind in relation.types]
    columns = relation.to_arrow_table().columns  # DuckDB's own rows would need pytz for a timestamp with time zone
    return {
        "columns": list(relation.columns),
        "column_types": [athena_results.type_name(kind) for kind in kinds],
        "rows": [list(row) for row in zip(*map(_texts, kinds, columns), strict=True)],
    }


def _texts(kind: str, column: pa.ChunkedArray) -> list[str | None]:
    """Arrow gives a map as pairs."""
    values = column.to_pylist()
    if kind.startswith("MAP("):
        values = [None if each is None else dict(each) for each in values]
    return [athena_results.text(value) for value in values]


__all__ = ["AthenaError", "select", "to_duckdb", "utility"]
