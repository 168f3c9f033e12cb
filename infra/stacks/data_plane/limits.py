"""Limits of the data plane; without CDK, so that the command uses the same figures."""

from __future__ import annotations

SCANNED_AT_MOST = 50 * 1024**3
"""Bytes a query of Athena, about a quarter of a dollar."""
WORKER_TYPE = "G.1X"
WORKERS = 2
"""Of a Glue job; one of them is the driver's."""
