"""What a Python process said last: the one line that Glue and Lambda show as the error."""

from __future__ import annotations

import re

_HEADER = "Traceback (most recent call last):"
_ERROR = re.compile(r"(?:[A-Za-z_]\w*\.)*([A-Za-z_]\w*)(:.*)?$")
LONGEST = 2000
"""Characters of an ErrorMessage."""


def last_error(text: str) -> str:
    """`ErrorClass: message` of the last traceback in `text`, the class without its module; empty if there is none."""
    _, header, rest = text.rpartition(_HEADER)
    if not header:
        return ""
    lines = rest.splitlines()[1:]
    for number, line in enumerate(lines):
        if line and not line[0].isspace() and (found := _ERROR.match(line)):
            return (found[1] + (found[2] or "") + _java_cause(lines[number + 1 :]))[:LONGEST]
    return ""


def error_message(output: str, code: int) -> str:
    """Return the ErrorMessage of a process that ended with `code` after it wrote `output` to stderr."""
    if found := last_error(output):
        return found
    said = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in said if re.match(r"[\w.]*(Error|Exception)\b", line)]
    return (errors or said or [f"the script ended with exit code {code} and said nothing"])[-1][:LONGEST]


def _java_cause(following: list[str]) -> str:
    """Py4J writes the Java exception on the next line, as `: java.lang.SomeException: …`."""
    return f" {following[0].lstrip(': ')}" if following and following[0].startswith(": ") else ""
