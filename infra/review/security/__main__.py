"""Run every check of `make security` and report its findings."""

from __future__ import annotations

import csv
import json
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from infra import synth
from infra.exceptions import EXCEPTIONS, Exceptions
from infra.review.security import accepted, scanners, wildcards

TEMPLATES = tuple(synth.TEMPLATES.values())


def nag() -> list[str]:
    """cdk-nag's AWS Solutions rules over a fresh synthesis, which has to be what is committed."""
    with tempfile.TemporaryDirectory() as folder:
        fresh = synth.synthesised(Path(folder))
        stale = [
            f"{path.name} differs from infra/: run make synth, and review the difference"
            for stack, path in synth.TEMPLATES.items()
            if path.read_text() != synth.text(fresh[stack])
        ]
        return stale + [broken for report in Path(folder).glob("*NagReport.csv") for broken in _broken(report)]


def _broken(report: Path) -> list[str]:
    with report.open(newline="") as lines:
        return [
            f"{row['Rule ID']} {row['Resource ID']}: {row['Rule Info']}"
            for row in csv.DictReader(lines)
            if row["Compliance"] not in ("Compliant", "Suppressed")
        ]


def permissions() -> list[str]:
    """Wildcards in what roles may do."""
    templates = {stack: json.loads(path.read_text()) for stack, path in synth.TEMPLATES.items()}
    problems = [
        f"{stack}: {problem}"
        for stack, template in templates.items()
        for problem in wildcards.unexplained(template, EXCEPTIONS.get(stack, Exceptions()))
    ]
    unused = wildcards.left_over(templates, EXCEPTIONS)
    return problems + [f"{each}: nothing needs this exception any more; take it out" for each in unused]


def lint() -> list[str]:
    """Check the templates with cfn-lint."""
    return scanners.lines_of(scanners.beside("cfn-lint"), *TEMPLATES)


def policies() -> list[str]:
    """Check the templates with checkov's rules for CloudFormation."""
    return _judged(accepted.CHECKOV, scanners.checkov(TEMPLATES))


def code() -> list[str]:
    """Check the code that is shipped or run with ruff's security rules (flake8-bandit)."""
    chosen = ["--select", "S", "--ignore", ",".join(scanners.ignored_rules())]
    return scanners.lines_of(scanners.beside("ruff"), "check", *chosen, "--output-format", "concise", ".")


def secrets() -> list[str]:
    """Check every file of the tree for possible secrets."""
    return _judged(accepted.SECRETS, scanners.secrets(scanners.ROOT, scanners.tracked(scanners.ROOT)))


def _judged(known: tuple[accepted.Accepted, ...], found: list[tuple[str, str]]) -> list[str]:
    problems = [f"{rule} at {where}" for rule, where in accepted.unexplained(known, found)]
    unused = accepted.left_over(known, found)
    return problems + [f"{each.rule} at {each.where} is accepted, and found no more: take it out" for each in unused]


CHECKS: dict[str, Callable[[], list[str]]] = {
    "cdk-nag": nag,
    "permissions": permissions,
    "cfn-lint": lint,
    "checkov": policies,
    "ruff S": code,
    "secrets": secrets,
}


def main() -> int:
    """Run every check and return the exit code."""
    failed = 0
    with ThreadPoolExecutor(2) as pool:
        for name, (problems, seconds) in zip(CHECKS, pool.map(_timed, CHECKS.values()), strict=True):
            failed += bool(problems)
            verdict = f"{len(problems)} found" if problems else "nothing found"
            sys.stdout.write(f"{name:<12} {verdict} ({seconds:.0f} s)\n")
            sys.stdout.writelines(f"    {problem}\n" for problem in problems)
    return 1 if failed else 0


def _timed(check: Callable[[], list[str]]) -> tuple[list[str], float]:
    began = time.monotonic()
    return check(), time.monotonic() - began


if __name__ == "__main__":
    sys.exit(main())
