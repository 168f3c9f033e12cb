"""One question to both engines, and where their answers differ."""

from __future__ import annotations

import math
from dataclasses import dataclass

import sqlglot
from sqlglot import exp

from cli.clients.athena import ask
from cli.clients.connection import Connection
from cli.failures import Failed
from cli.rows import Rows
from local.home import ATHENA_ENGINES

QUICK, JUDGE = ATHENA_ENGINES


@dataclass(frozen=True)
class Refused:
    """A statement that was not run: the code, as TYPE_MISMATCH, and what was said after it."""

    code: str
    said: str


@dataclass(frozen=True)
class Engines:
    """The Athena of a local lake."""

    lake: Connection

    def ask(self, engine: str, sql: str) -> Rows | Refused:
        """The answer of `duckdb` or `trino`, as GetQueryResults gives it."""
        self.lake.home.choose_athena(engine)
        try:
            return ask(self.lake, sql)
        except Failed as error:
            code, _, said = error.seen.removeprefix("Athena: ").partition(": ")
            return Refused(code, said)

    def both(self, sql: str) -> tuple[Rows | Refused, Rows | Refused]:
        """What the quick engine says, and what the judge does."""
        return self.ask(QUICK, sql), self.ask(JUDGE, sql)


def difference(sql: str, quick: Rows | Refused, judge: Rows | Refused) -> str:
    """Where the two differ, in words; nothing where they agree.

    Names and types of the columns and the rows have to be equal, the rows in order where the statement
    asks for one. Of a LIMIT without an order only the number of rows is said.
    """
    if isinstance(quick, Refused) or isinstance(judge, Refused):
        agree = isinstance(quick, Refused) and isinstance(judge, Refused) and quick.code == judge.code
        return "" if agree else f"{_short(quick)} / {_short(judge)}"
    for what in ("columns", "kinds"):
        if list(getattr(quick, what)) != list(getattr(judge, what)):
            return f"{what}: {getattr(quick, what)} / {getattr(judge, what)}"
    if len(quick.rows) != len(judge.rows):
        return f"rows: {len(quick.rows)} / {len(judge.rows)}"
    tree = sqlglot.parse_one(sql, read="athena")
    if tree.args.get("limit") and not tree.args.get("order"):
        return ""
    pairs = zip(_rows(tree, quick), _rows(tree, judge), strict=True)
    return next((f"{one} / {other}" for one, other in pairs if not _equal(one, other, judge.kinds)), "")


def _rows(tree: exp.Expression, answer: Rows) -> list[list[str | None]]:
    rows = [list(row) for row in answer.rows]
    return rows if tree.args.get("order") else sorted(rows, key=lambda row: [each or "" for each in row])


def _equal(one: list[str | None], other: list[str | None], kinds: list[str]) -> bool:
    return all(map(_same, one, other, kinds))


def _same(one: str | None, other: str | None, kind: str) -> bool:
    """A sum of doubles depends on the order of its summands, in the last digits."""
    if kind == "double" and one is not None and other is not None:
        return math.isclose(float(one), float(other), rel_tol=1e-12)
    return one == other


def _short(answer: Rows | Refused) -> str:
    return f"{answer.code}: {answer.said[:200]}" if isinstance(answer, Refused) else f"{len(answer.rows)} rows"
