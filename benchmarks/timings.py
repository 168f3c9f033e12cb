"""How a measured process says that a part of its work is done. It imports nothing else: each environment has it."""

import sys

LAP = "lap ended\n"


def end_lap() -> None:
    """Say so to who measures this process, and wait for its leave to go on, if it gives any."""
    print(LAP, end="", flush=True)
    if not sys.stdin.isatty():
        sys.stdin.readline()  # a line, or at once the end of what is there
