"""Write what is committed of what the code says: state machine and template: `python -m infra.synth` (needs Node).

What is written is the same on every machine: no paths, no times, no hashes of assets.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from infra import packaging
from infra.state_machine import definition, diagram
from ledgerlake import places

DEFINITION = packaging.ROOT / packaging.DEFINITION
PAGE = packaging.ROOT / "docs" / "step-functions.md"
TEMPLATE = Path(__file__).parent / "templates" / "ledgerlake-data-plane.template.json"


def synthesised(outdir: Path) -> dict[str, Any]:
    """The data plane's template, fresh from CDK, whose own files go to `outdir`."""
    from infra.app import application  # it starts Node, which only this function needs

    stack = application(str(outdir)).synth().get_stack_by_name(places.STACK)
    return _without_metadata(stack.template)


def text(template: dict[str, Any]) -> str:
    """The template as it is committed."""
    return json.dumps(template, indent=1) + "\n"


def _without_metadata(template: dict[str, Any]) -> dict[str, Any]:
    """Without what cdk-nag notes beside resources: the reasons are in `infra/exceptions.py`."""
    template.pop("Metadata", None)
    for resource in template["Resources"].values():
        resource.pop("Metadata", None)
    return template


def main() -> None:
    DEFINITION.write_text(definition.text())
    PAGE.write_text(diagram.page(PAGE.read_text(), definition.text()))
    with tempfile.TemporaryDirectory() as folder:
        TEMPLATE.write_text(text(synthesised(Path(folder))))


if __name__ == "__main__":
    main()
