"""Athena's SQL (Trino's) on DuckDB: translation, execution, and the statements that are no queries.

The two differ in places. Put right here: integer division, `date_diff`, rounding. Not put right:
scales of decimal division, some date and map functions; DuckDB also takes `date_col = '2026-11-01'`
and `bigint_col = '5'`, which Athena refuses. SQL that matters is to be tried on a real Athena too.
"""

from __future__ import annotations

import re
from typing import Any

import duckdb
import sqlglot
from sqlglot import exp

from infra.local.aws import athena_results
from infra.local.aws.athena_errors import AthenaError, not_parsed, not_run, table_not_found
from infra.local.aws.athena_tables import Catalogue

Answer = dict[str, Any]


def select(query: str, database: str, catalogue: Catalogue) -> Answer:
    """Run one query on tables of the catalogue."""
    try:
        tree = sqlglot.parse_one(query, read="athena")
    except sqlglot.errors.SqlglotError as error:
        raise not_parsed(error) from error
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'; SET integer_division = true")
        for table in _tables(tree, database):
            catalogue.register(connection, *table)
        try:
            cursor = connection.execute(to_duckdb(tree))
            return _answer(cursor)
        except duckdb.Error as error:
            raise not_run(error) from error


def to_duckdb(tree: exp.Expression) -> str:
    """The statement in DuckDB's words."""
    return tree.copy().transform(_mend).sql(dialect="duckdb")


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


def _tables(tree: exp.Expression, database: str) -> set[tuple[str, str]]:
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


def _mend(node: exp.Expression) -> exp.Expression:
    if isinstance(node, exp.DateDiff):
        # Trino counts whole units between, DuckDB's date_diff the boundaries crossed
        unit = exp.Literal.string((node.text("unit") or "day").lower())
        return exp.Anonymous(this="date_sub", expressions=[unit, _moment(node.expression), _moment(node.this)])
    return node


def _moment(value: exp.Expression) -> exp.Expression:
    return value if isinstance(value, exp.Cast) else exp.cast(value, "timestamp")


def _answer(cursor: duckdb.DuckDBPyConnection) -> Answer:
    description = cursor.description or []
    return {
        "columns": [column[0] for column in description],
        "column_types": [athena_results.type_name(str(column[1]).upper()) for column in description],
        "rows": [[athena_results.text(value) for value in row] for row in cursor.fetchall()],
    }


__all__ = ["AthenaError", "select", "to_duckdb", "utility"]
