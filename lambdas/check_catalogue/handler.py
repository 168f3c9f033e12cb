"""CheckCatalogue: say what the Glue catalogue lacks, or has differently from the contracts.

Event `{}`; answer `{"differences": ["orders is not in ecommerce_dwh", …]}`, empty when the crawler need not run.
"""

from __future__ import annotations

from typing import Any

import boto3

from ledgerlake.errors import LedgerlakeError
from ledgerlake.storage.objects import client_config
from ledgerlake.tables.catalogue import differences


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001, Lambda gives it
    """Handle one invocation."""
    if event != {}:
        raise LedgerlakeError(f"the event is {event!r}", expected="{}")
    return {"differences": differences(boto3.client("glue", config=client_config()))}
