"""What a release on GitHub has attached, made of `dist/`: `python -m infra.release.files v1.2.0`.

`release/ledgerlake-<version>.zip` holds all that a deployment uploads, and `release/SHA256SUMS` its
checksum, as `sha256sum --check` reads it. The same tree gives the same bytes.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
from pathlib import Path

import ledgerlake
from infra.release import packaging
from infra.release.wheel import archive, sources
from ledgerlake.errors import LedgerlakeError

CHECKSUMS = "SHA256SUMS"


class WrongRelease(LedgerlakeError):
    """The tag, or what was built, is not what would be published."""


def write(tag: str, dist: Path, target: Path) -> list[Path]:
    """Write the zip and its checksums to `target`, whose former content is removed.

    Args:
        tag: `v` and the version.
        dist: what `make package` wrote.

    Raises:
        WrongRelease: the tag is not the version's; or `dist` is empty.
    """
    version = ledgerlake.__version__
    if tag != f"v{version}":
        raise WrongRelease(
            f"the tag is {tag!r}, and the version in dags/ledgerlake/__init__.py {version}",
            expected=f"the tag v{version}",
            remedy="set the version, commit, and tag that commit",
        )
    files = sources(dist)
    if not files:
        raise WrongRelease(f"{dist} holds nothing", expected="the packages", remedy="make package")
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    package = target / f"ledgerlake-{version}.zip"
    package.write_bytes(archive(files))
    checksums = target / CHECKSUMS
    checksums.write_text(f"{hashlib.sha256(package.read_bytes()).hexdigest()}  {package.name}\n")
    return [package, checksums]


if __name__ == "__main__":
    try:
        write(sys.argv[1], packaging.ROOT / "dist", packaging.ROOT / "release")
    except LedgerlakeError as error:
        sys.exit(f"{type(error).__name__}: {error}")
