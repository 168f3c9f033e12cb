"""The tools of `make security`, and what they find as (rule, where). Those of `.venv-security` run offline."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ledgerlake.errors import LedgerlakeError

ROOT = Path(__file__).parents[3]
TOOLS = ROOT / ".venv-security" / "bin"
"""Of checkov, which brings another edition of detect-secrets: both are one module, so ours lives beside cfn-lint."""
_NO_SOURCE = ("requirements/", "docs/pictures/")
"""Below these, hashes and pictures look like secrets; they are made by tools."""


class ScanFailed(LedgerlakeError):
    """A scanner could not be run, or did not look at anything."""


def checkov(templates: Sequence[Path]) -> list[tuple[str, str]]:
    """(id, `<template>:<type>.<logical id>`) of what fails in the templates."""
    # Below the root: checkov takes a path in which forty characters follow one another for a key of AWS.
    named = (path.relative_to(ROOT) if path.is_relative_to(ROOT) else path for path in templates)
    files = [argument for path in named for argument in ("-f", str(path))]
    options = ["--framework", "cloudformation", "--output", "json", "--compact", "--quiet", "--skip-download"]
    done = _run([TOOLS / "checkov", *files, *options], codes=(0, 1))
    reports = json.loads(done)
    reports = reports if isinstance(reports, list) else [reports]
    if not all(report.get("summary", report).get("resource_count") for report in reports):
        raise ScanFailed("checkov has looked at no resource", expected=f"those of {len(templates)} templates")
    return [
        (check["check_id"], f"{Path(check['file_path']).name.partition('.')[0]}:{check['resource']}")
        for report in reports
        for check in report["results"]["failed_checks"]
    ]


def secrets(root: Path, files: Sequence[str]) -> list[tuple[str, str]]:
    """(kind, `<file>:<line>`) of whatever looks like a secret in `files`, which are below `root`."""
    looked_at = [name for name in files if not name.startswith(_NO_SOURCE)]
    if not looked_at:
        raise ScanFailed("there is no file to search for secrets", expected=f"the files of {root}")
    done = _run([beside("detect-secrets"), "scan", "--no-verify", *_QUIET, *looked_at], cwd=root)
    results: dict[str, list[dict[str, Any]]] = json.loads(done)["results"]
    return [(each["type"], f"{name}:{each['line_number']}") for name, found in results.items() for each in found]


# random-looking words are in every expected hash of a test; those with a name like `password` are found by keyword
_QUIET = ("--disable-plugin", "HexHighEntropyString", "--disable-plugin", "Base64HighEntropyString")


def tracked(root: Path) -> list[str]:
    """Return the files below `root` that git tracks or would add."""
    listed = _run(["git", "-C", str(root), "ls-files", "--cached", "--others", "--exclude-standard"])
    return [name for name in listed.splitlines() if (root / name).is_file() and not (root / name).is_symlink()]


def lines_of(*command: str | Path, cwd: Path = ROOT) -> list[str]:
    """Return the output of a linter by line; nothing if it succeeds."""
    done = subprocess.run([str(each) for each in command], cwd=cwd, capture_output=True, text=True, check=False)
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    return lines if done.returncode else []


def ignored_rules() -> list[str]:
    """Those of ruff's rules of security that do not hold in this project; the reasons are in pyproject.toml."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
    return [rule for rule in settings["ignore"] if rule.startswith("S")]


def beside(name: str) -> Path:
    """Return the path of a tool in the running environment."""
    return Path(sys.executable).with_name(name)


def _run(command: Sequence[str | Path], codes: tuple[int, ...] = (0,), cwd: Path = ROOT) -> str:
    try:
        done = subprocess.run([str(each) for each in command], cwd=cwd, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise ScanFailed(
            f"{command[0]} is not there", expected="the tools of make security", remedy="make setup"
        ) from error
    if done.returncode not in codes:
        raise ScanFailed(f"{Path(command[0]).name} ended with {done.returncode}: {done.stderr[-500:]}")
    return done.stdout
