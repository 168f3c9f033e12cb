"""How boto3 and delta-rs reach the local AWS of a home."""

from __future__ import annotations

from typing import Any

from local.home import REGION, UNCHECKED, Home


def client_arguments(home: Home) -> dict[str, Any]:
    """For `boto3.client(service, **…)`, whatever the environment says."""
    return {
        "endpoint_url": home.endpoint_url,
        "region_name": REGION,
        "aws_access_key_id": home.access_key,
        "aws_secret_access_key": UNCHECKED,
    }


def storage_options(home: Home) -> dict[str, str]:
    """For delta-rs."""
    return {**home.environment(), "AWS_ALLOW_HTTP": "true", "AWS_CONDITIONAL_PUT": "etag"}
