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

from benchmarks import report, sandbox
from benchmarks.measuring import Failed
from cli import failures
from cli.failures import print_error

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
        go_on = "make bench-smoke" if smoke else f'make bench NAME="{" ".join(chosen[place:])}"'
        try:
            missed += _run(name, smoke=smoke)
        except Failed as error:
            raise typer.Exit(print_error(failures.Failed(f"{name}: {error}", remedy=go_on))) from None
        except KeyboardInterrupt:
            print_error(failures.Failed(f"{name} was interrupted", remedy=go_on))
            raise typer.Exit(failures.INTERRUPTED) from None
    console.print(f"{len(chosen)} benchmarks in {time.monotonic() - began:.0f} s")
    for goal in missed:
        console.print(f"[red]missed[/] {goal}")


def _run(name: str, *, smoke: bool) -> list[report.Goal]:
    console.rule(name)
    with sandbox.opened(
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
