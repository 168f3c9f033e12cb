"""What can go wrong while an environment is deployed or removed."""

from __future__ import annotations

from ledgerlake.errors import LedgerlakeError


class DeploymentError(LedgerlakeError):
    """A step of a deployment did not succeed; what was done before it stays."""
