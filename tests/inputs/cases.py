"""The cases: files as producers deliver them, each with the verdict that it must get.

`cases/<contract>/<dataset>/<group>/` holds the files, and `expected.toml` beside them a table for each:

    ["thousands.csv"]
    why = "Whether 1,234 is a thousand or one and a bit, only the producer knows."
    rows = [
        { total_amount = 1234.5 },                  # accepted, with this value in the table
        { null = ["total_amount"] },                # accepted, with a NULL in this column
        ["not_double: total_amount=1,234.50"],      # rejected, with exactly these reasons
        "accepted",
        "blank",                                    # no row: it has a number, and is counted nowhere
    ]
    unknown = ["colour"]                            # columns of the file that no contract knows

Other verdicts: `file = "<reason>"` for a file that is rejected as a whole (with … at its end where
only the beginning matters), and among the rows
`{ parked = ["orders"] }`, or `{ rejected = [<reasons>], original = "<text>" }` where the row's text
is not simply its line. Dates and timestamps are written as text.

`issue` is the address of a report that somebody has made of such an input to another project.

A file that is no text, or too large to be kept, is described instead of being there: its `text`,
and what is `made` of it, step by step (`STEPS`). Keys (order_id, product_id, id) must be used by no
other case of the contract.
"""

from __future__ import annotations

import gzip
import json
import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "cases"


@dataclass(frozen=True)
class Case:
    """One delivered file and its verdict."""

    contract: str
    dataset: str
    group: str
    name: str
    why: str
    body: bytes = field(repr=False)
    rows: list[Any] | None
    file: str | None
    unknown: list[str]
    issue: str = ""

    @property
    def path(self) -> str:
        return f"{self.group}/{self.name}"

    def expected(self) -> dict[str, Any]:
        """The verdict as `outcome.judged` gives it; a row's values only where the case names them."""
        if self.file is not None:
            return {"file": [self.file], "rows": {}, "unknown": self.unknown}
        rows = {number: self._row(number, row) for number, row in enumerate(self.rows or [], 1) if row != "blank"}
        return {"file": [], "rows": rows, "unknown": self.unknown}

    def _row(self, number: int, row: Any) -> dict[str, Any]:
        if row == "accepted":
            return {"accepted": {}}
        if isinstance(row, list):
            return {"rejected": row, "original": self._line(number)}
        if "rejected" in row or "parked" in row:
            return row
        return {
            "accepted": {name: value for name, value in row.items() if name != "null"}
            | dict.fromkeys(row.get("null", []))
        }

    def _line(self, number: int) -> str:
        text = gzip.decompress(self.body) if self.body.startswith(b"\x1f\x8b") else self.body
        lines = [line for line in re.split("\r\n|\r|\n", text.decode("utf-8-sig")) if line]
        if len(lines) != len(self.rows or []) + 1:
            raise ValueError(f"{self.path}: say the `original` of row {number}; the file's rows are not its lines")
        return lines[number]


def load(folder: Path = FOLDER) -> list[Case]:
    """Every case, with its body made where it is described."""
    return [case for file in sorted(folder.rglob("expected.toml")) for case in _group(file)]


def undescribed(folder: Path = FOLDER) -> list[str]:
    """Files without a verdict."""
    described = {folder / case.contract / case.dataset / case.path for case in load(folder)}
    files = {path for path in folder.rglob("*") if path.is_file() and path.name != "expected.toml"}
    return sorted(str(path.relative_to(folder)) for path in files - described)


def _group(file: Path) -> Iterator[Case]:
    contract, dataset, group = file.parent.relative_to(FOLDER).parts
    for name, given in tomllib.loads(file.read_text()).items():
        if not {"rows", "file"} & set(given):
            raise ValueError(f"{file}: {name} has neither `rows` nor `file`")
        steps = given.get("made", [])
        body = _made(given["text"], steps) if "text" in given else (file.parent / name).read_bytes()
        rows = _filled(given.get("rows"), steps)
        verdict = (rows, given.get("file"), given.get("unknown", []))
        yield Case(contract, dataset, group, name, given["why"], body, *verdict, given.get("issue", ""))


STEPS: dict[str, Callable[[bytes, str], bytes]] = {
    "encode": lambda body, name: body.decode().encode(name),
    "bytes": lambda body, hexes: body.replace(b"@", bytes.fromhex(hexes)),
    "fill": lambda body, count: body.replace(b"@", b"x" * int(count)),
    "gzip": lambda body, _: gzip.compress(body, mtime=0),
    "cut": lambda body, count: body[: -int(count)],
    "flip": lambda body, place: _flipped(body, int(place)),
    "prepend": lambda body, hexes: bytes.fromhex(hexes) + body,
    "append": lambda body, hexes: body + bytes.fromhex(hexes),
    "members": lambda body, _: b"".join(gzip.compress(part, mtime=0) for part in body.split(b"@")),
}
"""`encode latin-1`; `bytes 00ff` and `fill 1000000` put these bytes, so many x, in the place of `@`;
`gzip`; `members` zips the parts between `@` one by one; `cut 20` bytes off the end; `flip -6` inverts
the bits of the byte at that place; `prepend feff` and `append 0000` bytes."""


def _made(text: str, steps: list[str]) -> bytes:
    body = text.encode()
    for step in steps:
        name, _, argument = step.partition(" ")
        body = STEPS[name](body, argument)
    return body


def _flipped(body: bytes, place: int) -> bytes:
    changed = bytearray(body)
    changed[place] ^= 0xFF
    return bytes(changed)


def _filled(rows: Any, steps: list[str]) -> Any:
    """`@` in an expected value stands for what `fill` puts into the file."""
    fills = [step.split()[1] for step in steps if step.startswith("fill")]
    return json.loads(json.dumps(rows).replace("@", "x" * int(fills[0]))) if fills else rows
