"""`python -m benchmarks [NAME…]`: run benchmarks, and write what they found into docs/performance.md."""

from __future__ import annotations

import importlib
import signal
import sys
import time
from typing import Annotated

import typer
from rich.console import Console
from rich.markdown import Markdown

from benchmarks import lab, report
from benchmarks.measuring import Failed

NAMES = ("batch", "start", "growth", "small_files", "orchestration", "memory")
SMOKE = ("batch", "small_files")
"""Those that are run in every test, on little data: results are compared, nothing is measured."""

console = Console()


def main(
    names: Annotated[list[str] | None, typer.Argument(help=f"Some of {', '.join(NAMES)}; all by default.")] = None,
    *,
    smoke: Annotated[bool, typer.Option(help="On little data, to see that results agree; nothing is written.")] = False,
) -> None:
    """Measure Ledgerlake side by side with other ways to do the same."""
    chosen = names or list(SMOKE if smoke else NAMES)
    if unknown := sorted(set(chosen) - set(NAMES)):
        raise typer.BadParameter(f"there is no benchmark {', '.join(unknown)}; expected some of {', '.join(NAMES)}")
    for number in (signal.SIGTERM, signal.SIGHUP):  # so that what was started ends too
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    began = time.monotonic()
    missed = []
    for place, name in enumerate(chosen):
        try:
            missed += _run(name, smoke=smoke)
        except (Failed, KeyboardInterrupt) as error:
            go_on = "make bench-smoke" if smoke else f'make bench NAME="{" ".join(chosen[place:])}"'
            why = f"failed: {error}" if isinstance(error, Failed) else "stopped"
            console.print(f"{name} {why}", style="red", markup=False, highlight=False)
            told = f"What was measured before it is written.\nTo go on: {go_on}"
            console.print(told, markup=False, highlight=False, soft_wrap=True)
            raise typer.Exit(1 if isinstance(error, Failed) else 130) from None
    console.print(f"{len(chosen)} benchmarks in {time.monotonic() - began:.0f} s")
    for goal in missed:
        console.print(f"[red]missed[/] {goal}")


def _run(name: str, *, smoke: bool) -> list[report.Goal]:
    console.rule(name)
    with lab.opened(
        name, smoke=smoke, say=lambda text: console.print(f"[dim]{time.strftime('%H:%M:%S')} {text}[/]")
    ) as here:
        results: list[report.Result] = importlib.import_module(f"benchmarks.{name}").run(here)
    for result in results:
        console.print(Markdown(result.markdown()))
    if smoke:
        return []
    report.keep(name, results)
    return [goal for result in results for goal in result.goals if not goal.holds]


if __name__ == "__main__":
    typer.run(main)
