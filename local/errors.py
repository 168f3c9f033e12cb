"""What can go wrong while a local lake is started, deployed or stopped."""

from __future__ import annotations

from ledgerlake.errors import LedgerlakeError


class PortTaken(LedgerlakeError):
    """Somebody else listens where a part of the lake should."""


class NotReady(LedgerlakeError):
    """A part of the lake ended, or did not answer in time."""


class DeployError(LedgerlakeError):
    """The template could not be deployed."""


class HookError(LedgerlakeError):
    """The local AWS is not the one that our executors were written for."""


class NotInstalled(LedgerlakeError):
    """An environment or a download is missing."""
