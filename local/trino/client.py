"""Asking Trino, by the protocol of its REST API: post a statement, then follow `nextUri` until there is none.

https://trino.io/docs/current/develop/client-protocol.html
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import requests

from local.trino.configuration import CATALOG

_PAUSE = 0.02


class TrinoError(Exception):
    """What Trino says of a statement that it did not run, as `CODE: line 1:1: what is wrong`."""


@dataclass(frozen=True)
class Answer:
    """The result of a statement.

    Args:
        types: of the columns, in Trino's words, such as `decimal(18,2)`.
        rows: values as JSON has them; decimals, dates and times are texts.
    """

    columns: list[str]
    types: list[str]
    rows: list[list[Any]]


def ask(url: str, sql: str, schema: str) -> Answer:
    """Run one statement, in UTC, on the tables of the Glue database `schema`.

    Raises:
        TrinoError: Trino refused the statement, or it failed.
        requests.RequestException: nobody answers there.
    """
    headers = {
        "X-Trino-User": "athena",
        "X-Trino-Catalog": CATALOG,
        "X-Trino-Schema": schema,
        "X-Trino-Time-Zone": "UTC",
    }
    with requests.Session() as session:
        session.trust_env = False  # a proxy has no business on loopback
        page = _sent(session.post(f"{url}/v1/statement", data=sql.encode(), headers=headers, timeout=60))
        rows, columns = list(page.get("data", [])), page.get("columns")
        while following := page.get("nextUri"):
            if "data" not in page:
                time.sleep(_PAUSE)
            page = _sent(session.get(following, headers=headers, timeout=60))
            rows += page.get("data", [])
            columns = columns or page.get("columns")
    described = columns or []
    return Answer([each["name"] for each in described], [each["type"] for each in described], rows)


def _sent(answer: requests.Response) -> dict[str, Any]:
    answer.raise_for_status()
    page: dict[str, Any] = answer.json()
    if error := page.get("error"):
        raise TrinoError(f"{error['errorName']}: {error['message']}")
    return page
