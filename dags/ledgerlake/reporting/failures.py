"""Failed steps of a run; their reasons are worded alike for both orchestrators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ledgerlake.contracts import DATASETS

LONGEST = 4000  # characters of a reason; an SNS message holds 256 KiB


@dataclass(frozen=True)
class Failure:
    """One step of a run that failed.

    Args:
        step: an Airflow task or a Step Functions state; `checks.<name>` in both.
        log: the URL of its log, or the command that shows it.
        kind: the class of its error; empty when its process was killed.
        of: the dataset, where the name of the step does not imply it.
    """

    step: str
    reason: str
    log: str
    kind: str = ""
    of: str = ""

    @property
    def dataset(self) -> str:
        """The dataset of the step; empty for a step of the whole batch."""
        return self.of or dataset_of(self.step)


def dataset_of(step: str) -> str:
    """Return the dataset whose job the step is; empty when it is no job."""
    return next((name for name, dataset in DATASETS.items() if dataset.job == step), "")


def job_reason(job: str, run: Mapping[str, Any], run_id: str, otherwise: str) -> str:
    """Return the reason of a failed Glue job.

    Args:
        run: the Glue run, with `JobRunState` and, if the job left one, `ErrorMessage`.
        otherwise: what is known without an error message.
    """
    message = run.get("ErrorMessage") or f"no error message; {otherwise}"
    return f"{job} {run['JobRunState']}: {message} (Glue run {run_id})"


def lost_job_reason(job: str, run: Mapping[str, Any], run_id: str) -> str:
    """Return the reason of a task that ended before it saw the end of its job, which did not fail."""
    return (
        f"{job} {run['JobRunState']} in Glue (run {run_id}); its task ended before it saw that; "
        "next step: ledgerlake run --wait, which resumes the batch"
    )


def lambda_reason(function: str, response: Mapping[str, Any]) -> str:
    """Return the reason of a failed Lambda: `ArchiveETLFiles: ArchiveError: …`.

    Args:
        response: its response, with `errorType` and `errorMessage`.
    """
    return f"{function}: {response['errorType']}: {response['errorMessage']}"


def query_reason(query_id: str | None, state: str, detail: str | None) -> str:
    """Return the reason of a query of Athena that did not succeed."""
    return f"Athena query {query_id} is {state}: {detail}"
