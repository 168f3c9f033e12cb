"""State machine definition, as it is committed and deployed.

CloudFormation replaces each `${Name}` by a value of the deployment (`SUBSTITUTIONS`).
"""

from __future__ import annotations

import json
import re
from typing import Any

from infra import functions
from infra.functions import FUNCTIONS
from infra.state_machine import retries
from infra.state_machine.athena_checks import checking, figures
from infra.state_machine.crawling import crawling
from infra.state_machine.loading import loading
from infra.state_machine.planning import dates, planning
from infra.state_machine.reporting import failing, reporting
from infra.state_machine.retries import EXECUTION_SECONDS
from infra.state_machine.states import caught, invoke, jsonata
from ledgerlake.contracts import DATASETS
from ledgerlake.tables.checks import checks

_VALUES = {"TopicArn", "QueueUrl", "PollSeconds", "RetryDelaySeconds"}
SUBSTITUTIONS = frozenset({*(function.name for function in FUNCTIONS), *_VALUES})
"""The names for which a deployment must supply values."""


def definition() -> dict[str, Any]:
    """Return the state machine in Amazon States Language."""
    return {
        "Comment": "From delivered files to checked tables. Made by infra/state_machine; see docs/step-functions.md.",
        "QueryLanguage": "JSONata",
        "StartAt": "Begin",
        "TimeoutSeconds": EXECUTION_SECONDS,
        "States": {
            **planning("Load1"),
            **loading(DATASETS, "ArchiveETLFiles"),
            "ArchiveETLFiles": invoke(
                functions.ARCHIVE,
                {"batch_id": jsonata("$plan.batch_id")},
                retry=[retries.UNFINISHED_ARCHIVE],
                Assign={"archive": jsonata("$states.result.Payload")},
                Catch=caught("ArchiveETLFiles"),
                Next="CheckCatalogue",
            ),
            **crawling("Checks"),
            **checking(checks(), "ReadFigures"),
            **figures("ReportRun"),
            **reporting(),
            **failing(),
            **dates(),
        },
    }


def text() -> str:
    """Return the definition as it is committed."""
    return json.dumps(definition(), indent=2, ensure_ascii=False) + "\n"


def substituted(body: str, values: dict[str, str]) -> str:
    """Return the definition as CloudFormation deploys it, with every `${Name}` replaced by its value."""
    return re.sub(r"\$\{(\w+)\}", lambda found: values[found[1]], body)
