"""Bringing a lake to rest by the remedies that it prints, and by nothing else."""

from __future__ import annotations

import re
import time

from whole_lake import Lake

ROUNDS = 15
WAIT_SECONDS = 240
_COMMAND = re.compile(r"ledgerlake ((?:[a-z][a-z-]*)(?: (?:--?[a-z][a-z-]*|[\w.:/=+-]+))*)")
_SHOWS = {"logs", "status", "executions", "ledger", "rejects", "query", "wait", "quarantined", "cost", "sample", "down"}
"""Commands that only show something, or that bring nothing forward."""
_SHOWING = {("lease", "show"), ("dead-letters", "show"), ("orchestrator", "show"), ("up", "--fresh")}
_PLACEHOLDER = re.compile(r"\b[A-Z]{3,}\b")


class Restless(AssertionError):
    """The printed remedies do not bring the lake to rest."""


def come_to_rest(lake: Lake) -> list[str]:
    """Do what is printed until `ledgerlake wait` has nothing to wait for.

    Returns:
        The remedies that were needed.

    Raises:
        Restless: they lead nowhere; with what was said last.
    """
    followed: list[str] = []
    for number in range(ROUNDS):
        done = lake.say("wait", "--timeout", str(WAIT_SECONDS), timeout=WAIT_SECONDS + 120)
        if done.returncode == 0 and not (late := _still_open(lake)):
            return followed
        said = done.stdout + done.stderr if done.returncode else late
        remedies = commands(said) or commands(lake.say("status").stdout)
        for remedy in remedies:
            followed.append(" ".join(remedy))
            lake.say(*remedy, *_yes(remedy), timeout=WAIT_SECONDS + 300)
        time.sleep(min(number, 5))
    raise Restless(f"after {followed}: {said}")


def commands(text: str) -> list[tuple[str, ...]]:
    """The commands in the text that change something, each once and in its order."""
    found = [tuple(match.split()) for match in _COMMAND.findall(text) if not _PLACEHOLDER.search(match)]
    return [each for each in dict.fromkeys(found) if each[0] not in _SHOWS and each[:2] not in _SHOWING]


def _still_open(lake: Lake) -> str:
    """What `status` says is in the way, when nothing is to be waited for."""
    status = lake.say("status").stdout
    return status if "in quarantine" in status and re.search(r"in quarantine\W+\d{8}T", status) else ""


def _yes(remedy: tuple[str, ...]) -> tuple[str, ...]:
    return ("--yes",) if remedy[:2] == ("lease", "release") and "--yes" not in remedy else ()
