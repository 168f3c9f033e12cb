"""Releases: what Glue, Lambda and Step Functions run, built from the tree as a deployment uploads it.

A release is named by its content, so the same tree is the same release on every machine, two
releases never mix in one bucket, and a deployment of what is there already uploads nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import ledgerlake
from infra.functions import FUNCTIONS
from infra.release.wheel import archive, file_name, sources, wheel
from ledgerlake.contracts import DATASETS
from ledgerlake.errors import LedgerlakeError

ROOT = Path(__file__).parents[2]
DEFINITION = Path("step_functions", "ecommerce_etl_pipeline.asl.json")
WHEEL = file_name("ledgerlake-glue", ledgerlake.__version__)
SERVERLESS = "ledgerlake_serverless"


class PackagingError(LedgerlakeError):
    """The tree lacks something that the infrastructure would start."""


@dataclass(frozen=True)
class Release:
    """The artefacts of one state of the tree.

    Args:
        name: a hash over every artefact, 16 hexadecimal digits; the template's parameter `Release`.
        files: key in the artifact bucket → the file to put there.
    """

    name: str
    files: Mapping[str, Path]


def script_key(job: str) -> str:
    """Return the key of a Glue job's script, below the release."""
    return f"glue/{job}.py"


def wheel_key() -> str:
    """Return the key of the wheel that all Glue jobs share, below the release."""
    return f"glue/{WHEEL}"


def lambda_key(name: str) -> str:
    """Return the key of the zip built from `lambdas/<name>/`, below the release."""
    return f"lambdas/{name}.zip"


def definition_key() -> str:
    """Return the key of the state machine's definition, below the release."""
    return f"step_functions/{DEFINITION.name}"


def build(target: Path, root: Path = ROOT) -> Release:
    """Write the artefacts of the tree at `root` to `target/<release>/…`.

    Raises:
        PackagingError: a script or handler that the template names is not in the tree.
    """
    artefacts = {**_glue(root), **_lambdas(root), **_definition(root)}
    name = _content_hash(artefacts)
    files = {}
    for key, content in artefacts.items():
        path = target / name / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        files[f"{name}/{key}"] = path
    return Release(name, files)


def _glue(root: Path) -> dict[str, bytes]:
    scripts = {dataset.job: root / "glue_scripts" / f"{dataset.job}.py" for dataset in DATASETS.values()}
    for job, script in scripts.items():
        require(script, root, f"the script of the Glue job {job}")
    library = root / "glue_scripts" / "ledgerlake_glue"
    require(library / "__init__.py", root, "the Spark library of the Glue jobs")
    content = wheel(
        "ledgerlake-glue",
        ledgerlake.__version__,
        {**_kernel(root), **sources(library, "ledgerlake_glue")},
        summary="What the Glue jobs of Ledgerlake share.",
        requires_python=">=3.11",
    )
    return {wheel_key(): content, **{script_key(job): script.read_bytes() for job, script in scripts.items()}}


def _lambdas(root: Path) -> dict[str, bytes]:
    library = root / "lambdas" / SERVERLESS
    require(library / "__init__.py", root, "the library of the Lambdas")
    others = {"__pycache__", SERVERLESS}
    folders = sorted(path for path in (root / "lambdas").iterdir() if path.is_dir() and path.name not in others)
    for function in FUNCTIONS:
        require(root / "lambdas" / function.folder / "handler.py", root, f"the handler of {function.name}")
    for folder in folders:
        require(folder / "handler.py", root, f"the handler of lambdas/{folder.name}")
    shared = {**_kernel(root), **sources(library, SERVERLESS)}
    return {lambda_key(folder.name): archive({**sources(folder), **shared}) for folder in folders}


def _definition(root: Path) -> dict[str, bytes]:
    require(root / DEFINITION, root, "the definition of the state machine")
    return {definition_key(): (root / DEFINITION).read_bytes()}


def _kernel(root: Path) -> dict[str, bytes]:
    return sources(root / "dags" / "ledgerlake", "ledgerlake")


def require(path: Path, root: Path, what: str) -> None:
    """Refuse to go on without the file at `path`, which is `what`.

    Raises:
        PackagingError: it is not in the tree.
    """
    if not path.is_file():
        raise PackagingError(f"{path.relative_to(root)} is missing", expected=what, remedy="write it, or restore it")


def _content_hash(artefacts: Mapping[str, bytes]) -> str:
    digests = (f"{key} {hashlib.sha256(content).hexdigest()}\n" for key, content in sorted(artefacts.items()))
    return hashlib.sha256("".join(digests).encode()).hexdigest()[:16]
