"""CheckCatalogue: list the differences between the Glue catalogue and the contracts.

Event `{}`; response `{"differences": ["orders is not in ecommerce_dwh", …]}`, empty if the crawler need not run.
"""

from __future__ import annotations

from typing import Any

import boto3

from ledgerlake.errors import LedgerlakeError
from ledgerlake.storage.objects import client_config
from ledgerlake.tables.catalogue import differences


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001, Lambda passes it
    """Handle one invocation by Lambda."""
    if event != {}:
        raise LedgerlakeError(f"the event is {event!r}", expected="{}")
    return {"differences": differences(boto3.client("glue", config=client_config()))}
