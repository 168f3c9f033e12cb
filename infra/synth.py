"""Write what is committed of what the code says: state machine, templates, pages: `python -m infra.synth` (needs Node).

What is written is the same on every machine: no paths, no times, no hashes of assets.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from infra.release import packaging
from infra.review import access_page
from infra.state_machine import definition, diagram
from ledgerlake import names

DEFINITION = packaging.ROOT / packaging.DEFINITION
PAGE = packaging.ROOT / "docs" / "step-functions.md"
ACCESS = packaging.ROOT / "docs" / "access.md"
_FOLDER = Path(__file__).parent / "templates"
TEMPLATES = {
    names.DELIVERY_STACK: _FOLDER / "ledgerlake-delivery.template.json",
    names.STACK: _FOLDER / "ledgerlake-data-plane.template.json",
    names.AIRFLOW_STACK: _FOLDER / "ledgerlake-airflow.template.json",
    names.GUARDRAILS_STACK: _FOLDER / "ledgerlake-guardrails.template.json",
}
"""Every stack, and where its template is committed."""
TEMPLATE = TEMPLATES[names.STACK]


def synthesised(outdir: Path) -> dict[str, dict[str, Any]]:
    """Return the templates by stack, freshly synthesised; CDK's own files go to `outdir`."""
    from infra.app import application  # it starts Node, which only this function needs

    stacks = application(str(outdir)).synth().stacks
    return {stack.stack_name: _without_metadata(stack.template) for stack in stacks}


def text(template: dict[str, Any]) -> str:
    """Return the template as it is committed."""
    return json.dumps(template, indent=1) + "\n"


def _without_metadata(template: dict[str, Any]) -> dict[str, Any]:
    """Without what cdk-nag notes beside resources: the reasons are in `infra/exceptions.py`."""
    template.pop("Metadata", None)
    for resource in template["Resources"].values():
        resource.pop("Metadata", None)
    return template


def main() -> None:
    """Write the templates, the definition and the generated pages."""
    DEFINITION.write_text(definition.text())
    PAGE.write_text(diagram.page(PAGE.read_text(), definition.text()))
    with tempfile.TemporaryDirectory() as folder:
        for stack, template in synthesised(Path(folder)).items():
            TEMPLATES[stack].write_text(text(template))
    ACCESS.write_text(access_page.page(ACCESS.read_text(), TEMPLATES))


if __name__ == "__main__":
    main()
