"""The Lambda functions: their folders, what they may take, and what they are for."""

from __future__ import annotations

from dataclasses import dataclass

from ledgerlake import names


@dataclass(frozen=True)
class Function:
    """One function of `lambdas/`.

    Args:
        folder: below `lambdas/`; holds `handler.py`.
        minutes: its timeout.
        memory: in MiB.
    """

    name: str
    folder: str
    doc: str
    minutes: int
    memory: int = 512


CHECK = Function(
    names.CHECK_FUNCTION,
    "check_data_availability",
    "Looks into raw/, plans a batch of what waits, and starts its execution.",
    # it waits for raw/ to be quiet; the local queue hides a message for as long as this, and SQS asks for no less
    minutes=15,
)
PLAN = Function(
    names.PLAN_FUNCTION, "plan_etl_batch", "Takes the lease and says what the execution has to do.", minutes=10
)
ARCHIVE = Function(
    names.ARCHIVE_FUNCTION,
    "archive_etl_files",
    "Moves a batch's deliveries from raw/ to archived/, each copy verified before its delete.",
    minutes=15,
)
CATALOGUE = Function(
    names.CATALOGUE_FUNCTION,
    "check_catalogue",
    "Says where the catalogue differs from the contracts.",
    minutes=1,
    memory=256,
)
REPORT = Function(names.REPORT_FUNCTION, "report_etl_run", "Releases the lease and writes the notification.", minutes=3)
FUNCTIONS = (CHECK, PLAN, ARCHIVE, CATALOGUE, REPORT)
