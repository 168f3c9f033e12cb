"""What a change does to AWS, as Markdown for its reviewers: `python -m infra.review.template_changes BASE`.

Compared are the templates and the state machine's definition of the working tree with those of the
commit BASE, resource by resource and property by property.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from infra.release import packaging
from ledgerlake.errors import LedgerlakeError

LONGEST = 60_000
"""Characters. A comment of GitHub has at most 65,536."""
_TEMPLATES = "infra/templates"
_VALUE = 1500
_NOTHING: Any = object()
_STATEFUL = ("AWS::S3::Bucket", "AWS::KMS::Key", "AWS::SQS::Queue", "AWS::Glue::Database")


class NoSuchCommit(LedgerlakeError):
    """The templates of BASE cannot be read."""


def page(before: Mapping[str, Any], after: Mapping[str, Any], base: str) -> str:
    """Return the differences as Markdown.

    Args:
        before: path in the repository → what that JSON file holds at `base`.
        after: the same now; a path that only one of them has is a file that was added or removed.
    """
    sections = [_section(name, before.get(name, {}), after.get(name, {})) for name in sorted({*before, *after})]
    changes = "\n\n".join(section for section in sections if section)
    text = f"### What changes in AWS\n\n{changes or f'Nothing: every template is that of `{base}`.'}\n"
    if len(text) <= LONGEST:
        return text
    rest = "\n\n… and more: see the difference of the files themselves.\n"
    return text[: LONGEST - len(rest)].rpartition("\n\n**")[0] + rest


def _section(name: str, before: dict[str, Any], after: dict[str, Any]) -> str:
    parts = [_part(*each) for each in _parts(before, after)]
    return f"#### `{name}`\n\n" + "\n\n".join(parts) if parts else ""


def _parts(before: dict[str, Any], after: dict[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Yield (name, before, after) of every resource, state or other top-level entry that differs."""
    for group in sorted({*before, *after}):
        old, new = before.get(group, {}), after.get(group, {})
        if group not in ("Resources", "States"):
            old, new = {group: before.get(group, _NOTHING)}, {group: after.get(group, _NOTHING)}
        for name in sorted({*old, *new}):
            pair = old.get(name, _NOTHING), new.get(name, _NOTHING)
            if pair[0] != pair[1]:
                yield name, *pair


def _part(name: str, before: Any, after: Any) -> str:
    kind = next((each["Type"] for each in (after, before) if isinstance(each, dict) and "Type" in each), "")
    change = "added" if before is _NOTHING else "removed" if after is _NOTHING else "changed"
    about = f" ({kind})" if kind else ""
    warning = f" ⚠ {kind} keeps state" if change == "removed" and kind in _STATEFUL else ""
    warning = warning or (" ⚠ permissions" if kind.startswith("AWS::IAM::") or kind.endswith("Policy") else "")
    return f"**{change}** `{name}`{about}{warning}\n```diff\n" + "\n".join(differences(before, after)) + "\n```"


def differences(before: Any, after: Any, at: str = "") -> Iterator[str]:
    """`- path: value` for what is gone, `+ path: value` for what is new."""
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for name in sorted({*before, *after}):
            below = f"{at}.{name}" if at else name
            yield from differences(before.get(name, _NOTHING), after.get(name, _NOTHING), below)
    elif isinstance(before, list) and isinstance(after, list):
        yield from _in_list(before, after, at)
    else:
        yield from (_line("-", at, before) for _ in (before,) if before is not _NOTHING)
        yield from (_line("+", at, after) for _ in (after,) if after is not _NOTHING)


def _in_list(before: list[Any], after: list[Any], at: str) -> Iterator[str]:
    """Elements that both have are left out; as many gone as new are compared one with the other."""
    gone = [each for each in before if each not in after]
    new = [each for each in after if each not in before]
    if not gone and not new:
        yield f"! {at}: the same elements in another order or number"
    elif len(gone) == len(new):
        for old, changed in zip(gone, new, strict=True):
            yield from differences(old, changed, f"{at}[{after.index(changed)}]")
    else:
        yield from (_line("-", f"{at}[]", each) for each in gone)
        yield from (_line("+", f"{at}[]", each) for each in new)


def _line(sign: str, at: str, value: Any) -> str:
    return f"{sign} {at}: {_shown(value)}" if at else f"{sign} {_shown(value)}"


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _VALUE else text[:_VALUE] + "…"


def now(root: Path = packaging.ROOT) -> dict[str, Any]:
    """Path in the repository → content, of every template and of the definition."""
    files = [*sorted((root / _TEMPLATES).glob("*.json")), root / packaging.DEFINITION]
    return {str(file.relative_to(root)): json.loads(file.read_text()) for file in files}


def at_commit(base: str, root: Path = packaging.ROOT) -> dict[str, Any]:
    """Return the templates and the definition of the commit `base`.

    Raises:
        NoSuchCommit: git does not know it.
    """
    listed = _git(root, base, "ls-tree", "-r", "--name-only", base, "--", _TEMPLATES, str(packaging.DEFINITION))
    names = [name for name in listed.splitlines() if name.endswith(".json")]
    return {name: json.loads(_git(root, base, "show", f"{base}:{name}")) for name in names}


def _git(root: Path, base: str, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", root, *arguments], capture_output=True, text=True)  # noqa: S607
    if done.returncode:
        raise NoSuchCommit(
            f"git knows no {base}: {done.stderr.strip()}",
            expected="a commit, branch or tag of this repository",
            remedy="make synth-diff BASE=origin/main; in a shallow clone, fetch it first",
        )
    return done.stdout


if __name__ == "__main__":
    try:
        sys.stdout.write(page(at_commit(sys.argv[1]), now(), sys.argv[1]))
    except LedgerlakeError as error:
        sys.exit(f"{type(error).__name__}: {error}")
