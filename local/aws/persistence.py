"""State that survives: saved every few seconds and at the end, which MiniStack does only at a graceful end.

Its own end waits for every open connection, and a sensor holds one for 20 seconds at a time.
Objects in S3 are on disk at once, without this.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from typing import Any

from local.home import Home

EVERY = 10
"""Seconds; what a killed local AWS forgets at most of queues, runs and catalogue."""


def install(home: Home) -> None:  # noqa: ARG001, every executor is installed alike
    """Save the state now and then, and once more at the end."""
    import hypercorn.asyncio

    serve = hypercorn.asyncio.serve

    async def serve_until_stopped(app: Any, config: Any) -> None:
        await serve(app, config, shutdown_trigger=_save_until_stopped)

    hypercorn.asyncio.serve = serve_until_stopped  # type: ignore[assignment]
    logging.getLogger("persistence").setLevel(logging.WARNING)


async def _save_until_stopped() -> None:
    """Save now and then; on SIGTERM or Ctrl-C save once more and end at once, with all jobs."""
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    while not stopped.is_set():
        try:
            await asyncio.wait_for(stopped.wait(), EVERY)
        except TimeoutError:
            await asyncio.to_thread(_save)
    _save()
    os._exit(0)  # threads and open connections have nothing left to do


def _save() -> None:
    import ministack.app

    ministack.app.save_all(ministack.app._build_persistence_save_dict())
