"""Athena's queries on a real Trino, with values written as Athena writes them."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

import requests

from local.aws import athena_results
from local.aws.athena_errors import AthenaError
from local.home import Home
from local.trino import client

_NAMES = {"real": "float"}
"""Where Athena's result metadata has another name for a type."""


def select(home: Home, query: str, database: str) -> dict[str, Any]:
    """Run one query.

    Raises:
        AthenaError: Trino refused it, in its own words, which are Athena's; or Trino does not run.
    """
    try:
        answer = client.ask(home.trino_url, query.strip().rstrip(";"), database)
    except client.TrinoError as error:
        raise AthenaError(str(error)) from error
    except requests.RequestException as error:
        raise AthenaError(f"GENERIC_INTERNAL_ERROR: Trino does not answer at {home.trino_url}: {error}") from error
    return {
        "columns": answer.columns,
        "column_types": [_name(each) for each in answer.types],
        "rows": [list(map(_text, row, answer.types)) for row in answer.rows],
    }


def _name(trino: str) -> str:
    """Return the type without its precision, which Athena gives in fields of their own."""
    kind, _, rest = trino.partition("(")
    after = rest.partition(")")[2] if kind in ("timestamp", "time") else ""
    return _NAMES.get(kind, kind) + after


def _text(value: Any, kind: str) -> str | None:
    """Texts, numbers, lists and maps are as JSON has them; bytes are in Base64."""
    return athena_results.text(b64decode(value) if kind == "varbinary" and value is not None else value)
