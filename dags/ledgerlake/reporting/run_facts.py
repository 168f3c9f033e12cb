"""Facts of a run, and the wording of its orchestrator, from which notifications are written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ledgerlake import names
from ledgerlake.planning.unread import NONE_UNREAD, Unread
from ledgerlake.reporting.check_failures import Observed
from ledgerlake.reporting.drift import loaded
from ledgerlake.reporting.notification import NAMED


@dataclass(frozen=True)
class Wording:
    """What differs between the notifications of the two orchestrators.

    Args:
        live: the workflow that processes live deliveries and resumes open batches.
        request: the form in which a run by date is requested.
        logs: the command that shows what happened.
        run: the command that starts a live run.
        resume: how a failed run by date is resumed.
        reprocess: the command that processes the deliveries of a day again.
    """

    live: str
    request: str
    logs: str
    run: str
    resume: str
    reprocess: str


AIRFLOW = Wording(
    live=names.LIVE_DAG,
    request="a form",
    logs="ledgerlake logs",
    run="ledgerlake run --wait",
    resume="clear the failed task in Airflow, with those after it",
    reprocess="ledgerlake backfill --from DAY --to DAY",
)
STEP_FUNCTIONS = Wording(
    live=names.STATE_MACHINE,
    request="an input",
    logs="ledgerlake executions",
    run="ledgerlake run --orchestrator step_functions",
    resume="ledgerlake run --orchestrator step_functions",
    reprocess="ledgerlake run --orchestrator step_functions --from DAY --to DAY",
)


@dataclass(frozen=True)
class RunFacts:
    """What is known about a run, except its figures and failures.

    Args:
        workflow: the DAG, or the state machine.
        live: whether the run processes live deliveries; False for a run by date.
        plan: the plan of the run; empty when planning failed.
        dates: the first and the last date of a run by date; empty for a live run.
        missing: the first ten raw keys that were deleted after the plan and before they were read.
        missing_count: the number of all such keys.
        unknown: by dataset and raw key, columns that the contract does not have.
        blank_rows: by dataset and raw key, rows without any value, which were skipped.
        absent: by dataset, raw key and missing optional column, the number of rows that lost a value.
        rejected: by raw key, the reason for which the whole file was rejected.
        unread: objects in `raw/` that no job reads and that no notification has named yet.
        note: the note of the person who started the run.
        checks: failures of checks as this run observed them.
        dropped: the reason for which an operator dropped the batch; empty when nobody did.
    """

    workflow: str
    run_id: str
    live: bool = True
    plan: Mapping[str, Any] = field(default_factory=dict)
    dates: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    missing_count: int = 0
    unknown: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)
    blank_rows: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    absent: Mapping[str, Mapping[str, Mapping[str, int]]] = field(default_factory=dict)
    rejected: Mapping[str, str] = field(default_factory=dict)
    unread: Unread = NONE_UNREAD
    note: str = ""
    checks: Observed = field(default_factory=Observed)
    dropped: str = ""
    wording: Wording = AIRFLOW

    @property
    def batch_id(self) -> str:
        """The batch of the plan; empty when there is none."""
        return self.plan.get("batch_id") or ""

    @property
    def deliveries(self) -> str:
        """The number of deliveries in words: `31 deliveries`."""
        return "1 delivery" if self.plan["deliveries"] == 1 else f"{self.plan['deliveries']} deliveries"

    @property
    def loaded(self) -> str:
        """The fate of the deliveries of a finished batch: `31 deliveries of 2025-04-01 loaded`."""
        if self.dropped:
            return f"{self.deliveries}{self.days} dropped ({self.dropped})"
        return loaded(self.plan["deliveries"], len(self.rejected), self.days)

    @property
    def days(self) -> str:
        """`of 2025-04-01`, `of 2025-04-01 to 2025-04-15`; nothing for a live run."""
        return f" of {' to '.join(sorted(set(self.dates)))}" if self.dates else ""


def missing_files(archived: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the fields of `RunFacts` about deleted files.

    Args:
        archived: the response of ArchiveETLFiles.
    """
    response = archived or {}
    keys = response.get("missing") or ()
    return {"missing": tuple(keys[:NAMED]), "missing_count": response.get("missing_count", len(keys))}
