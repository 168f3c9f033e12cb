"""Mermaid state diagram and table of tasks, generated from the deployed definition."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from infra.state_machine.states import REPORT_FAILURE

_INDENT = "    "


def diagram(machine: dict[str, Any]) -> str:
    """Return the states and transitions as Mermaid, without the errors that lead to `ReportFailure`."""
    return "\n".join(["stateDiagram-v2", *_machine(machine, _INDENT)]) + "\n"


def _machine(machine: dict[str, Any], indent: str) -> Iterator[str]:
    yield f"{indent}[*] --> {machine['StartAt']}"
    for name, state in machine["States"].items():
        yield from _inside(name, state, indent)
        yield from (f"{indent}{line}" for line in _ways(name, state))


def _inside(name: str, state: dict[str, Any], indent: str) -> Iterator[str]:
    """Yield the branches of a Parallel side by side, or the states of a Map's items."""
    inner = [*state.get("Branches", []), *([state["ItemProcessor"]] if "ItemProcessor" in state else [])]
    if state["Type"] == "Choice":
        yield f"{indent}state {name} <<choice>>"
    if not inner:
        return
    yield f"{indent}state {name} {{"
    for number, machine in enumerate(inner):
        if number:
            yield f"{indent}{_INDENT}--"
        yield from _machine(machine, indent + _INDENT)
    yield f"{indent}}}"


def _ways(name: str, state: dict[str, Any]) -> Iterator[str]:
    if state["Type"] in ("Succeed", "Fail") or state.get("End"):
        yield f"{name} --> [*]"
    for rule in state.get("Choices", []):
        yield f"{name} --> {rule['Next']}: {_in_words(rule['Condition'])}"
    if "Default" in state:
        yield f"{name} --> {state['Default']}: else"
    if "Next" in state:
        yield f"{name} --> {state['Next']}"
    for rule in state.get("Catch", []):
        if rule["Next"] not in (state.get("Next"), REPORT_FAILURE):
            yield f"{name} --> {rule['Next']}: {_caught(rule)}"


def _caught(rule: dict[str, Any]) -> str:
    return "any error" if rule["ErrorEquals"] == ["States.ALL"] else ", ".join(rule["ErrorEquals"])


_WORDS = {
    "$type($states.input.from) = 'string'": "a range of dates",
    "$type($plan.batch_id) = 'string'": "there is a batch",
    "$count($failed) > 0": "something failed",
    "$count($failed_dates) = 0": "all went well",
    "$count($differences) = 0": "as the contracts say",
    "$type($report.again_in_seconds) = 'number'": "to be tried again",
    "in ['FAILED', 'CANCELLED']": "READY, and failed",
    "$states.input.state = 'READY'": "READY",
    "$looks *": "too long",
    "$states.input.tries <=": "a try is left",
}
"""Conditions in words, by a part of the condition; the first match applies."""


def _in_words(condition: str) -> str:
    for code, words in _WORDS.items():
        if code in condition:
            return words
    found = re.search(r"'(\w+)' in \$plan\.datasets", condition)
    if not found:
        raise ValueError(f"no words for the condition {condition}; add them to {__name__}")
    return f"work for {found[1]}"


def tables(machine: dict[str, Any]) -> str:
    """Return a table of the Tasks: what each calls, its timeout and its retries."""
    lines = ["| state | calls | gives up after | tries again |", "|---|---|---|---|"]
    for name, state in tasks(machine):
        called = _called(state)
        again = "; ".join(_again(retrier) for retrier in state["Retry"])
        lines.append(f"| `{name}` | {called} | {_span(state['TimeoutSeconds'])} | {again} |")
    return "\n".join(lines) + "\n"


def tasks(machine: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the Task states, including those of branches and items."""
    for name, state in machine["States"].items():
        if state["Type"] == "Task":
            yield name, state
        for inner in [*state.get("Branches", []), *([state["ItemProcessor"]] if "ItemProcessor" in state else [])]:
            yield from tasks(inner)


def _called(state: dict[str, Any]) -> str:
    resource = state["Resource"].removeprefix("arn:aws:states:::")
    function = state["Arguments"].get("FunctionName")
    return f"Lambda `{function[2:-1]}`" if function else f"`{resource}`"


def _again(retrier: dict[str, Any]) -> str:
    errors = retrier["ErrorEquals"]
    which = errors[0] if len(errors) == 1 else f"{errors[0].partition('.')[0]}'s passing errors"
    return f"{which}: {retrier['MaxAttempts']} times, up to {_span(retrier['MaxDelaySeconds'])} apart"


def _span(seconds: int) -> str:
    if seconds % 3600 == 0:
        return f"{seconds // 3600} h"
    return f"{seconds / 60:g} min" if seconds >= 60 else f"{seconds} s"


def page(text: str, definition: str) -> str:
    """Return the page `text` with the diagram and the table of `definition` between their marks."""
    machine = json.loads(definition)
    for mark, made in (("diagram", f"```mermaid\n{diagram(machine)}```\n"), ("tasks", tables(machine))):
        begin, end = f"<!-- {mark}: made by make synth -->\n", f"<!-- end of {mark} -->"
        before, found, rest = text.partition(begin)
        _, also, after = rest.partition(end)
        if not found or not also:
            raise ValueError(f"the page lacks {begin.strip()} … {end}")
        text = f"{before}{begin}{made}{end}{after}"
    return text
