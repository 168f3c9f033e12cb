"""Everything that a deployment uploads, written to `dist/`: `python -m infra.release.distribution`.

The same tree gives the same bytes, on every machine and at every time. A path below `dist/` is the
key in the artifact bucket; `manifest.json` says the SHA-256 of each.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ledgerlake
from infra.release import packaging
from infra.release.wheel import archive, sources

AIRFLOW = "airflow/"
"""All that Airflow reads is below it, so that its role can be given this prefix and no other."""
DAGS = f"{AIRFLOW}dags/"
PLUGINS = f"{AIRFLOW}plugins.zip"
REQUIREMENTS = f"{AIRFLOW}requirements.txt"
TEMPLATES = "templates/"
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Distribution:
    """What was built.

    Args:
        release: what Glue, Lambda and Step Functions run.
        files: path below `folder`, which is also the key in the artifact bucket → SHA-256, in hexadecimal.
    """

    folder: Path
    release: packaging.Release
    files: Mapping[str, str]

    def below(self, prefix: str) -> list[str]:
        """Return the keys that begin with `prefix`, sorted."""
        return sorted(key for key in self.files if key.startswith(prefix))

    def path(self, key: str) -> Path:
        """Return the path of the file with the key."""
        return self.folder / key

    def as_json(self) -> dict[str, Any]:
        """Return the manifest."""
        return {"version": ledgerlake.__version__, "release": self.release.name, "files": dict(self.files)}


def build(folder: Path, root: Path = packaging.ROOT) -> Distribution:
    """Write the artefacts of the tree at `root` to `folder`, whose former content is removed.

    Raises:
        PackagingError: something is missing that would be started or deployed.
    """
    shutil.rmtree(folder, ignore_errors=True)
    release = packaging.build(folder, root)
    for key, content in {**_airflow(root), **_templates(root)}.items():
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    files = {path.relative_to(folder).as_posix(): _sha256(path) for path in paths}
    distribution = Distribution(folder, release, files)
    (folder / MANIFEST).write_text(json.dumps(distribution.as_json(), indent=1) + "\n")
    return distribution


def _airflow(root: Path) -> dict[str, bytes]:
    packaging.require(root / "requirements.txt", root, "what MWAA installs")
    packaging.require(root / "plugins" / ".airflowignore", root, "what Airflow shall not load as plugins by itself")
    dags = sources(root / "dags")
    return {
        PLUGINS: archive(sources(root / "plugins")),
        REQUIREMENTS: (root / "requirements.txt").read_bytes(),
        **{f"{DAGS}{name}": content for name, content in dags.items()},
    }


def _templates(root: Path) -> dict[str, bytes]:
    found = sorted((root / "infra" / "templates").glob("*.template.json"))
    return {f"{TEMPLATES}{path.name}": path.read_bytes() for path in found}


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main() -> None:
    """Build the distribution in `dist/`."""
    folder = packaging.ROOT / "dist"
    built = build(folder)
    print(f"release {built.release.name}: {len(built.files)} files in {folder}")  # noqa: T201, for people


if __name__ == "__main__":
    main()
