"""How a measured process says that a part of its work is done. It imports nothing: each environment has it."""

LAP = "lap ended\n"


def end_lap() -> None:
    """Say so to who measures this process."""
    print(LAP, end="", flush=True)
